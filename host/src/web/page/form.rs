//! Forms as they come back, and the cookies that go with them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::markup::Message;
use super::message;
use crate::tenancy::{FormSecret, Links, Place, VISIT};
use crate::web::body;

/// More than any form of ours: the questions of a call come back with it.
const BODY_BYTES: usize = 256 << 10;
/// How the fields of secrets begin; their argument's name follows.
pub(super) const SECRET: &str = "secret.";
/// What was entered before the tool asked, sealed.
pub(super) const ENTERED: &str = "entered";

/// The fields of a form. What is left of them is overwritten when this is dropped.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Reads a form.
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, StatusCode> {
        let kind = headers.get(header::CONTENT_TYPE);
        let is_form = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let body = Zeroizing::new(body::read(body, BODY_BYTES).await?);
        let fields = url::form_urlencoded::parse(&body)
            .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())));
        Ok(Self(fields.collect()))
    }

    /// Reads a form that one of our pages at `place` gave to the browser with this secret. `returning`: the browser had the secret
    /// already.
    ///
    /// # Errors
    /// The answer: it cannot be read, or another site sent it.
    pub(super) async fn sent_from(
        (place, secret, returning): (&Place, &FormSecret, bool),
        links: &Links,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Response> {
        let mut fields = Self::read(headers, body)
            .await
            .map_err(|status| message(status, &Message::UNREADABLE))?;
        let sent_from_here = returning
            && fields
                .take("form")
                .is_some_and(|token| links.is_form_token(place, secret, &token));
        if sent_from_here {
            Ok(fields)
        } else {
            Err(message(StatusCode::FORBIDDEN, &Message::FOREIGN_FORM))
        }
    }

    /// Takes a field that is no secret.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1.to_string())
    }

    /// Takes all fields of this name that are no secrets.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<String> {
        std::iter::from_fn(|| self.take(name)).collect()
    }

    /// Takes a field that is one.
    pub(super) fn take_secret(&mut self, name: &str) -> Option<SecretString> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(SecretString::from(self.0.swap_remove(at).1.trim()))
    }

    /// Takes all secrets that are arguments, by the argument's name.
    pub(super) fn take_secrets(&mut self) -> Vec<(String, SecretString)> {
        let secrets = self.0.iter().filter_map(|(name, value)| {
            let argument = name.strip_prefix(SECRET)?;
            Some((argument.to_owned(), SecretString::from(value.trim())))
        });
        secrets.collect()
    }
}

/// The first secret that nobody entered.
pub(super) fn left_empty(secrets: &[(String, SecretString)]) -> Option<&str> {
    secrets
        .iter()
        .find(|(_, secret)| secret.expose_secret().is_empty())
        .map(|(name, _)| name.as_str())
}

/// What a browser brought along for one place.
pub(super) struct Cookies {
    form: Option<String>,
    visit: Option<String>,
}

impl Cookies {
    pub(super) fn of(headers: &HeaderMap, place: &Place) -> Self {
        let value_of = |wanted: String| {
            headers
                .get_all(header::COOKIE)
                .iter()
                .filter_map(|cookies| cookies.to_str().ok())
                .flat_map(|cookies| cookies.split(';'))
                .filter_map(|cookie| cookie.trim().split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.to_owned())
        };
        Self {
            form: value_of(name("form", place)),
            visit: value_of(name("visit", place)),
        }
    }

    pub(super) fn form_secret(&self) -> Option<FormSecret> {
        FormSecret::from_text(self.form.as_deref()?)
    }

    pub(super) fn visit(&self) -> Option<&str> {
        self.visit.as_deref()
    }
}

/// Each place has cookies of its own, so that two open pages do not disturb each other.
fn name(what: &str, place: &Place) -> String {
    format!("odm_{what}_{}", place.name())
}

/// Without a path it is sent back to this folder of URLs only, behind whatever prefix a proxy put before it (RFC 6265,
/// section 5.1.4).
fn cookie(name: &str, value: &str, seconds: u64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={value}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

pub(super) fn secret_cookie(place: &Place, secret: &FormSecret, https: bool) -> String {
    cookie(
        &name("form", place),
        secret.as_str(),
        VISIT.as_secs(),
        https,
    )
}

pub(super) fn visit_cookie(place: &Place, visit: &str, https: bool) -> String {
    cookie(&name("visit", place), visit, VISIT.as_secs(), https)
}

pub(super) fn forget_cookies(place: &Place, https: bool) -> [String; 2] {
    ["form", "visit"].map(|what| cookie(&name(what, place), "", 0, https))
}

pub(super) fn set(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
