//! Visits of people at pages: what goes between two requests.
//!
//! Nothing of it is kept here, so that any process of the installation can serve the next request. The person's access key travels
//! in a cookie, and a secret that waits for a yes in the form, each encrypted under a key of the installation and bound to the
//! place and to the browser's form secret: it opens nothing elsewhere, nothing when a link is used, and nothing after ten
//! minutes. Forms carry a token that only the page itself can know.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cipher::{self, Binding};
use super::links::{LinkError, Links, OpenLink, random_text};
use crate::clock::Timestamp;

pub(super) const FORM_PURPOSE: &str = "v1 forms of one-time links";
pub(super) const VISIT_PURPOSE: &str = "v1 visits of one-time links";
/// What is sealed in a form; the key is that of visits.
const ENTERED_PURPOSE: &str = "v1 secrets entered at one-time links";
/// 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;
/// How long a browser that was given a key needs none again.
pub const VISIT: Duration = Duration::from_secs(600);
const TIME_BYTES: usize = size_of::<u64>();

/// Where a person is: a link's own page, or one that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Vec<u8>);

impl Place {
    /// The page at which a tenant agrees to plugins.
    pub fn consents() -> Self {
        Self(Sha256::digest("the page of consents").to_vec())
    }

    /// Names it among the cookies of one browser.
    pub fn name(&self) -> String {
        crate::store::hex(&self.0[..8])
    }
}

impl OpenLink {
    /// The link's page.
    pub fn place(&self) -> Place {
        Place(self.record.hash.clone())
    }
}

/// What a browser keeps for the forms of one place, and other pages cannot know.
pub struct FormSecret(Zeroizing<String>);

impl Links {
    /// What stands in a form of this place, for a browser with this secret.
    pub fn form_token(&self, place: &Place, secret: &FormSecret) -> String {
        let mut message = place.0.clone();
        message.extend_from_slice(secret.0.as_bytes());
        URL_SAFE_NO_PAD.encode(cipher::hmac_sha256(&self.form_key, &message))
    }

    /// Whether a form came from the page that this browser was shown.
    pub fn is_form_token(&self, place: &Place, secret: &FormSecret, token: &str) -> bool {
        let expected = self.form_token(place, secret);
        expected.as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// What a browser brings along with its next request, so that the person need not give the key again.
    ///
    /// # Errors
    /// No random bytes.
    pub fn visit(
        &self,
        place: &Place,
        secret: &FormSecret,
        key: &SecretString,
    ) -> Result<String, LinkError> {
        self.seal(VISIT_PURPOSE, place, secret, key.expose_secret().as_bytes())
    }

    /// The key that a visitor gave before; none if this is not what [`Self::visit`] made for this place and browser, or too old.
    pub fn visitor(&self, place: &Place, secret: &FormSecret, visit: &str) -> Option<SecretString> {
        let key = self.open(VISIT_PURPOSE, place, secret, visit)?;
        std::str::from_utf8(&key).ok().map(SecretString::from)
    }

    /// What a form brings back of what a person entered before they were asked something.
    ///
    /// # Errors
    /// No random bytes.
    pub fn keep(
        &self,
        place: &Place,
        secret: &FormSecret,
        entered: &[u8],
    ) -> Result<String, LinkError> {
        self.seal(ENTERED_PURPOSE, place, secret, entered)
    }

    /// What a person entered before; none if this is not what [`Self::keep`] made for this place and browser, or too old.
    pub fn kept(
        &self,
        place: &Place,
        secret: &FormSecret,
        kept: &str,
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.open(ENTERED_PURPOSE, place, secret, kept)
    }

    fn seal(
        &self,
        purpose: &str,
        place: &Place,
        secret: &FormSecret,
        content: &[u8],
    ) -> Result<String, LinkError> {
        let until = (self.clock.now() + VISIT).as_millis();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(TIME_BYTES + content.len()));
        plaintext.extend_from_slice(&until.to_be_bytes());
        plaintext.extend_from_slice(content);
        let bound_to = visiting(purpose, place, secret);
        let sealed = cipher::seal(&self.visit_key, &bound_to, &plaintext)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(
        &self,
        purpose: &str,
        place: &Place,
        secret: &FormSecret,
        text: &str,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bound_to = visiting(purpose, place, secret);
        let plaintext = cipher::open(&self.visit_key, &bound_to, &sealed).ok()?;
        let (until, content) = plaintext.split_first_chunk::<TIME_BYTES>()?;
        let until = Timestamp(u64::from_be_bytes(*until));
        (until > self.clock.now()).then(|| Zeroizing::new(content.to_vec()))
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

fn visiting(purpose: &str, place: &Place, secret: &FormSecret) -> Binding {
    Binding::to(purpose).and(&place.0).and(secret.0.as_bytes())
}
