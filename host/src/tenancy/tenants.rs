//! Making tenants and access keys, and taking them away.

use std::time::Duration;

use super::access_key::AccessKey;
use super::audit::{Ending, Entry};
use super::chosen_key::{ChosenKeyError, check_chosen_key};
use super::cipher::{self, CipherError};
use super::data_key::DataKey;
use super::key_session::HashingError;
use super::keyring::KeyringError;
use super::principal::Principal;
use super::scopes::Scopes;
use super::service::Tenancy;
use crate::clock::Timestamp;
use crate::store::{
    AccessKeyRecord, Identity, InsertTenantError, KeyId, NewAccessKey, RevokeOutcome, StoreError,
    TenantId, TenantRecord,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// The name of the tenant that is made by itself.
pub(super) const LOCAL_NAME: &str = "local";
/// The name of a tenant's first access key.
const MASTER_KEY_NAME: &str = "master";
const LONGEST_NAME: usize = 64;

/// A tenant that was made. The key is shown now or never.
#[derive(Debug)]
pub struct CreatedTenant {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// The public part of its first access key.
    pub key_id: KeyId,
    /// Its first access key.
    pub master_key: AccessKey,
}

/// An access key that was made. It is shown now or never.
#[derive(Debug)]
pub struct CreatedKey {
    /// Its public part.
    pub key_id: KeyId,
    /// The key.
    pub key: AccessKey,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Why a name is not taken for a tenant or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or too much.
    #[error("a name has 1 to 64 characters")]
    Length,
    /// It could look like another name.
    #[error(
        "a name has visible characters only, with single spaces between words and none around them"
    )]
    Invisible,
}

