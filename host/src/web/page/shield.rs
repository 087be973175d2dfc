//! What holds for every request and answer of the pages: which hosts and sites they are served for, and what browsers may do
//! with them.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::markup::{Message, STYLE};

/// Nothing is loaded, nothing runs, nobody frames it, and its forms go here. The one style is named by its digest.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// Refuses other hosts (DNS rebinding) and forms of other sites, and puts the headers on every answer.
pub(super) async fn shield(
    State(hosts): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    let refused = if !is_for(&request, &hosts) {
        Some(&Message::OTHER_HOST)
    } else if request.method() == Method::POST && is_from_elsewhere(request.headers(), &hosts) {
        Some(&Message::FOREIGN_FORM)
    } else {
        None
    };
    let mut response = match refused {
        Some(why) => super::message(StatusCode::FORBIDDEN, why),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "x-robots-tag",
        HeaderValue::from_static("noindex, nofollow"),
    );
    response
}

fn is_for(request: &Request, hosts: &[String]) -> bool {
    // HTTP/2 has it in the URI.
    let named = request.headers().get(header::HOST);
    let named = match named {
        Some(named) => named.to_str().ok(),
        None => request.uri().authority().map(|it| it.as_str()),
    };
    named.is_some_and(|named| is_one_of(named, hosts))
}

fn is_one_of(authority: &str, hosts: &[String]) -> bool {
    let Ok(authority) = authority.parse::<axum::http::uri::Authority>() else {
        return false;
    };
    let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
    hosts.iter().any(|allowed| {
        match allowed.parse::<axum::http::uri::Authority>() {
            // Without port it stands for all.
            Ok(allowed) if allowed.port().is_some() => {
                bare(allowed.host()) == bare(authority.host())
                    && allowed.port_u16() == authority.port_u16()
            }
            _ => bare(allowed) == bare(authority.host()),
        }
    })
}

/// Browsers say where a form was sent from. Those that say nothing are held to its token alone; `null` is what this page's own
/// `Referrer-Policy` makes of its origin.
fn is_from_elsewhere(headers: &HeaderMap, hosts: &[String]) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let own = |origin: &str| {
        origin == "null"
            || origin
                .split_once("://")
                .is_some_and(|(_, authority)| is_one_of(authority, hosts))
    };
    !origin.to_str().is_ok_and(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_served_at_any_port_unless_one_is_named() {
        let hosts = ["127.0.0.1", "::1", "mcp.example.com:8443"].map(str::to_owned);
        for (authority, served) in [
            ("127.0.0.1", true),
            ("127.0.0.1:9", true),
            ("[::1]:9", true),
            ("MCP.example.com:8443", true),
            ("mcp.example.com", false),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_one_of(authority, &hosts), served, "{authority}");
        }
    }
}
