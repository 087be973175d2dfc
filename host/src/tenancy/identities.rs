//! Access keys of people and programs whom an issuer of tokens knows: nobody holds them.
//!
//! Such a key is derived from the installation key, over issuer and subject. So whoever's token was found good has it, and has
//! what its row says, like every other key: limits, an end, revocation, its place in lists and in the audit trail. That means
//! that whoever has the server key and the database can read the data of tenants that let identities in.
//!
//! Its text is none that could be presented as a key; only its row has an id, so that an identity that was revoked can be let
//! in again, under another.

use std::time::Duration;

use serde_json::json;
use zeroize::Zeroizing;

use super::access_key::AccessKey;
use super::audit::{Ending, Entry};
use super::authentication::AuthenticationError;
use super::principal::Principal;
use super::scopes::Scopes;
use super::service::Tenancy;
use super::tenants::{CreateKeyError, CreatedKey};
use crate::store::{Identity, hex};

const PURPOSE: &str = "v1 access key of an identity";
/// No header has a line break in it, so no bearer token is a text that begins like this.
const PREFIX: &str = "identity\n";
/// OpenID Connect Core, section 2: a `sub` has at most 255 ASCII characters.
const LONGEST_SUBJECT: usize = 255;

impl Identity {
    /// Whether the subject is one that an issuer would write.
    pub fn is_well_formed(&self) -> bool {
        let subject = &self.subject;
        (1..=LONGEST_SUBJECT).contains(&subject.chars().count())
            && subject.trim() == subject
            && !subject.contains(char::is_control)
    }
}

impl Tenancy {
    /// Lets an identity in, for the tenant of `maker`, whose presence is needed as with every key. The key that is answered is
    /// nobody's to know.
    ///
    /// # Errors
    /// The identity has a key already; else as with [`Self::create_access_key`].
    pub async fn admit_identity(
        &self,
        maker: &Principal,
        name: &str,
        identity: &Identity,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<CreatedKey, CreateKeyError> {
        let details = json!({
            "name": name, "read_only": scopes.read_only, "tools": scopes.tools, "subjects": scopes.subjects,
            "made_with": maker.key, "identity": identity,
        });
        let act = Entry::act("keys.create", Some(&maker.tenant), details);
        let admitted = self.admit_identity_now(maker, name, identity, (scopes, lifetime));
        let tell = |made: &CreatedKey, ending: &mut Ending| {
            ending.details = Some(json!({"key_id": made.key_id}));
        };
        self.audit.administer(act, admitted, tell).await
    }

    async fn admit_identity_now(
        &self,
        maker: &Principal,
        name: &str,
        identity: &Identity,
        limits: (Scopes, Option<Duration>),
    ) -> Result<CreatedKey, CreateKeyError> {
        if !identity.is_well_formed() {
            return Err(CreateKeyError::Subject);
        }
        let text = self.text_of(identity);
        let lookup = self.lookup(&text).to_vec();
        if let Some(standing) = self.database.access_key_by_lookup(lookup).await? {
            return Err(CreateKeyError::IdentityTaken(standing.key.id));
        }
        let key = AccessKey::chosen(AccessKey::random_id()?, &text);
        self.insert_key(maker, name, limits, key, Some(identity.clone()))
            .await
    }

    /// The principal of somebody whose token was found good.
    ///
    /// # Errors
    /// No tenant let this identity in, or not any more; the database failed.
    pub async fn authenticate_identity(
        &self,
        identity: &Identity,
    ) -> Result<Principal, AuthenticationError> {
        let text = self.text_of(identity);
        let found = self.find(&self.lookup(&text)).await?;
        if found.key.identity.as_ref() != Some(identity) {
            tracing::warn!(key = %found.key.id, "a key was found by an identity's look-up and is not its: its row was altered");
            return Err(AuthenticationError::Refused);
        }
        let key = AccessKey::chosen(found.key.id.clone(), &text);
        self.enter(found, &key).await
    }

    /// The text of an identity's key.
    fn text_of(&self, identity: &Identity) -> Zeroizing<String> {
        // As JSON, in which no two pairs are the same text.
        let purpose = format!("{PURPOSE} {}", json!([identity.issuer, identity.subject]));
        let secret = Zeroizing::new(hex(self.derive(&purpose).as_slice()));
        Zeroizing::new([PREFIX, &secret].concat())
    }
}
