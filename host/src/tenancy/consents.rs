//! The consent of a tenant: which plugins of third parties may reach what is the tenant's, and for which subjects.
//!
//! An operator grants; where a grant touches what belongs to a tenant (its sealed keys, another plugin's documents or tools),
//! the tenant has to agree too, with its master key and outside of MCP. What it agreed to are the very lines that it was
//! shown: a grant that was not among them suspends the consent, one that was taken away does not.
//!
//! Nothing is remembered between two questions, so that a withdrawal counts at once in every process.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::audit::{Audit, Entry, Source};
use super::principal::Principal;
use crate::clock::Clock;
use crate::store::{ConsentRecord, Database, StoreError, TenantId};

/// What a tenant is asked to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The plugin's name in the configuration.
    pub plugin: String,
    /// Whose signature the component must carry, and under which key; empty: nobody's.
    pub publisher: String,
    /// What it may reach, one line each, sorted.
    pub grants: Vec<String>,
}

impl Terms {
    /// Terms with their lines in order.
    pub fn new(plugin: &str, publisher: String, mut grants: Vec<String>) -> Self {
        grants.sort();
        grants.dedup();
        Self {
            plugin: plugin.to_owned(),
            publisher,
            grants,
        }
    }

    /// Names these terms: SHA-256 over plugin, publisher and grants, in hexadecimal.
    pub fn digest(&self) -> String {
        let terms = json!([self.plugin, self.publisher, self.grants]).to_string();
        crate::store::hex(&Sha256::digest(terms))
    }

    /// How a consent stands under these terms.
    pub fn standing(&self, consent: Option<ConsentRecord>) -> ConsentStanding {
        let Some(consent) = consent else {
            return ConsentStanding::Missing;
        };
        let mut new: Vec<String> = self
            .grants
            .iter()
            .filter(|grant| !consent.grants.contains(grant))
            .cloned()
            .collect();
        if consent.publisher != self.publisher {
            new.insert(0, format!("publisher: {}", self.publisher));
        }
        if new.is_empty() {
            ConsentStanding::Given(consent.subjects)
        } else {
            ConsentStanding::Suspended(new)
        }
    }
}

/// How the consent of a tenant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentStanding {
    /// It was never given, or withdrawn.
    Missing,
    /// It was given to less than this: the lines that were not among it.
    Suspended(Vec<String>),
    /// It is given, for these subjects; none: all.
    Given(Option<Vec<String>>),
}

/// Why nothing was agreed or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// Only who may do everything may give something away.
    #[error("consent needs the tenant's master key: this key has limits")]
    LimitedKey,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Subjects from which a person chooses.
const SUBJECTS: u32 = 500;

/// The consents of all tenants.
pub struct Consents {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    audit: Audit,
    /// By which way somebody agrees and withdraws.
    source: Source,
}

impl Consents {
    /// Consents kept in this database; giving and taking them back is told to the audit trail.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>, audit: Audit) -> Self {
        Self {
            database,
            clock,
            audit,
            source: Source::default(),
        }
    }

    /// The same, for somebody who comes by this way.
    #[must_use]
    pub fn acting_from(&self, source: Source) -> Self {
        Self {
            database: self.database.clone(),
            clock: self.clock.clone(),
            audit: self.audit.clone(),
            source,
        }
    }

    /// Notes that whoever holds this key agrees, for these subjects or all.
    ///
    /// # Errors
    /// The key has limits; the database failed.
    pub async fn agree(
        &self,
        principal: &Principal,
        terms: &Terms,
        subjects: Option<Vec<String>>,
    ) -> Result<(), ConsentError> {
        full(principal)?;
        let consent = ConsentRecord {
            plugin: terms.plugin.clone(),
            publisher: terms.publisher.clone(),
            grants: terms.grants.clone(),
            digest: terms.digest(),
            subjects,
            access_key: principal.key.clone(),
            agreed_at: self.clock.now(),
        };
        let details = json!({
            "plugin": consent.plugin, "publisher": consent.publisher, "grants": consent.grants,
            "subjects": consent.subjects, "digest": consent.digest,
        });
        let keeping = async {
            Ok(self
                .database
                .put_consent(&principal.tenant, consent)
                .await?)
        };
        let entry = self.told(principal, "tenants.consent", details);
        self.audit.administer(entry, keeping, |(), _| {}).await
    }

    /// Takes a consent back; false if there is none.
    ///
    /// # Errors
    /// The key has limits; the database failed.
    pub async fn withdraw(
        &self,
        principal: &Principal,
        plugin: &str,
    ) -> Result<bool, ConsentError> {
        full(principal)?;
        let removing = async {
            Ok(self
                .database
                .remove_consent(&principal.tenant, plugin)
                .await?)
        };
        let entry = self.told(
            principal,
            "tenants.consent.withdraw",
            json!({"plugin": plugin}),
        );
        self.audit.administer(entry, removing, |_, _| {}).await
    }

    /// All consents of a tenant, by plugin.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of(&self, tenant: &TenantId) -> Result<Vec<ConsentRecord>, StoreError> {
        self.database.consents(tenant).await
    }

    /// What the tenant's keys are about, such as `store:9021`: for which of it a consent may be given.
    ///
    /// # Errors
    /// The database failed.
    pub async fn subjects(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
        self.database.subjects(tenant, SUBJECTS).await
    }

    /// Something that is another after any consent was given or taken back, by whichever process.
    ///
    /// # Errors
    /// The database failed.
    pub async fn state(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.consents_state().await
    }

    /// How the consent of a principal's tenant stands under these terms. The tenant of this machine's own user is its operator.
    ///
    /// # Errors
    /// The database failed.
    pub async fn standing(
        &self,
        principal: &Principal,
        terms: &Terms,
    ) -> Result<ConsentStanding, StoreError> {
        if principal.is_local() {
            return Ok(ConsentStanding::Given(None));
        }
        let consent = self
            .database
            .consent(&principal.tenant, &terms.plugin)
            .await?;
        Ok(terms.standing(consent))
    }

    fn told(&self, principal: &Principal, action: &str, details: Value) -> Entry {
        Entry {
            access_key: Some(principal.key.clone()),
            source: self.source.clone(),
            ..Entry::act(action, Some(&principal.tenant), details)
        }
    }
}

/// Whether this principal may agree for its tenant: with a key that has no limits.
pub fn may_agree(principal: &Principal) -> bool {
    principal.scopes.is_full() && !principal.is_unattended()
}

fn full(principal: &Principal) -> Result<(), ConsentError> {
    if may_agree(principal) {
        Ok(())
    } else {
        Err(ConsentError::LimitedKey)
    }
}
