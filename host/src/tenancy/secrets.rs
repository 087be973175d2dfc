//! Sealed secrets: what a person entered, behind handles that are worth nothing outside the host.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretSlice;

use super::audience::{self, Audience};
use super::cipher::CipherError;
use super::principal::Principal;
use crate::clock::Clock;
use crate::store::{Database, SecretRecord, StoreError, random_hex};

const PURPOSE: &str = "v1 sealed secret";
const PREFIX: &str = "sec_";

/// Seals and opens secrets, each within its tenant.
#[derive(Clone)]
pub struct Secrets {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

/// The name of a sealed secret: `sec_` and 128 random bits in hexadecimal. Plugins keep and pass it; it opens nothing by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle(String);

/// An opened secret.
#[derive(Debug)]
pub struct Opened {
    /// The secret.
    pub plaintext: SecretSlice<u8>,
    /// The plugin on whose behalf it was sealed.
    pub owner_plugin: String,
}

/// Why a secret was not sealed, opened or revoked.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The tenant has no such secret: it was revoked, never was, or is another tenant's.
    #[error("there is no sealed secret with this handle")]
    NotFound,
    /// It was sealed for other places.
    #[error("this secret was not sealed for this use")]
    WrongAudience,
    /// The endpoint is not where it was.
    #[error(
        "this secret was sealed for endpoint '{endpoint}' at another address; enter it again for the new one"
    )]
    OriginChanged {
        /// The endpoint's name.
        endpoint: String,
    },
    /// It belongs to something else than the call is about.
    #[error("this secret belongs to another subject than the one the call acts on")]
    WrongSubject,
    /// A secret that can be used nowhere.
    #[error("a secret is sealed for at least one audience")]
    NoAudience,
    /// It cannot be encrypted, or what is stored was altered.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Secrets {
    /// Secrets in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Seals a secret for these audiences. Without a subject it takes that of the first call that opens it.
    ///
    /// # Errors
    /// There is no audience, or the subject is out of the access key's reach; the database failed.
    pub async fn seal(
        &self,
        principal: &Principal,
        owner_plugin: &str,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Handle, SecretError> {
        if audiences.is_empty() {
            return Err(SecretError::NoAudience);
        }
        if !principal.scopes.visible(subject) {
            return Err(SecretError::WrongSubject);
        }
        let handle = format!("{PREFIX}{}", random_hex());
        let audiences = audience::to_column(audiences).map_err(damaged)?;
        let sealed = principal.data_key.seal(
            PURPOSE,
            &binding(principal, &handle, owner_plugin, &audiences),
            plaintext,
        )?;
        let record = SecretRecord {
            handle: handle.clone(),
            owner_plugin: owner_plugin.to_owned(),
            audiences,
            subject: subject.map(str::to_owned),
            sealed,
            created_at: self.clock.now(),
        };
        self.database
            .insert_secret(&principal.tenant, record)
            .await?;
        Ok(Handle(handle))
    }

    /// Opens a secret for one audience, in a call that is about `subject`. The host alone calls this: plugins cannot.
    ///
    /// # Errors
    /// There is no such secret in this tenant, or it was sealed for another audience, origin or subject.
    pub async fn open(
        &self,
        principal: &Principal,
        handle: &str,
        wanted: &Audience,
        subject: Option<&str>,
    ) -> Result<Opened, SecretError> {
        let record = self.find(principal, handle).await?;
        let audiences = audience::from_column(&record.audiences).map_err(damaged)?;
        if !audiences.contains(wanted) {
            return Err(refusal(&audiences, wanted));
        }
        self.decrypt(principal, handle, record, subject).await
    }

    /// The newest secret of this subject that one of `owners` keeps and that was sealed as the key of `plugin`'s HMAC checks.
    ///
    /// # Errors
    /// What is stored was altered; the database failed.
    pub async fn for_hmac(
        &self,
        principal: &Principal,
        plugin: &str,
        subject: &str,
        owners: &[String],
    ) -> Result<Option<String>, SecretError> {
        let records = self
            .database
            .secrets_of_subject(&principal.tenant, subject)
            .await?;
        for record in records {
            let audiences = audience::from_column(&record.audiences).map_err(damaged)?;
            if owners.contains(&record.owner_plugin) && for_hmac_of(&audiences, plugin) {
                return Ok(Some(record.handle));
            }
        }
        Ok(None)
    }

    /// Opens a secret as the key of `plugin`'s HMAC checks.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_hmac(
        &self,
        principal: &Principal,
        plugin: &str,
        handle: &str,
        subject: Option<&str>,
    ) -> Result<Opened, SecretError> {
        let record = self.find(principal, handle).await?;
        let audiences = audience::from_column(&record.audiences).map_err(damaged)?;
        if !for_hmac_of(&audiences, plugin) {
            return Err(SecretError::WrongAudience);
        }
        self.decrypt(principal, handle, record, subject).await
    }

    /// Decrypts a secret whose audience was checked, and ties it to its first subject.
    async fn decrypt(
        &self,
        principal: &Principal,
        handle: &str,
        record: SecretRecord,
        subject: Option<&str>,
    ) -> Result<Opened, SecretError> {
        if !principal.scopes.visible(subject) {
            return Err(SecretError::WrongSubject);
        }
        // Decrypted before its subject is fixed: a secret that does not open must not be claimed.
        let plaintext = principal.data_key.open(
            PURPOSE,
            &binding(principal, handle, &record.owner_plugin, &record.audiences),
            &record.sealed,
        )?;
        let stands = match (record.subject, subject) {
            (None, Some(subject)) => Some(
                self.database
                    .claim_secret(&principal.tenant, handle, subject)
                    .await?
                    .ok_or(SecretError::NotFound)?,
            ),
            (stands, _) => stands,
        };
        if stands.as_deref() != subject {
            return Err(SecretError::WrongSubject);
        }
        Ok(Opened {
            plaintext: SecretSlice::new(Box::from(plaintext.as_slice())),
            owner_plugin: record.owner_plugin,
        })
    }

    /// Makes a handle worthless.
    ///
    /// # Errors
    /// The plugin has no such secret in this tenant; the database failed.
    pub async fn revoke(
        &self,
        principal: &Principal,
        owner_plugin: &str,
        handle: &str,
    ) -> Result<(), SecretError> {
        self.find(principal, handle).await?;
        let removed = self
            .database
            .remove_secret(&principal.tenant, owner_plugin, handle)
            .await?;
        if removed {
            Ok(())
        } else {
            Err(SecretError::NotFound)
        }
    }

    /// The row, if it is within reach of the access key.
    async fn find(&self, principal: &Principal, handle: &str) -> Result<SecretRecord, SecretError> {
        self.database
            .secret(&principal.tenant, handle)
            .await?
            .filter(|record| principal.scopes.visible(record.subject.as_deref()))
            .ok_or(SecretError::NotFound)
    }
}