/// Why a tenant was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateTenantError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A tenant has this name, in some letter case.
    #[error("a tenant named '{name}' exists already (upper and lower case count as the same)")]
    NameTaken {
        /// The name that was asked for.
        name: String,
    },
    /// The tenant of this machine's own user has this name.
    #[error("the name 'local' belongs to the tenant that stdio makes by itself; choose another")]
    NameReserved,
    /// It cannot be chosen.
    #[error(transparent)]
    Key(#[from] ChosenKeyError),
    /// Somebody has it.
    #[error("this key cannot be chosen; take another")]
    KeyTaken,
    /// The key could not be hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The server key was changed, and this process has not the new one.
    #[error(transparent)]
    ServerKey(#[from] KeyringError),
    /// No key can be made.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an access key was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A key could otherwise give itself more than it was given.
    #[error("only an access key without limits can make others; use the master key")]
    LimitedKey,
    /// A key that ends would otherwise live on in another.
    #[error("the access key in use ends, so it can make only keys that end no later")]
    OutlivesMaker,
    /// The lifetime is zero.
    #[error("an access key that is expired from the start opens nothing; give a longer time")]
    ExpiredAlready,
    /// What an issuer calls somebody is not that.
    #[error(
        "a subject is what the issuer puts into 'sub': 1 to 255 visible characters, without white space around them"
    )]
    Subject,
    /// A token of it could mean either.
    #[error(
        "this identity has the access key '{0}' already, of this or another tenant: an identity belongs to one. To give it \
         another, first: orderdesk-mcp keys revoke {0}"
    )]
    IdentityTaken(KeyId),
    /// The server key was changed, and this process has not the new one.
    #[error(transparent)]
    ServerKey(#[from] KeyringError),
    /// No key can be made.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an access key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The tenant has no such key, or it was revoked before.
    #[error("the tenant has no valid access key '{0}'")]
    NotFound(KeyId),
    /// Without it nobody could ever read the tenant's data again.
    #[error(
        "'{0}' is the tenant's last access key without limits: make another first, or suspend the tenant"
    )]
    LastFullKey(KeyId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// Makes a tenant and its first access key.
    ///
    /// # Errors
    /// The name is taken, reserved or cannot be one; the database failed.
    pub async fn create_tenant(&self, name: &str) -> Result<CreatedTenant, CreateTenantError> {
        check_name(name)?;
        if fold(name) == fold(LOCAL_NAME) {
            return Err(CreateTenantError::NameReserved);
        }
        self.insert_tenant(name, AccessKey::generate()?, None).await
    }

    /// Makes a tenant whose first access key is this one, which a person chose.
    ///
    /// # Errors
    /// The key can be guessed or is in use; the name is taken, reserved or cannot be one; the database failed.
    pub async fn create_tenant_with_key(
        &self,
        name: &str,
        key: &SecretString,
    ) -> Result<CreatedTenant, CreateTenantError> {
        check_name(name)?;
        if fold(name) == fold(LOCAL_NAME) {
            return Err(CreateTenantError::NameReserved);
        }
        check_chosen_key(key)?;
        let text = key.expose_secret().trim();
        let lookup = self.lookup(text).to_vec();
        if self.database.access_key_by_lookup(lookup).await?.is_some() {
            return Err(CreateTenantError::KeyTaken);
        }
        let hash = self.sessions.hash(text).await?;
        let key = AccessKey::chosen(AccessKey::random_id()?, text);
        self.insert_tenant(name, key, Some(hash)).await
    }

    /// Makes a tenant with this first access key.
    pub(super) async fn insert_tenant(
        &self,
        name: &str,
        master_key: AccessKey,
        chosen_hash: Option<String>,
    ) -> Result<CreatedTenant, CreateTenantError> {
        let act = Entry::act("tenants.create", None, json!({"name": name}));
        let made = self.insert_tenant_now(name, master_key, chosen_hash);
        let tell = |made: &CreatedTenant, ending: &mut Ending| {
            ending.tenant = Some(made.tenant_id.clone());
            ending.details = Some(json!({"name": name, "key_id": made.key_id}));
        };
        self.audit.administer(act, made, tell).await
    }

    async fn insert_tenant_now(
        &self,
        name: &str,
        master_key: AccessKey,
        chosen_hash: Option<String>,
    ) -> Result<CreatedTenant, CreateTenantError> {
        let tenant = TenantRecord {
            id: TenantId::new(format!("ten_{}", crate::store::random_hex())),
            name: name.to_owned(),
            salt: cipher::random_key()?.to_vec(),
            suspended: false,
            created_at: self.clock.now(),
        };
        let data_key = DataKey::generate()?;
        let tenant_id = tenant.id.clone();
        let mut layers = self.keyring.layers();
        loop {
            let key = NewAccessKey {
                id: master_key.id().clone(),
                lookup: self.lookup(master_key.expose_secret()).to_vec(),
                wrapped_data_key: layers.wrap_data_key(
                    &data_key,
                    &tenant.id,
                    &tenant.salt,
                    &master_key,
                )?,
                server_key_version: layers.version(),
                chosen_hash: chosen_hash.clone(),
                name: MASTER_KEY_NAME.to_owned(),
                scopes: None,
                expires_at: None,
                created_at: tenant.created_at,
                identity: None,
            };
            match self
                .database
                .insert_tenant(tenant.clone(), fold(name), key)
                .await
            {
                Ok(()) => break,
                Err(InsertTenantError::NameTaken) => {
                    return Err(CreateTenantError::NameTaken {
                        name: name.to_owned(),
                    });
                }
                Err(InsertTenantError::KeyTaken) => return Err(CreateTenantError::KeyTaken),
                Err(InsertTenantError::Store(StoreError::ServerKeyChanged { stands })) => {
                    layers = self.keyring.layers_of(stands).await?;
                }
                Err(InsertTenantError::Store(error)) => return Err(error.into()),
            }
        }
        Ok(CreatedTenant {
            tenant_id,
            name: name.to_owned(),
            key_id: master_key.id().clone(),
            master_key,
        })
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tenants(&self) -> Result<Vec<TenantRecord>, StoreError> {
        self.database.tenants().await
    }

    /// The tenant of this name, in any letter case.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tenant_named(&self, name: &str) -> Result<Option<TenantRecord>, StoreError> {
        self.database.tenant_by_name(&fold(name)).await
    }

    /// Keeps everybody of a tenant out, at once, until it is undone; false if there is no such tenant.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_suspended(
        &self,
        tenant: &TenantId,
        suspended: bool,
    ) -> Result<bool, StoreError> {
        let action = if suspended {
            "tenants.suspend"
        } else {
            "tenants.resume"
        };
        let act = Entry::act(action, Some(tenant), json!({}));
        let done = self.database.set_suspended(tenant, suspended);
        self.audit.administer(act, done, not_found).await
    }

    /// Makes another access key for the tenant of `maker`, whose presence is needed since the data key must be wrapped anew.
    ///
    /// # Errors
    /// The maker's key has limits, or ends earlier; the name cannot be one; the database failed.
    pub async fn create_access_key(
        &self,
        maker: &Principal,
        name: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<CreatedKey, CreateKeyError> {
        let details = json!({
            "name": name, "read_only": scopes.read_only, "tools": scopes.tools, "subjects": scopes.subjects,
            "made_with": maker.key,
        });
        let act = Entry::act("keys.create", Some(&maker.tenant), details);
        let made = self.create_access_key_now(maker, name, scopes, lifetime);
        let tell = |made: &CreatedKey, ending: &mut Ending| {
            ending.details = Some(json!({"key_id": made.key_id}));
        };
        self.audit.administer(act, made, tell).await
    }

    async fn create_access_key_now(
        &self,
        maker: &Principal,
        name: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<CreatedKey, CreateKeyError> {
        let key = AccessKey::generate()?;
        self.insert_key(maker, name, (scopes, lifetime), key, None)
            .await
    }

    /// Makes this access key for the tenant of `maker`, and answers it; the caller says what was done.
    pub(super) async fn insert_key(
        &self,
        maker: &Principal,
        name: &str,
        (scopes, lifetime): (Scopes, Option<Duration>),
        key: AccessKey,
        identity: Option<Identity>,
    ) -> Result<CreatedKey, CreateKeyError> {
        check_name(name)?;
        if !maker.scopes.is_full() {
            return Err(CreateKeyError::LimitedKey);
        }
        let now = self.clock.now();
        let expires_at = lifetime.map(|lifetime| now + lifetime);
        if expires_at.is_some_and(|end| end <= now) {
            return Err(CreateKeyError::ExpiredAlready);
        }
        if maker
            .expires_at
            .is_some_and(|end| expires_at.is_none_or(|other| other > end))
        {
            return Err(CreateKeyError::OutlivesMaker);
        }
        let mut layers = self.keyring.layers();
        loop {
            let new = NewAccessKey {
                name: name.to_owned(),
                scopes: scopes.to_column(),
                expires_at,
                identity: identity.clone(),
                ..self.new_key(&layers, maker, &key, now)?
            };
            match self.database.insert_access_key(&maker.tenant, new).await {
                Err(StoreError::ServerKeyChanged { stands }) => {
                    layers = self.keyring.layers_of(stands).await?;
                }
                outcome => break outcome?,
            }
        }
        Ok(CreatedKey {
            key_id: key.id().clone(),
            key,
            expires_at,
        })
    }

    /// A tenant's access keys, oldest first, revoked ones too.
    ///
    /// # Errors
    /// The database failed.
    pub async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKeyRecord>, StoreError> {
        self.database.access_keys(tenant).await
    }

    /// Revokes an access key: the next call with it is refused, in every process.
    ///
    /// # Errors
    /// There is no such key, or it is the last that opens the tenant's data; the database failed.
    pub async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), RevokeError> {
        let act = Entry::act("keys.revoke", Some(tenant), json!({"key_id": key}));
        let revoked = self.revoke_key_now(tenant, key);
        self.audit.administer(act, revoked, |(), _| {}).await
    }

    async fn revoke_key_now(&self, tenant: &TenantId, key: &KeyId) -> Result<(), RevokeError> {
        let now = self.clock.now();
        match self.database.revoke_access_key(tenant, key, now).await? {
            RevokeOutcome::Revoked => Ok(()),
            RevokeOutcome::NotFound => Err(RevokeError::NotFound(key.clone())),
            RevokeOutcome::LastFullKey => Err(RevokeError::LastFullKey(key.clone())),
        }
    }
}

pub(super) fn not_found(found: &bool, ending: &mut Ending) {
    if !found {
        *ending = Ending {
            code: Some("not-found".to_owned()),
            ..Ending::of("error")
        };
    }
}

/// The form in which names are compared. Upper case, since that is where more letters meet: `ß` and `SS`, `ς` and `σ`.
fn fold(name: &str) -> String {
    name.to_uppercase()
}

fn check_name(name: &str) -> Result<(), NameError> {
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Err(NameError::Length);
    }
    let words_are_visible = name
        .split(' ')
        .all(|word| !word.is_empty() && !word.chars().any(is_invisible));
    if words_are_visible {
        Ok(())
    } else {
        Err(NameError::Invisible)
    }
}

/// White space, controls, and the format characters (Unicode category Cf) that make two names look the same or turn a line
/// around.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}
