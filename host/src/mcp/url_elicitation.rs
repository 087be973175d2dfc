//! Links to pages of this server, put to the person by the client ("URL mode"), where it can.
//!
//! Since 2026-07-28 a call's result asks for it, and the client calls again when the person has opened the page. Before, an error
//! does (2025-11-25, error -32042), and the client repeats the call when the person is done. A client that declared neither gets
//! the link in words.

use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ErrorCode, InputRequest, InputRequests,
    InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use crate::plugins::{Linked, Visit};

/// How the one request of a link is called.
const PAGE: &str = "page";
/// MCP 2025-11-25, "URL elicitation required error".
const URL_ELICITATION_REQUIRED: i32 = -32042;

/// How a client can be made to open a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpensPages {
    /// Not at all.
    Never,
    /// By the result of the call.
    InResult,
    /// By the error of the call.
    ByError,
}

impl OpensPages {
    /// Of the client that sent this request.
    pub fn of(context: &RequestContext<RoleServer>) -> Self {
        let declared = context
            .client_capabilities()
            .and_then(|capabilities| capabilities.elicitation)
            .is_some_and(|modes| modes.url.is_some());
        match context.protocol_version() {
            Some(version) if declared && version.has_initialize() => Self::ByError,
            Some(_) if declared => Self::InResult,
            _ => Self::Never,
        }
    }
}

/// The result that asks the client to open a page.
pub fn in_result(linked: Linked) -> InputRequiredResult {
    let params = ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message: linked.message,
        url: linked.url,
        // This revision has none.
        elicitation_id: String::new(),
    };
    let request = InputRequest::Elicitation(ElicitRequest::new(params));
    let requests: InputRequests = [(PAGE.to_owned(), request)].into_iter().collect();
    InputRequiredResult::new(Some(requests), Some(linked.id))
}

/// The error that asks the client to open a page.
pub fn by_error(linked: Linked) -> ErrorData {
    let data = json!({"elicitations": [{
        "mode": "url",
        "elicitationId": linked.id,
        "url": linked.url,
        "message": linked.message,
    }]});
    ErrorData::new(
        ErrorCode(URL_ELICITATION_REQUIRED),
        format!(
            "{}. Call again with the same arguments when the person is done.",
            linked.message
        ),
        Some(data),
    )
}

/// What a client brings back from [`in_result`]; none: it says nothing of it.
pub fn visit(responses: Option<InputResponses>) -> Option<Visit> {
    let response = responses?
        .into_iter()
        .find_map(|(id, response)| (id == PAGE).then_some(response))?;
    // To accept is to open the page; what the person did there, the link knows.
    match response.get("action")?.as_str()? {
        "accept" => Some(Visit::Opened),
        "decline" | "cancel" => Some(Visit::Declined),
        _ => None,
    }
}
