//! What agents read of calls that wait for a person.

use super::Linked;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::plugins::registry::Listed;
use crate::tenancy::{Link, LinkHash, LinkPurpose};

/// When to ask again what became of a call.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Names a link to a client.
fn name(hash: &LinkHash) -> String {
    format!("odp_{}", crate::store::hex(hash))
}

/// Whether a client brings back what [`Linked::id`] names.
pub fn names_link(state: &str) -> bool {
    state.starts_with("odp_")
}

pub(super) fn linked(listed: &Listed, purpose: LinkPurpose, link: &Link, url: String) -> Linked {
    let tool = &listed.tool.name;
    let until = link.expires_at.rfc3339();
    let (code, message, first) = match purpose {
        LinkPurpose::Secret => (
            "secret-by-person",
            format!("Enter a secret for {tool}, on a page of this server"),
            format!(
                "{tool} was not carried out yet: it needs a secret, which should not go through this conversation. Give the person \
                 this link; there they enter it:"
            ),
        ),
        LinkPurpose::Confirmation => (
            "confirmation-by-person",
            format!("Look at what {tool} would do and confirm it, on a page of this server"),
            format!(
                "{tool} was not carried out yet: a person must confirm it. Give the person this link; there they read what would be \
                 done and decide:"
            ),
        ),
    };
    let error = Error::new(
        ErrorKind::Denied,
        code,
        format!(
            "{first}\n{url}\nIt is good once, until {until}, and asks for an access key of this account. Do not open it yourself. When the \
             person is done, call {tool} again with the same arguments: the answer says what became of it."
        ),
    );
    Linked {
        id: name(&link.hash),
        url,
        message,
        expires_at: link.expires_at,
        error,
    }
}

pub(super) const NO_PAGES: &str = "this process serves no pages";

pub(super) fn no_page(listed: &Listed, why: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "no-page",
        format!(
            "{tool} was not carried out: it needs a person, and no page can be shown to one, since {why}. It can be done with \
             'orderdesk-mcp call {tool}' in a terminal.",
            tool = listed.tool.name
        ),
    )
}

pub(super) fn declined(listed: &Listed) -> Error {
    Error::new(
        ErrorKind::Denied,
        "declined-by-person",
        format!(
            "{} was not carried out: the person declined.",
            listed.tool.name
        ),
    )
}

pub(super) fn lost(listed: &Listed) -> Error {
    Error {
        outcome_unknown: true,
        ..Error::new(
            ErrorKind::Unavailable,
            "outcome-unknown",
            format!(
                "A person did their part of {}, and the server stopped before it knew how that ended.",
                listed.tool.name
            ),
        )
    }
}

pub(super) fn under_way(listed: &Listed) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "under-way",
        format!(
            "A person has done their part of {tool}, and it is being carried out right now. Call {tool} again with the same arguments to \
             hear what became of it.",
            tool = listed.tool.name
        ),
    )
    .retry_after(AGAIN)
}
