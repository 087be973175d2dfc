//! What a client chose by its URL, or whoever started its process: tool sets, and only to read.

use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::config::Mcp;
use crate::plugins::{ReadOnly, Selection};

/// The page of those who only read.
pub const READ_ONLY_PATH: &str = "/mcp/readonly";
/// The one query parameter.
const TOOLSETS: &str = "toolsets";

/// A choice; the default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Sets instead of those of the configuration; empty: those.
    pub toolsets: Vec<String>,
    /// Nothing is to be changed.
    pub read_only: bool,
}

impl Choice {
    /// By the URL of a request.
    ///
    /// # Errors
    /// A parameter that means nothing here: whoever wrote it expects something that would not happen.
    fn by_url(uri: &Uri) -> Result<Self, String> {
        let mut choice = Self {
            read_only: uri.path().trim_end_matches('/') == READ_ONLY_PATH,
            ..Self::default()
        };
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        {
            if name != TOOLSETS {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(format!(
                    "the URL has no parameter '{shown}'; there is '{TOOLSETS}', and the path {READ_ONLY_PATH} for those who only read"
                ));
            }
            choice.toolsets.extend(named(&value));
        }
        Ok(choice)
    }

    /// What is in use under this choice: a client may choose other sets than the operator, and never write where the
    /// operator allows only reading.
    pub fn selection(&self, config: &Mcp, single_client: bool) -> Selection {
        let sets = if self.toolsets.is_empty() {
            &config.toolsets
        } else {
            &self.toolsets
        };
        let read_only = if config.read_only {
            Some(ReadOnly::Config)
        } else if !self.read_only {
            None
        } else if single_client {
            Some(ReadOnly::Process)
        } else {
            Some(ReadOnly::Url)
        };
        Selection {
            toolsets: (!sets.is_empty()).then(|| sets.as_slice().into()),
            read_only,
        }
    }
}

/// Set names, as they stand in a URL or on the command line: `orders,shipments`.
pub fn named(list: &str) -> impl Iterator<Item = String> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// Passes requests with the [`Choice`] of their URL in their extensions.
pub async fn choose(mut request: Request, next: Next) -> Response {
    match Choice::by_url(request.uri()) {
        Ok(choice) => {
            request.extensions_mut().insert(choice);
            next.run(request).await
        }
        Err(message) => {
            let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32602, "message": message}});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(url: &'static str) -> Result<Choice, String> {
        Choice::by_url(&Uri::from_static(url))
    }

    #[test]
    fn sets_stand_in_the_query_and_the_path_tells_who_only_reads() {
        for (url, toolsets, read_only) in [
            ("/mcp", &[][..], false),
            ("/mcp?toolsets=", &[], false),
            (
                "/mcp?toolsets=orders,%20shipments,",
                &["orders", "shipments"],
                false,
            ),
            (
                "/mcp?toolsets=orders&toolsets=stock",
                &["orders", "stock"],
                false,
            ),
            ("/mcp/readonly", &[], true),
            ("/mcp/readonly/?toolsets=orders", &["orders"], true),
        ] {
            let choice = of(url).unwrap();
            assert_eq!(
                (&*choice.toolsets, choice.read_only),
                (
                    &*toolsets
                        .iter()
                        .map(|it| (*it).to_owned())
                        .collect::<Vec<_>>(),
                    read_only
                ),
                "{url}"
            );
        }
    }

    #[test]
    fn a_parameter_that_means_nothing_is_refused() {
        for url in [
            "/mcp?read_only=true",
            "/mcp?toolset=orders",
            "/mcp?readonly",
        ] {
            assert!(of(url).unwrap_err().contains("/mcp/readonly"), "{url}");
        }
    }

    #[test]
    fn a_client_chooses_its_sets_and_cannot_write_where_the_operator_forbids_it() {
        let config = Mcp {
            toolsets: vec!["orders".into()],
            read_only: true,
            ..Mcp::default()
        };
        let selection = of("/mcp?toolsets=stock").unwrap().selection(&config, false);
        assert_eq!(selection.toolsets.unwrap().to_vec(), ["stock"]);
        assert_eq!(selection.read_only, Some(ReadOnly::Config));
        let selection = Choice::default().selection(&config, false);
        assert_eq!(selection.toolsets.unwrap().to_vec(), ["orders"]);
        assert_eq!(
            Choice::default().selection(&Mcp::default(), true).read_only,
            None
        );
    }
}
