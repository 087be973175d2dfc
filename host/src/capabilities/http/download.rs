//! A file from elsewhere, for the operator: plugins' components, and the signatures beside them.
//!
//! What comes back is believed only once its digest or signature was checked, so redirects may be followed; each hop is held
//! against the same addresses as an endpoint is.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::redirect::{Attempt, Policy};
use url::{Host, Url};

use super::address::{Allowed, CheckedResolver, is_public};
use super::exchange::chain;

/// From the first byte sent to the last received.
const TIME: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(15);
/// Releases are often served from another host than they are named at.
const HOPS: usize = 5;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DownloadError(pub(super) String);

/// Fetches at most `most` bytes.
///
/// # Errors
/// The URL leads to an address that is not allowed, or to no such file, or to a larger one.
pub(super) async fn fetch(
    url: &Url,
    most: usize,
    resolver: Arc<dyn Resolve>,
) -> Result<Vec<u8>, DownloadError> {
    let refused = |error: &reqwest::Error| DownloadError(chain(error));
    let client = client(url, resolver).map_err(|error| refused(&error))?;
    let mut answer = client
        .get(url.clone())
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| refused(&error))?;
    read(&mut answer, most).await
}

/// The body of an answer, if it has at most `most` bytes.
pub(super) async fn read(
    answer: &mut reqwest::Response,
    most: usize,
) -> Result<Vec<u8>, DownloadError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| DownloadError(chain(&error)))?
    {
        if bytes.len() + chunk.len() > most {
            return Err(DownloadError(format!("it has more than {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn client(url: &Url, resolver: Arc<dyn Resolve>) -> reqwest::Result<reqwest::Client> {
    super::endpoint::install_crypto();
    // The operator named this machine: nothing else is reached then.
    let own = url.scheme() == "http";
    let allowed = if own {
        Allowed::Loopback
    } else {
        Allowed::Public
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .dns_resolver(Arc::new(CheckedResolver::new(resolver, allowed)))
        .no_proxy()
        .referer(false)
        .redirect(Policy::custom(move |hop| follow(hop, own)))
        .connect_timeout(CONNECT)
        .timeout(TIME);
    builder = if own {
        builder.tls_certs_only([])
    } else {
        builder.https_only(true)
    };
    builder.build()
}

/// Names are checked where they are resolved; an address in a URL never is.
fn follow(hop: Attempt<'_>, own: bool) -> reqwest::redirect::Action {
    let may = match hop.url().host() {
        Some(Host::Ipv4(address)) if own => address.is_loopback(),
        Some(Host::Ipv6(address)) if own => address.is_loopback(),
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    if hop.previous().len() > HOPS {
        return hop.error("too many redirects");
    }
    if may {
        hop.follow()
    } else {
        hop.error("it redirects to an address that is not public")
    }
}