impl Handle {
    /// The handle's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text has the form of a handle.
    pub fn is_handle(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(|digits| {
            digits.len() == 32
                && digits
                    .bytes()
                    .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        })
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything about a secret that stays the same. (Its subject may come later.)
fn binding<'a>(
    principal: &'a Principal,
    handle: &'a str,
    owner_plugin: &'a str,
    audiences: &'a str,
) -> [&'a [u8]; 4] {
    [principal.tenant.as_str(), handle, owner_plugin, audiences].map(str::as_bytes)
}

fn for_hmac_of(audiences: &[Audience], plugin: &str) -> bool {
    audiences
        .iter()
        .any(|audience| matches!(audience, Audience::Hmac { plugin: wanted } if wanted == plugin))
}

fn refusal(audiences: &[Audience], wanted: &Audience) -> SecretError {
    let Audience::Endpoint { name: wanted, .. } = wanted else {
        return SecretError::WrongAudience;
    };
    let elsewhere = audiences
        .iter()
        .any(|it| matches!(it, Audience::Endpoint { name, .. } if name == wanted));
    if elsewhere {
        SecretError::OriginChanged {
            endpoint: wanted.clone(),
        }
    } else {
        SecretError::WrongAudience
    }
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::Damaged {
        table: "secrets",
        problem: format!("the audiences: {error}"),
    }
}
