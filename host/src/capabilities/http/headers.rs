//! Request headers: only what the endpoint lists, secrets only where it says so.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::endpoint::Endpoint;
use super::{CallScope, ErrorKind, HeaderValue, HttpError, OpenedSecret};

/// Headers that only the host sets: they decide where a request goes, where it ends, what it really does, or (ranges and
/// encodings) in which shape an answer comes, and an answer in pieces could not be searched for secrets.
const RESERVED: [&str; 22] = [
    "accept-charset",
    "accept-encoding",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "host",
    "http2-settings",
    "if-range",
    "keep-alive",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Whether no plugin may set a header, whatever the endpoint lists.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

/// The request's headers, checked, with secrets still closed.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub(super) headers: Vec<(HeaderName, &'a HeaderValue)>,
}

/// The request's headers with their secrets.
pub(super) struct Prepared {
    pub(super) map: HeaderMap,
    pub(super) secrets: Vec<OpenedSecret>,
    /// What identifies the headers without a secret in it, for finding identical requests.
    pub(super) identity: Vec<(HeaderName, String)>,
}

/// Checks names and values against what the endpoint lists.
///
/// # Errors
/// A header is not listed, is given twice, is a text where a secret belongs or the other way round, or cannot be sent.
pub(super) fn plan<'a>(
    endpoint: &Endpoint,
    headers: &'a [(String, HeaderValue)],
) -> Result<Planned<'a>, HttpError> {
    let mut planned: Vec<(HeaderName, &HeaderValue)> = Vec::with_capacity(headers.len());
    for (text, value) in headers {
        let name = check(endpoint, text, value)?;
        if planned.iter().any(|(earlier, _)| *earlier == name) {
            return Err(HttpError::invalid(
                "header-repeated",
                format!("The header '{name}' is given twice; give it once."),
            ));
        }
        planned.push((name, value));
    }
    Ok(Planned { headers: planned })
}

fn check(endpoint: &Endpoint, text: &str, value: &HeaderValue) -> Result<HeaderName, HttpError> {
    let name: HeaderName = text.parse().map_err(|_| {
        HttpError::invalid(
            "header-name",
            "A header's name has characters that no header name can have.",
        )
    })?;
    let (sealed, listed) = (
        endpoint.sealed_headers.contains(&name),
        endpoint.headers.contains(&name),
    );
    match value {
        HeaderValue::Text(_) if sealed => Err(HttpError::new(
            ErrorKind::Denied,
            "header-takes-sealed",
            format!(
                "The header '{name}' of the endpoint '{}' takes a sealed secret only, not a text.",
                endpoint.name
            ),
        )),
        HeaderValue::Sealed { .. } if !sealed => Err(HttpError::new(
            ErrorKind::Denied,
            "header-not-sealed",
            format!(
                "The header '{name}' of the endpoint '{}' takes no sealed secret. Ask the operator of this server whether \
                 it belongs under sealed_headers.",
                endpoint.name
            ),
        )),
        HeaderValue::Text(_) if !listed => Err(HttpError::new(
            ErrorKind::Denied,
            "header-not-listed",
            format!(
                "The endpoint '{}' does not list the header '{name}', so it cannot be set. Ask the operator of this server.",
                endpoint.name
            ),
        )),
        HeaderValue::Text(text) | HeaderValue::Sealed { prefix: text, .. } => {
            if http::HeaderValue::from_str(text).is_err() {
                return Err(HttpError::invalid(
                    "header-value",
                    format!(
                        "The value of the header '{name}' has line breaks or characters other than visible ASCII."
                    ),
                ));
            }
            Ok(name)
        }
    }
}

impl Planned<'_> {
    /// Opens the secrets and writes them where they belong.
    ///
    /// # Errors
    /// A secret may not be used here, or cannot be a header.
    pub(super) async fn open(
        &self,
        call: &CallScope<'_>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Prepared, HttpError> {
        let mut prepared = Prepared {
            map: HeaderMap::with_capacity(self.headers.len()),
            secrets: Vec::new(),
            identity: Vec::with_capacity(self.headers.len()),
        };
        for (name, value) in &self.headers {
            let (sent, identity) = match value {
                HeaderValue::Text(text) => (
                    http::HeaderValue::from_str(text).ok(),
                    format!("text {text}"),
                ),
                HeaderValue::Sealed { prefix, handle } => {
                    let secret = call
                        .secrets
                        .open(handle, &endpoint.name, &endpoint.origin)
                        .await?;
                    let identity = format!("sealed {} {prefix}", secret.id);
                    let sent = with_secret(prefix, &secret);
                    prepared.secrets.push(secret);
                    (sent, identity)
                }
            };
            let sent = sent.ok_or_else(|| {
                HttpError::invalid(
                    "secret-not-a-header",
                    format!(
                        "The secret for the header '{name}' is empty or has characters other than visible ASCII. \
                         Enter the secret again."
                    ),
                )
            })?;
            prepared.map.insert(name.clone(), sent);
            prepared.identity.push((name.clone(), identity));
        }
        prepared
            .identity
            .sort_unstable_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        Ok(prepared)
    }
}

/// `None` where it could not be a header: only visible ASCII and spaces, which a service gives back unchanged, so that the
/// secret can be found in the answer. The library's copy of the header is marked sensitive, but not wiped after use.
fn with_secret(prefix: &str, secret: &OpenedSecret) -> Option<http::HeaderValue> {
    let plaintext = secret.plaintext.trim_ascii();
    if plaintext.is_empty() || !plaintext.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return None;
    }
    let mut value = Zeroizing::new(Vec::with_capacity(prefix.len() + plaintext.len()));
    value.extend_from_slice(prefix.as_bytes());
    value.extend_from_slice(plaintext);
    let mut value = http::HeaderValue::from_bytes(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
