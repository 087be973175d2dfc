//! The consent of the tenant, asked for where a secret is opened, a foreign namespace read, a peer called: whatever stands
//! above may be wrong or late, this is neither.

use super::Services;
use super::context::{CallContext, Grantee};
use super::contract::{Error, ErrorKind};
use crate::tenancy::{ConsentStanding, Principal};

impl Services {
    /// Refuses what the tenant of this call did not agree to, or no longer.
    ///
    /// # Errors
    /// It did not agree; the database failed.
    pub(super) async fn consented(&self, call: &CallContext) -> Result<(), Error> {
        let principal = self.agreed(&call.grantee, &call.caller.principal).await?;
        match call.subject() {
            // Whoever narrowed a consent while this call was under way means this call, too.
            Some(subject) if !principal.scopes.covers_subject(&subject) => {
                Err(missing(&call.grantee.name, principal.tenant_name.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// The principal within what its tenant agreed to for this plugin.
    ///
    /// # Errors
    /// It did not agree; the database failed.
    pub async fn agreed(
        &self,
        grantee: &Grantee,
        principal: &Principal,
    ) -> Result<Principal, Error> {
        let Some(terms) = &grantee.consent else {
            return Ok(principal.clone());
        };
        let standing = self
            .consents
            .standing(principal, terms)
            .await
            .map_err(|error| Error::internal("Looking for a consent", &error))?;
        match standing {
            ConsentStanding::Given(subjects) => Ok(principal.within(subjects.as_deref())),
            ConsentStanding::Missing => Err(missing(&grantee.name, &principal.tenant_name)),
            ConsentStanding::Suspended(new) => Err(suspended(
                &grantee.name,
                &principal.tenant_name,
                &new.join("; "),
            )),
        }
    }
}

fn missing(plugin: &str, tenant: &str) -> Error {
    tracing::info!(
        plugin,
        tenant,
        "denied: the tenant did not agree; see `tenants consent`, or consent = \"operator\" under [plugins.{plugin}]"
    );
    Error::new(
        ErrorKind::Denied,
        "consent-missing",
        format!(
            "The plugin '{plugin}' may reach data of this tenant only after the tenant agreed, outside of this conversation: \
             orderdesk-mcp tenants consent --plugin {plugin}, with its master key. Nothing was done."
        ),
    )
}

fn suspended(plugin: &str, tenant: &str, new: &str) -> Error {
    tracing::info!(
        plugin,
        tenant,
        new,
        "denied: the tenant agreed to less than the plugin is granted now"
    );
    Error::new(
        ErrorKind::Denied,
        "consent-suspended",
        format!(
            "The plugin '{plugin}' was granted more than the tenant agreed to ({new}). The tenant has to agree again, outside of \
             this conversation: orderdesk-mcp tenants consent --plugin {plugin}, with its master key. Nothing was done."
        ),
    )
}
