//! An endpoint: the operator's settings, checked once, and the client that speaks to it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use reqwest::dns::Resolve;
use url::{Host, Url};

use super::address::{Allowed, CheckedResolver, is_public};
use super::conceal::Conceal;
use super::{Rate, headers};

/// What the operator decided about one endpoint.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// The URL below which plugins name paths: http or https, without query, fragment or credentials.
    pub base: Url,
    /// Headers that plugins may set to a text.
    pub headers: Vec<String>,
    /// Headers that plugins may set to a sealed secret, and to nothing else.
    pub sealed_headers: Vec<String>,
    /// JSON pointers (RFC 6901) of what is taken out of answers; `*` stands for any key or element.
    pub conceal: Vec<String>,
    /// The token bucket per opened secret, or per plugin where none is used.
    pub rate: Option<Rate>,
    /// Time to establish a connection.
    pub connect_timeout: Duration,
    /// Time without a byte of the answer.
    pub read_timeout: Duration,
    /// Bytes of one answer's headers and body, decompressed.
    pub max_response_bytes: usize,
    /// Bytes of one request's body.
    pub max_request_bytes: usize,
    /// How often a request that is safe to repeat is repeated.
    pub retries: u32,
    /// The longest pause before the first repetition; doubled for each further one. Each pause is a random part of it.
    pub backoff: Duration,
    /// The answer's header that says how many tokens are left.
    pub tokens_remaining_header: Option<String>,
    /// The answer's header that says, in seconds, when to come back; `Retry-After` is understood in any case.
    pub retry_after_header: Option<String>,
}

impl EndpointSettings {
    /// Settings with no headers, no bucket and the usual limits.
    pub fn new(base: Url) -> Self {
        Self {
            base,
            headers: Vec::new(),
            sealed_headers: Vec::new(),
            conceal: Vec::new(),
            rate: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            max_response_bytes: 16 << 20,
            max_request_bytes: 4 << 20,
            retries: 3,
            backoff: Duration::from_millis(500),
            tokens_remaining_header: Some("x-tokens-remaining".to_owned()),
            retry_after_header: Some("x-retry-after".to_owned()),
        }
    }
}

/// Settings that cannot be used, with the endpoint's name.
#[derive(Debug, thiserror::Error)]
#[error("endpoint '{endpoint}': {reason}")]
pub struct SettingsError {
    /// The endpoint's name.
    pub endpoint: String,
    /// What is wrong, and with which setting.
    pub reason: String,
}

/// An endpoint, ready to be asked.
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) base: Url,
    pub(super) origin: String,
    pub(super) headers: HashSet<HeaderName>,
    pub(super) sealed_headers: HashSet<HeaderName>,
    pub(super) conceal: Arc<Conceal>,
    pub(super) rate: Option<Rate>,
    /// For a whole attempt where the request names none.
    pub(super) timeout: Duration,
    pub(super) max_response_bytes: usize,
    pub(super) max_request_bytes: usize,
    pub(super) retries: u32,
    pub(super) backoff: Duration,
    pub(super) tokens_remaining: Option<HeaderName>,
    pub(super) retry_after: Option<HeaderName>,
    pub(super) client: reqwest::Client,
}

/// A connection idle for longer is not used again: a service that closes it at the same moment would leave open whether
/// a write arrived. Common servers close after 60 s or more.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

