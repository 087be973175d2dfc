//! Visits of people at one-time links: what goes between two requests of a page.
//!
//! Nothing of it is kept here, so that any process of the installation can serve the next request. The person's access key travels
//! in a cookie, encrypted under a key of the installation and bound to the link and to the browser's form secret: it opens
//! nothing elsewhere, and nothing when the link is used. Forms carry a token that only the page itself can know.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cipher::{self, Binding};
use super::links::{LinkError, Links, OpenLink, random_text};

pub(super) const FORM_PURPOSE: &str = "v1 forms of one-time links";
pub(super) const VISIT_PURPOSE: &str = "v1 visits of one-time links";
/// 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;

/// What a browser keeps for the forms of one link, and other pages cannot know.
pub struct FormSecret(Zeroizing<String>);

impl Links {
    /// What stands in a form of this link, for a browser with this secret.
    pub fn form_token(&self, link: &OpenLink, secret: &FormSecret) -> String {
        let mut message = link.record.hash.clone();
        message.extend_from_slice(secret.0.as_bytes());
        URL_SAFE_NO_PAD.encode(cipher::hmac_sha256(&self.form_key, &message))
    }

    /// Whether a form came from the page that this browser was shown.
    pub fn is_form_token(&self, link: &OpenLink, secret: &FormSecret, token: &str) -> bool {
        let expected = self.form_token(link, secret);
        expected.as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// What a browser brings along with its next request, so that the person need not give the key again.
    ///
    /// # Errors
    /// No random bytes.
    pub fn visit(
        &self,
        link: &OpenLink,
        secret: &FormSecret,
        key: &SecretString,
    ) -> Result<String, LinkError> {
        let sealed = cipher::seal(
            &self.visit_key,
            &visiting(link, secret),
            key.expose_secret().as_bytes(),
        )?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The key that a visitor gave before; none if this is not what [`Self::visit`] made for this link and browser.
    pub fn visitor(
        &self,
        link: &OpenLink,
        secret: &FormSecret,
        visit: &str,
    ) -> Option<SecretString> {
        let sealed = URL_SAFE_NO_PAD.decode(visit).ok()?;
        let key = cipher::open(&self.visit_key, &visiting(link, secret), &sealed).ok()?;
        std::str::from_utf8(&key).ok().map(SecretString::from)
    }
}

impl FormSecret {
    /// A new one.
    ///
    /// # Errors
    /// No random bytes.
    pub fn new() -> Result<Self, LinkError> {
        Ok(Self(random_text()?))
    }

    /// One that came back; none if it cannot be one.
    pub fn from_text(text: &str) -> Option<Self> {
        (text.len() == SECRET_LENGTH).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What the browser keeps.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn visiting(link: &OpenLink, secret: &FormSecret) -> Binding {
    Binding::to(VISIT_PURPOSE)
        .and(&link.record.hash)
        .and(secret.0.as_bytes())
}
