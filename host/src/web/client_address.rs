//! Where a request comes from, through the proxies that the operator trusts.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// More hops than any chain of proxies has are not looked at.
const HOPS: usize = 32;

/// The address of whoever sent a request: in its extensions, for limits and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Puts the [`ClientAddress`] into each request's extensions.
pub(crate) async fn note(
    State(proxies): State<Arc<[IpNet]>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = client_address(peer.ip(), request.headers(), &proxies);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// The nearest address that is no trusted proxy's, seen from here. Headers count only as far as trusted proxies wrote them:
/// each appends the address that it was asked from, so what stands further left may be anybody's invention.
///
/// Where there are both kinds of header and they disagree, one of them was not written by the proxy, and neither counts.
fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, proxies) {
        return peer;
    }
    let walked = |hops: Option<Vec<Option<IpAddr>>>| hops.map(|hops| walk(peer, &hops, proxies));
    match (
        walked(hops(headers, &X_FORWARDED_FOR, address)),
        walked(hops(headers, &header::FORWARDED, forwarded_for)),
    ) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// From the right, past trusted proxies, to the first address that is none of theirs. What is no address ends the way: then it
/// was the proxy before it.
fn walk(peer: IpAddr, hops: &[Option<IpAddr>], proxies: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for hop in hops.iter().rev().take(HOPS) {
        let Some(hop) = hop else { return nearest };
        nearest = *hop;
        if !is_trusted(nearest, proxies) {
            return nearest;
        }
    }
    nearest
}

fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The elements of all lines of a header, in order; none if there is no such header.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let lines = headers.get_all(name);
    headers.contains_key(name).then(|| {
        lines
            .iter()
            .flat_map(|line| line.to_str().unwrap_or_default().split(','))
            .map(|element| read(element.trim()))
            .collect()
    })
}

/// The `for` of an element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| address(value.trim().trim_matches('"')))?
    })
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn seen(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"]
            .map(|network| network.parse().unwrap())
            .to_vec();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn whoever_is_no_proxy_says_nothing_about_others() {
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
        ];
        assert_eq!(seen("198.51.100.1", &lines), "198.51.100.1");
    }

    #[test]
    fn the_rightmost_hop_that_is_no_proxy_is_the_client() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 10.1.2.3", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1, fd00::2", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("10.2.2.2", "10.2.2.2"),
        ] {
            assert_eq!(
                seen("10.0.0.1", &[("x-forwarded-for", value)]),
                client,
                "{value}"
            );
        }
        let lines = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(seen("::ffff:10.0.0.1", &lines), "192.0.2.1");
    }

    #[test]
    fn forwarded_is_understood_too() {
        for (value, client) in [
            ("for=192.0.2.1", "192.0.2.1"),
            (
                "for=203.0.113.9;proto=https, For=\"192.0.2.1:80\";by=10.0.0.1",
                "192.0.2.1",
            ),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=192.0.2.1, for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[("forwarded", value)]), client, "{value}");
        }
    }

    #[test]
    fn headers_that_disagree_count_for_nothing() {
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=203.0.113.9"),
        ];
        assert_eq!(seen("10.0.0.1", &lines), "10.0.0.1");
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
        ];
        assert_eq!(seen("10.0.0.1", &lines), "192.0.2.1");
    }

    proptest! {
        /// Whatever a client writes into the header, the address that the proxy appends is the one that counts.
        #[test]
        fn what_a_client_writes_changes_nothing(invented in "[ -~]{0,80}") {
            let value = format!("{invented}, 192.0.2.1");
            prop_assert_eq!(seen("10.0.0.1", &[("x-forwarded-for", &value)]), "192.0.2.1");
        }
    }
}
