//! The tenant of this machine's own user: made by itself, asked for no key.
//!
//! Its access key is derived from the installation key, which the server key wraps, so that nothing but the server key is kept
//! outside the database. That means that whoever has the server key and the database can read this tenant's data; both are
//! files of the same user.

use super::access_key::AccessKey;
use super::authentication::AuthenticationError;
use super::principal::Principal;
use super::service::Tenancy;
use super::tenants::{CreateTenantError, LOCAL_NAME};

const ID_PURPOSE: &str = "v1 local access key, id";
const SECRET_PURPOSE: &str = "v1 local access key, secret";

/// Why there is no local principal.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It was suspended, or its access key revoked.
    #[error(
        "the local tenant is suspended or its access key was revoked; let it in again, or use an access key"
    )]
    Refused,
    /// It cannot be made.
    #[error(transparent)]
    Create(CreateTenantError),
    /// It cannot be told.
    #[error(transparent)]
    Key(AuthenticationError),
}

impl Tenancy {
    /// The principal of the local tenant, which is made on first use. Processes that start together get the same tenant.
    ///
    /// # Errors
    /// It was suspended or its key revoked; the database failed.
    pub async fn local_principal(&self) -> Result<Principal, LocalError> {
        let key = self.local_key();
        match self.principal(&key).await {
            Ok(principal) => return Ok(principal),
            Err(error) if !error.is_refusal() => return Err(LocalError::Key(error)),
            Err(_) => {}
        }
        match self.insert_tenant(LOCAL_NAME, key.clone(), None).await {
            // Taken: another process was faster, or it is there and refused. The second look tells which.
            Ok(_) | Err(CreateTenantError::NameTaken { .. }) => {}
            Err(error) => return Err(LocalError::Create(error)),
        }
        self.standing_local_principal()
            .await
            .map_err(|error| match error {
                error if error.is_refusal() => LocalError::Refused,
                error => LocalError::Key(error),
            })
    }

    /// The principal of the local tenant that is there: for a process that had it before.
    ///
    /// # Errors
    /// It was suspended or removed, or its key revoked; the database failed.
    pub async fn standing_local_principal(&self) -> Result<Principal, AuthenticationError> {
        self.principal(&self.local_key()).await
    }

    /// The local tenant's key.
    pub(super) fn local_key(&self) -> AccessKey {
        AccessKey::from_bytes(&self.derive(ID_PURPOSE), &self.derive(SECRET_PURPOSE))
    }
}
