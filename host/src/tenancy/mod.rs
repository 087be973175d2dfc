//! Tenants, their access keys, and what is encrypted for them.
//!
//! ```text
//! access key --HMAC under the index key--> one look-up --> row (of a key that a person chose: then bcrypt)
//! HKDF(access key, tenant salt) --> unwraps the tenant's data key, wrapped a second time, outside, by the server key
//! data key --> AES-256-GCM over secrets and documents
//! ```
//!
//! Nothing that opens anything is stored in clear: the database holds wrappings and ciphertext, the server key stands in a
//! file (or variable) of its own, the access keys are with their owners.
//!
//! Architecture Invariant: key types are zeroized when dropped and have no `Debug`, `Display` or `Serialize` that shows them.

mod access_key;
mod audience;
pub mod audit;
mod authentication;
mod chosen_key;
mod cipher;
mod confirmations;
mod consents;
mod data_key;
mod documents;
mod failed_logins;
mod followed;
mod hmac_verifier;
mod hooks;
mod identities;
mod key_changes;
mod key_session;
mod keyring;
mod link_visits;
mod links;
mod local;
mod locks;
mod login_limit;
mod principal;
mod provision;
mod scopes;
mod secrets;
mod server_key;
mod server_key_file;
mod service;
mod tenants;
mod upkeep;

#[cfg(test)]
mod tests;

pub use access_key::{AccessKey, AccessKeyError};
pub use audience::Audience;
pub use audit::{Audit, Source};
pub use authentication::AuthenticationError;
pub use chosen_key::ChosenKeyError;
pub use cipher::CipherError;
pub use confirmations::{ConfirmationError, ConfirmationRefused, Confirmations, IssuedToken};
pub use consents::{ConsentError, ConsentStanding, Consents, Terms, may_agree};
pub use data_key::DataKey;
pub use documents::{Documents, DocumentsError};
pub use failed_logins::FailedLogins;
pub use followed::Followed;
pub use hmac_verifier::HmacVerifier;
pub use hooks::{Handling, Hook, HookError, HookEvent, Hooks};
pub use key_changes::{ReplaceKeyError, ReplacedKey, RotateServerKeyError, RotatedServerKey};
pub use key_session::HashingError;
pub use keyring::KeyringError;
pub use link_visits::{FormSecret, Place, VISIT};
pub use links::{ATTEMPTS, Found, Link, LinkError, LinkFor, Links, OpenLink, Refusal, Standing};
pub use local::LocalError;
pub use locks::{LockError, Locks};
pub use login_limit::LoginLimit;
pub use principal::Principal;
pub use provision::ProvisionError;
pub use scopes::Scopes;
pub use secrets::{Handle, Opened, SecretError, Secrets};
pub use server_key::{ServerKey, ServerKeyError};
pub use server_key_file::ServerKeySource;
pub use service::{Tenancy, TenancyError};
pub use tenants::{
    CreateKeyError, CreateTenantError, CreatedKey, CreatedTenant, NameError, RevokeError,
};
pub use upkeep::{Removed, Upkeep};

pub use crate::store::{
    AccessKeyRecord, AuditRow, ConfirmationPurpose, ConsentRecord, EventKept, HookSummary,
    Identity, KeyId, LinkHash, LinkPurpose, LockId, TenantId, TenantRecord,
};
