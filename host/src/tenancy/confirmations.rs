//! Tokens with which a caller comes back: to confirm a preview, or to go on with a call that asked something.
//!
//! A token is 256 random bits, of which the database keeps a hash. It is good once, for a few minutes, for the access key, the
//! tool and the arguments that it was issued for; what it stands for is encrypted under the tenant's data key.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::cipher::{self, CipherError};
use super::principal::Principal;
use crate::clock::{Clock, Timestamp};
use crate::store::{
    ConfirmationKey, ConfirmationPurpose, ConfirmationRecord, ConfirmationTaken, Database,
    StoreError,
};

/// How long a person may look at a preview or a question.
const LIFETIME: Duration = Duration::from_secs(300);
const PREFIX: &str = "odc_";
const TOKEN_BYTES: usize = 32;
const CONTENT_PURPOSE: &str = "v1 confirmation";
const ARGUMENTS_PURPOSE: &str = "v1 digest of confirmed arguments";

/// Issues and takes tokens.
pub struct Confirmations {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

/// A new token.
pub struct IssuedToken {
    /// What the caller brings back.
    pub token: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// Why a token is not good for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationRefused {
    /// Never issued to this tenant, or used before.
    #[error("there is no such token, or it was used before")]
    Unknown,
    /// Too old.
    #[error("the token has expired")]
    Expired,
    /// Another access key's.
    #[error("the token was issued to another access key")]
    OtherKey,
    /// For another tool.
    #[error("the token was issued for another tool")]
    OtherTool,
    /// For other arguments.
    #[error("the token was issued for other arguments")]
    OtherArguments,
}

/// Why a token was not issued or taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmationError {
    /// The token is not good for this call. It stays good for the one that it was issued for.
    #[error(transparent)]
    Refused(#[from] ConfirmationRefused),
    /// Nothing can be encrypted, or what is stored was altered.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Confirmations {
    /// Tokens in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// A token for this access key, tool and arguments, which brings back `content`.
    ///
    /// # Errors
    /// No random bytes; the database failed.
    pub async fn issue(
        &self,
        principal: &Principal,
        purpose: ConfirmationPurpose,
        tool: &str,
        arguments: &Map<String, Value>,
        content: &[u8],
    ) -> Result<IssuedToken, ConfirmationError> {
        let mut random = Zeroizing::new([0; TOKEN_BYTES]);
        cipher::fill_random(random.as_mut_slice())?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random.as_slice()));
        let key = key(principal, purpose, tool, arguments, &token);
        let sealed = principal
            .data_key
            .seal(CONTENT_PURPOSE, &bound_to(&key), content)?;
        let expires_at = self.clock.now() + LIFETIME;
        let record = ConfirmationRecord {
            key,
            sealed,
            expires_at,
        };
        self.database
            .insert_confirmation(&principal.tenant, record)
            .await?;
        Ok(IssuedToken { token, expires_at })
    }

    /// What a token stands for. It is good for nothing any more afterwards; of callers that come at the same time, in
    /// whatever process, one gets it.
    ///
    /// # Errors
    /// It is not good for this call; what is stored was altered; the database failed.
    pub async fn redeem(
        &self,
        principal: &Principal,
        purpose: ConfirmationPurpose,
        tool: &str,
        arguments: &Map<String, Value>,
        token: &str,
    ) -> Result<Zeroizing<Vec<u8>>, ConfirmationError> {
        let key = key(principal, purpose, tool, arguments, token);
        let taken = self
            .database
            .take_confirmation(&principal.tenant, key.clone(), self.clock.now())
            .await?;
        let refused = match taken {
            ConfirmationTaken::Taken(sealed) => {
                return Ok(principal
                    .data_key
                    .open(CONTENT_PURPOSE, &bound_to(&key), &sealed)?);
            }
            ConfirmationTaken::Unknown => ConfirmationRefused::Unknown,
            ConfirmationTaken::Expired => ConfirmationRefused::Expired,
            ConfirmationTaken::OtherKey => ConfirmationRefused::OtherKey,
            ConfirmationTaken::OtherTool => ConfirmationRefused::OtherTool,
            ConfirmationTaken::OtherArguments => ConfirmationRefused::OtherArguments,
        };
        Err(refused.into())
    }
}

fn key(
    principal: &Principal,
    purpose: ConfirmationPurpose,
    tool: &str,
    arguments: &Map<String, Value>,
    token: &str,
) -> ConfirmationKey {
    ConfirmationKey {
        token: Sha256::digest(token).to_vec(),
        purpose,
        access_key: principal.key.clone(),
        tool: tool.to_owned(),
        arguments: digest(principal, arguments),
    }
}

/// The same for the same arguments, whatever the order of their names; tells nothing of them to who has not the tenant's key.
pub(super) fn digest(principal: &Principal, arguments: &Map<String, Value>) -> Vec<u8> {
    // Arguments may hold secrets, and this text does then.
    let mut canonical = Zeroizing::new(String::new());
    write_object(&mut canonical, arguments);
    principal
        .data_key
        .digest(ARGUMENTS_PURPOSE, canonical.as_bytes())
        .to_vec()
}

fn bound_to(key: &ConfirmationKey) -> [&[u8]; 5] {
    [
        &key.token,
        key.purpose.as_str().as_bytes(),
        key.access_key.as_str().as_bytes(),
        key.tool.as_bytes(),
        &key.arguments,
    ]
}

/// JSON that is the same text for the same value, whatever the order of its keys.
fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(object) => write_object(text, object),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(text, item);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&Zeroizing::new(plain.to_string())),
    }
}

fn write_object(text: &mut String, object: &Map<String, Value>) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (name, value) in members {
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write(text, value);
        text.push(',');
    }
    text.push('}');
}
