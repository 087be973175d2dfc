//! `[security] auto_provision`: a key that nobody knows makes a tenant of its own.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use super::authentication::AuthenticationError;
use super::chosen_key::{self, ChosenKeyError};
use super::principal::Principal;
use super::service::Tenancy;
use super::tenants::CreateTenantError;
use crate::store::{StoreError, random_hex};

/// Why an unknown key made no tenant.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// It is valid or malformed, or too many came from this address.
    #[error(transparent)]
    Refused(#[from] AuthenticationError),
    /// It is not one that may be chosen.
    #[error(transparent)]
    Key(#[from] ChosenKeyError),
    /// The tenant could not be made.
    #[error(transparent)]
    Create(#[from] CreateTenantError),
}

impl Tenancy {
    /// As [`Self::authenticate`]; but a key that a person chose and that nobody knows makes a tenant, which it opens from
    /// then on. Of callers that come at the same time with the same key, all get the same tenant.
    ///
    /// # Errors
    /// The key is not valid, or not one to choose; the database failed.
    pub async fn authenticate_or_provision(
        &self,
        presented: &SecretString,
        source: Option<IpAddr>,
    ) -> Result<Principal, ProvisionError> {
        let refused = match self.authenticate(presented).await {
            Err(AuthenticationError::Refused) => AuthenticationError::Refused,
            known => return Ok(known?),
        };
        let text = presented.expose_secret().trim();
        if !chosen_key::is_well_formed(text) || self.is_known(text).await? {
            return Err(refused.into());
        }
        chosen_key::check_chosen_key(presented)?;
        if !self.may_provision(source) {
            return Err(refused.into());
        }
        let name = format!("tenant-{}", &random_hex()[..8]);
        match self.create_tenant_with_key(&name, presented).await {
            Ok(created) => {
                tracing::info!(tenant = %created.tenant_id, name, "an unknown key made a tenant");
            }
            // Another request with this key was faster: its tenant is the one.
            Err(CreateTenantError::KeyTaken) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.authenticate(presented).await?)
    }

    /// Whether a row has this key, though it may be of no use.
    async fn is_known(&self, text: &str) -> Result<bool, AuthenticationError> {
        let lookup = self.lookup(text).to_vec();
        let found: Result<_, StoreError> = self.database.access_key_by_lookup(lookup).await;
        Ok(found?.is_some())
    }
}
