//! What an issuer of tokens publishes: its metadata and its keys, for the operator who named it.
//!
//! These are believed as they come, because they come from the origin that the operator named, over TLS. So no redirect is
//! followed. Where the issuer's own metadata names another origin for its keys, that has to be a public one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::address::{Allowed, CheckedResolver, is_public};
use super::download::{self, DownloadError};
use super::exchange::chain;

const CONNECT: Duration = Duration::from_secs(5);
/// A caller may be waiting for it.
const WHOLE: Duration = Duration::from_secs(10);

/// Fetches at most `most` bytes. `named`: the operator named this origin, so its addresses are not questioned.
///
/// # Errors
/// The URL leads to an address that is not allowed, to nothing, or to something larger.
pub(super) async fn fetch(
    url: &Url,
    named: bool,
    most: usize,
    resolver: Arc<dyn Resolve>,
) -> Result<Vec<u8>, DownloadError> {
    if !named {
        check(url)?;
    }
    let refused = |error: &reqwest::Error| DownloadError(chain(error));
    let client = client(url, named, resolver).map_err(|error| refused(&error))?;
    let mut answer = client
        .get(url.clone())
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| refused(&error))?;
    if !answer.status().is_success() {
        return Err(DownloadError(format!("it answers {}", answer.status())));
    }
    download::read(&mut answer, most).await
}

/// Names are checked where they are resolved; an address in a URL never is.
fn check(url: &Url) -> Result<(), DownloadError> {
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if public && url.scheme() == "https" {
        Ok(())
    } else {
        Err(DownloadError(
            "it is neither at the issuer's own origin nor a public https URL".to_owned(),
        ))
    }
}

fn client(url: &Url, named: bool, resolver: Arc<dyn Resolve>) -> reqwest::Result<reqwest::Client> {
    super::endpoint::install_crypto();
    // Without TLS, what was named is this machine.
    let own = url.scheme() == "http";
    let checked = |allowed| Arc::new(CheckedResolver::new(Arc::clone(&resolver), allowed));
    let resolver: Arc<dyn Resolve> = match (named, own) {
        (true, false) => resolver,
        (true, true) => checked(Allowed::Loopback),
        (false, _) => checked(Allowed::Public),
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .dns_resolver(resolver)
        .no_proxy()
        .referer(false)
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE);
    if own {
        builder = builder.tls_certs_only([]);
    } else {
        builder = builder.https_only(true);
    }
    builder.build()
}
