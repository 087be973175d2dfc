//! What a person entered at a page, while the tool asks whether it may.
//!
//! A call that needs a secret and a confirmation takes two steps of one page: only with the secret can the tool say what it would
//! do. Between them nothing is kept here; it travels with the browser, sealed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::capabilities::contract::{Error, ErrorKind};
use crate::plugins::question::AskedQuestion;

/// Secrets that a person entered, and what they were asked then.
pub struct Entered {
    secrets: Vec<(String, SecretString)>,
    pub(super) questions: Vec<AskedQuestion>,
}

/// As it travels.
#[derive(Serialize, Deserialize)]
struct Written {
    secrets: Vec<(String, String)>,
    questions: Vec<AskedQuestion>,
}

impl Drop for Written {
    fn drop(&mut self) {
        for (_, secret) in &mut self.secrets {
            secret.zeroize();
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Entered({} questions)", self.questions.len())
    }
}

impl Entered {
    /// Nothing was asked yet.
    pub(super) fn of(secrets: Vec<(String, SecretString)>) -> Self {
        Self {
            secrets,
            questions: Vec::new(),
        }
    }

    /// Leaves nothing but the secrets that a call waits for.
    ///
    /// # Errors
    /// One of them is missing.
    pub(super) fn only(&mut self, wanted: &[String]) -> Result<(), Error> {
        self.secrets.retain(|(name, _)| wanted.contains(name));
        let missing = |name: &&String| !self.secrets.iter().any(|(known, _)| known == *name);
        match wanted.iter().find(missing) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::InvalidInput,
                "secret-missing",
                format!("Enter {name}; it was left empty."),
            )),
        }
    }

    /// The secrets as arguments of the call.
    pub(super) fn arguments(&self) -> impl Iterator<Item = (String, Value)> {
        self.secrets
            .iter()
            .map(|(name, secret)| (name.clone(), secret.expose_secret().into()))
    }

    /// To be sealed.
    ///
    /// # Errors
    /// It cannot be written, which does not happen.
    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let written = Written {
            secrets: self
                .secrets
                .iter()
                .map(|(name, secret)| (name.clone(), secret.expose_secret().to_owned()))
                .collect(),
            questions: self.questions.clone(),
        };
        serde_json::to_vec(&written).map(Zeroizing::new)
    }

    /// What [`Self::write`] wrote.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(written: &[u8]) -> Result<Self, serde_json::Error> {
        let mut written: Written = serde_json::from_slice(written)?;
        Ok(Self {
            secrets: std::mem::take(&mut written.secrets)
                .into_iter()
                .map(|(name, secret)| (name, SecretString::from(secret)))
                .collect(),
            questions: std::mem::take(&mut written.questions),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugins::question::Ask;

    #[test]
    fn what_was_entered_comes_back_as_it_was_and_is_never_printed() {
        let secret = SecretString::from("canary-of-a-secret");
        let mut entered = Entered::of(vec![("api_key".into(), secret)]);
        entered.questions.push(AskedQuestion {
            id: "q".into(),
            ask: Ask::Confirm {
                message: "Really?".into(),
            },
        });
        assert!(!format!("{entered:?}").contains("canary"));
        let back = Entered::read(&entered.write().unwrap()).unwrap();
        assert_eq!(back.questions, entered.questions);
        let arguments: Vec<_> = back.arguments().collect();
        assert_eq!(
            arguments,
            [("api_key".to_owned(), "canary-of-a-secret".into())]
        );
    }

    #[test]
    fn a_call_gets_what_it_waits_for_and_nothing_else() {
        let given = |name: &str| (name.to_owned(), SecretString::from("x"));
        let mut entered = Entered::of(vec![given("api_key"), given("other")]);
        entered.only(&["api_key".to_owned()]).unwrap();
        assert_eq!(entered.arguments().count(), 1);
        let error = entered.only(&["api_key".into(), "password".into()]);
        assert_eq!(error.unwrap_err().code.as_deref(), Some("secret-missing"));
    }
}
