use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use proptest::prelude::*;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::super::address::is_public;
use super::super::*;
use super::fixture::*;

fn public(address: &str) -> bool {
    is_public(address.parse().unwrap())
}

#[test]
fn what_is_not_the_public_internet_is_told_apart() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "2002:7f00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!public(address), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "198.17.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700::1111",
        "2a00:1450::1",
    ] {
        assert!(public(address), "{address}");
    }
}

proptest! {
    #[test]
    fn an_ipv4_address_is_judged_alike_in_every_ipv6_dress(octets: [u8; 4]) {
        let [a, b, c, d] = octets;
        let plain = is_public(octets.into());
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        prop_assert_eq!(is_public(IpAddr::from([0, 0, 0, 0, 0, 0xffff, high, low])), plain);
        prop_assert_eq!(is_public(IpAddr::from([0x64, 0xff9b, 0, 0, 0, 0, high, low])), plain);
        prop_assert_eq!(is_public(IpAddr::from([0x2002, high, low, 0, 0, 0, 0, 1])), plain);
    }

    #[test]
    fn what_the_standard_library_calls_local_is_not_public(bits: u32) {
        let address = std::net::Ipv4Addr::from(bits);
        if address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified()
        {
            prop_assert!(!is_public(address.into()));
        }
    }
}

/// Says that every name is at these addresses.
pub(super) struct Everywhere(pub(super) Vec<IpAddr>);

impl Resolve for Everywhere {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Vec<SocketAddr> =
            self.0.iter().map(|address| (*address, 0).into()).collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

async fn asked_by_name(
    host: &str,
    addresses: &[&str],
) -> (Result<Response, HttpError>, Vec<String>) {
    let upstream = Upstream::saying("hello").await;
    let mut settings = upstream.settings();
    settings.sealed_headers.clear();
    settings.base.set_host(Some(host)).unwrap();
    let resolver = Everywhere(
        addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
    );
    let endpoints = HashMap::from([("shop".to_owned(), settings)]);
    let http = HttpCapability::with_resolver(
        endpoints,
        Arc::<Buckets>::default(),
        Arc::new(resolver),
        Arc::default(),
    )
    .unwrap();
    let outcome = http.send(&Call::new().scope(), safe_get("orders")).await;
    (outcome, upstream.lines())
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed() {
    for addresses in [
        &["127.0.0.1"][..],
        &["::ffff:127.0.0.1"],
        &["127.0.0.1", "10.0.0.1"],
    ] {
        let (outcome, lines) = asked_by_name("shop.example", addresses).await;
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::Denied, "address-refused")
        );
        assert!(
            !error.message.contains("127") && !error.message.contains("shop.example"),
            "{}",
            error.message
        );
        assert!(
            error.detail.unwrap().contains("127.0.0.1"),
            "the log says where it led"
        );
        assert!(lines.is_empty());
    }
}

#[tokio::test]
async fn localhost_is_this_machine_and_nothing_else() {
    let (outcome, lines) = asked_by_name("localhost", &["10.0.0.1", "127.0.0.1"]).await;
    assert_eq!(text(&outcome.unwrap()), "hello");
    assert_eq!(lines.len(), 1);
    let (outcome, _) = asked_by_name("localhost", &["10.0.0.1"]).await;
    assert_eq!(outcome.unwrap_err().code, "address-refused");
}

#[tokio::test]
async fn the_systems_resolver_finds_localhost() {
    let upstream = Upstream::saying("hello").await;
    let mut settings = upstream.settings();
    settings.base.set_host(Some("localhost")).unwrap();
    let (http, _) = capability(settings);
    assert_eq!(
        text(
            &http
                .send(&Call::new().scope(), get("orders"))
                .await
                .unwrap()
        ),
        "hello"
    );
}