impl Endpoint {
    pub(super) fn new(
        name: &str,
        settings: EndpointSettings,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, SettingsError> {
        build(name, settings, resolver).map_err(|reason| SettingsError {
            endpoint: name.to_owned(),
            reason,
        })
    }
}

fn build(
    name: &str,
    settings: EndpointSettings,
    resolver: Arc<dyn Resolve>,
) -> Result<Endpoint, String> {
    check_base(&settings)?;
    check_numbers(&settings)?;
    let headers = names(&settings.headers, "headers")?;
    let sealed_headers = names(&settings.sealed_headers, "sealed_headers")?;
    if let Some(both) = headers.intersection(&sealed_headers).next() {
        return Err(format!(
            "'{both}' is listed under both headers and sealed_headers; a secret header takes no text"
        ));
    }
    let conceal =
        Conceal::parse(&settings.conceal).map_err(|reason| format!("conceal: {reason}"))?;
    let answer_header = |text: &Option<String>, key: &str| {
        text.as_ref().map(|text| header_name(text, key)).transpose()
    };
    Ok(Endpoint {
        name: name.to_owned(),
        origin: settings.base.origin().ascii_serialization(),
        headers,
        sealed_headers,
        conceal: Arc::new(conceal),
        rate: settings.rate,
        timeout: settings
            .connect_timeout
            .saturating_add(settings.read_timeout),
        max_response_bytes: settings.max_response_bytes,
        max_request_bytes: settings.max_request_bytes,
        retries: settings.retries,
        backoff: settings.backoff,
        tokens_remaining: answer_header(
            &settings.tokens_remaining_header,
            "tokens_remaining_header",
        )?,
        retry_after: answer_header(&settings.retry_after_header, "retry_after_header")?,
        client: client(&settings, resolver)?,
        base: settings.base,
    })
}

fn check_base(settings: &EndpointSettings) -> Result<(), String> {
    let base = &settings.base;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(format!(
            "base: '{}' is neither http nor https",
            base.scheme()
        ));
    }
    // Never with the URL in the message: it has credentials in it.
    if !base.username().is_empty() || base.password().is_some() {
        return Err(
            "base: a URL here has no user name or password; use a sealed header".to_owned(),
        );
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(format!(
            "base: '{base}' has a query or a fragment; it is only a prefix of paths"
        ));
    }
    if base.scheme() == "http" && !settings.sealed_headers.is_empty() && leaves_the_site(base) {
        return Err(format!(
            "base: '{base}' would send sealed_headers unencrypted over the network; use https"
        ));
    }
    Ok(())
}

/// Whether a base can lead to a public address. A name other than `localhost` can do nothing else (see [`CheckedResolver`]).
fn leaves_the_site(base: &Url) -> bool {
    match base.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => !is_localhost(name),
        None => true,
    }
}

/// `localhost` and names below it never leave the machine (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn check_numbers(settings: &EndpointSettings) -> Result<(), String> {
    let positive = [
        (settings.connect_timeout.is_zero(), "connect_timeout"),
        (settings.read_timeout.is_zero(), "read_timeout"),
        (settings.backoff.is_zero(), "backoff"),
        (settings.max_response_bytes == 0, "max_response"),
    ];
    match positive.into_iter().find(|(zero, _)| *zero) {
        Some((_, key)) => Err(format!("{key}: above 0")),
        None => Ok(()),
    }
}

fn names(listed: &[String], key: &str) -> Result<HashSet<HeaderName>, String> {
    listed
        .iter()
        .map(|text| {
            let name = header_name(text, key)?;
            if headers::is_reserved(&name) {
                return Err(format!(
                    "{key}: '{text}' is the host's alone; plugins cannot set it"
                ));
            }
            Ok(name)
        })
        .collect()
}

fn header_name(text: &str, key: &str) -> Result<HeaderName, String> {
    text.parse()
        .map_err(|_| format!("{key}: '{text}' is not a header name"))
}

/// One provider of cryptography per process; that another part of the program was first is as good.
pub(super) fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _first_wins = rustls::crypto::ring::default_provider().install_default();
    }
}

fn client(
    settings: &EndpointSettings,
    resolver: Arc<dyn Resolve>,
) -> Result<reqwest::Client, String> {
    install_crypto();
    let allowed = match settings.base.host() {
        Some(Host::Domain(name)) if is_localhost(name) => Allowed::Loopback,
        _ => Allowed::Public,
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .dns_resolver(Arc::new(CheckedResolver::new(resolver, allowed)))
        // A proxy would resolve names by itself, past the check of addresses.
        .no_proxy()
        // Wherever a redirect leads was neither granted nor checked: the plugin sees the answer and asks again by path.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Every attempt takes its token, so none may happen behind our back.
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .pool_idle_timeout(IDLE_CONNECTION);
    if settings.base.scheme() == "https" {
        builder = builder.https_only(true);
    } else {
        // Without TLS no certificate is looked at: a machine without root certificates can still serve.
        builder = builder.tls_certs_only([]);
    }
    builder
        .build()
        .map_err(|error| format!("no HTTP client: {}", super::exchange::chain(&error)))
}
