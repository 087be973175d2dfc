//! The tenant of this machine's own user: made by itself, asked for no key.
//!
//! Its access key is derived from the server key, so that nothing but the server key is kept. That means that whoever has the
//! server key and the database can read this tenant's data; both are files of the same user.

use super::access_key::AccessKey;
use super::authentication::AuthenticationError;
use super::principal::Principal;
use super::service::Tenancy;
use super::tenants::{CreateTenantError, LOCAL_NAME};
use crate::store::StoreError;

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
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// The principal of the local tenant, which is made on first use. Processes that start together get the same tenant.
    ///
    /// # Errors
    /// It was suspended or its key revoked; the database failed.
    pub async fn local_principal(&self) -> Result<Principal, LocalError> {
        let key = AccessKey::from_bytes(
            &self.server_key.derive(ID_PURPOSE),
            &self.server_key.derive(SECRET_PURPOSE),
        );
        match self.principal(&key).await {
            Ok(principal) => return Ok(principal),
            Err(AuthenticationError::Store(error)) => return Err(error.into()),
            Err(AuthenticationError::Malformed(_) | AuthenticationError::Refused) => {}
        }
        match self.insert_tenant(LOCAL_NAME, key.clone()).await {
            // Taken: another process was faster, or it is there and refused. The second look tells which.
            Ok(_) | Err(CreateTenantError::NameTaken { .. }) => {}
            Err(error) => return Err(LocalError::Create(error)),
        }
        self.principal(&key).await.map_err(|error| match error {
            AuthenticationError::Store(error) => error.into(),
            AuthenticationError::Malformed(_) | AuthenticationError::Refused => LocalError::Refused,
        })
    }
}
