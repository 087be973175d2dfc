//! Who is calling, once that is known.

use std::sync::Arc;

use super::cipher::CipherError;
use super::data_key::DataKey;
use super::scopes::Scopes;
use super::tenants::LOCAL_NAME;
use crate::clock::Timestamp;
use crate::store::{KeyId, TenantId};

/// An authenticated caller: made once at the top of a call, and passed down.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Whose data is in reach.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// Under which the tenant's access keys wrap the data key; needed to make another.
    pub(super) salt: Vec<u8>,
    /// The access key's public part.
    pub key: KeyId,
    /// What the access key may do. `read_only` and `tools` are enforced by the host, `subjects` by the services here too.
    pub scopes: Scopes,
    /// When the access key ends. Enforced at authentication.
    pub expires_at: Option<Timestamp>,
    /// What the tenant's data is encrypted with.
    pub data_key: Arc<DataKey>,
}

impl Principal {
    /// The tenant itself, where something runs for it while nobody of it is present: there is no access key, and nothing that
    /// is encrypted for the tenant opens. `name` stands where the access key's would.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(super) fn unattended(
        tenant: TenantId,
        tenant_name: String,
        name: String,
        subjects: Vec<String>,
    ) -> Result<Self, CipherError> {
        Ok(Self {
            tenant,
            tenant_name,
            salt: Vec::new(),
            key: KeyId::new(name),
            scopes: Scopes {
                subjects: Some(subjects),
                ..Scopes::default()
            },
            expires_at: None,
            data_key: Arc::new(DataKey::unattended()?),
        })
    }

    /// Whether this is the tenant of this machine's own user.
    pub fn is_local(&self) -> bool {
        self.tenant_name == LOCAL_NAME
    }

    /// The same, with no subjects in reach but these; none: as it is.
    #[must_use]
    pub fn within(&self, subjects: Option<&[String]>) -> Self {
        let mut within = self.clone();
        if let Some(subjects) = subjects {
            let scopes = &self.scopes;
            let reached = subjects.iter().filter(|it| scopes.covers_subject(it));
            within.scopes.subjects = Some(reached.cloned().collect());
        }
        within
    }

    /// Whether nobody of the tenant is present.
    pub fn is_unattended(&self) -> bool {
        self.data_key.is_unattended()
    }
}
