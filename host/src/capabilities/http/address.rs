//! Which addresses a name may lead to.
//!
//! The check sits in the resolver that the connection is made with, so the address that was checked is the one that is
//! connected to: a name that answers differently the second time (DNS rebinding) gains nothing. A base URL that *is* an
//! address, or `localhost`, was named so by the operator and is not questioned; no redirect is ever followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// IPv4 ranges that are not the public internet: the entries of the IANA IPv4 Special-Purpose Address Registry
/// (RFC 6890) that are not globally reachable, and multicast.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network, RFC 791
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT, RFC 6598; a cloud's metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's metadata, in no registry
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, RFC 3927; most clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // IETF protocol assignments, RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation, RFC 5737
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relay, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast, RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// Global unicast, RFC 4291: outside of it nothing is public but the NAT64 prefix.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public within global unicast.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocol assignments, with Teredo and ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation, RFC 3849
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation, RFC 9637
];

const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96); // RFC 6052
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16); // RFC 3056

/// Whether an address is on the public internet. One that carries an IPv4 address (mapped, NAT64, 6to4) is judged by that.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(network, bits): &(Ipv4Addr, u32)| {
        (u32::from(address) ^ u32::from(*network)).leading_zeros() >= *bits
    };
    !NOT_PUBLIC_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |(network, bits): &(Ipv6Addr, u32)| {
        (u128::from(address) ^ u128::from(*network)).leading_zeros() >= *bits
    };
    let octets = address.octets();
    let embedded = |at: usize| {
        is_public_v4(Ipv4Addr::new(
            octets[at],
            octets[at + 1],
            octets[at + 2],
            octets[at + 3],
        ))
    };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if within(&NAT64) {
        return embedded(12);
    }
    if within(&SIX_TO_FOUR) {
        return embedded(2);
    }
    within(&GLOBAL_UNICAST) && !NOT_PUBLIC_V6.iter().any(within)
}

/// Where an endpoint's name may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// The public internet only.
    Public,
    /// This machine only: the base is `localhost`.
    Loopback,
}

impl Allowed {
    fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => address.is_loopback(),
        }
    }
}

/// A name that leads only to addresses that are not allowed.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' leads only to addresses that are not public: {addresses:?}")]
pub(super) struct AddressRefused {
    name: String,
    addresses: Vec<IpAddr>,
}

/// Asks another resolver and drops what is not allowed.
pub(super) struct CheckedResolver {
    inner: Arc<dyn Resolve>,
    allowed: Allowed,
}

impl CheckedResolver {
    pub(super) fn new(inner: Arc<dyn Resolve>, allowed: Allowed) -> Self {
        Self { inner, allowed }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed;
        let text = name.as_str().to_owned();
        let resolving = self.inner.resolve(name);
        Box::pin(async move {
            let (good, refused): (Vec<SocketAddr>, Vec<SocketAddr>) = resolving
                .await?
                .partition(|address| allowed.contains(address.ip()));
            if good.is_empty() && !refused.is_empty() {
                let addresses = refused.into_iter().map(|address| address.ip()).collect();
                return Err(AddressRefused {
                    name: text,
                    addresses,
                }
                .into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// The operating system's resolver.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0: the connection takes the URL's.
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
