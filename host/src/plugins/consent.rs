//! What a tenant has to agree to before a plugin serves it, which plugins it is served, and its agreeing at a page.

use std::collections::HashSet;

use super::grants::Wanted;
use super::host::PluginHost;
use super::registry::{Listed, Offered};
use crate::capabilities::Services;
use crate::capabilities::context::Grantee;
use crate::capabilities::contract::Error;
use crate::config::{Consent, Grants, Plugin};
use crate::store::{ConsentRecord, StoreError};
use crate::tenancy::audit::Source;
use crate::tenancy::{ConsentError, ConsentStanding, Principal, Terms};

/// The terms of a plugin with these grants, if they touch what belongs to a tenant: a sealed key, or the documents, tools or
/// events of another plugin. `publisher` is whose signature was verified, with the key.
pub fn terms(
    name: &str,
    plugin: &Plugin,
    grants: &Grants,
    publisher: Option<&str>,
    services: &Services,
) -> Option<Terms> {
    if plugin.consent == Consent::Operator {
        return None;
    }
    let others = [&grants.read, &grants.tools, &grants.events];
    let mut touches = others.iter().any(|names| !names.is_empty());
    let mut lines = Vec::new();
    for grant in &grants.http {
        let endpoint = &grant.endpoint;
        let origin = services.http.origin(endpoint).unwrap_or_default();
        for allowed in &grant.allow {
            lines.push(format!("{allowed} at {endpoint} ({origin})"));
        }
        for header in services.http.sealed_headers(endpoint) {
            touches = true;
            lines.push(format!(
                "the use of your key for {endpoint} ({origin}), in the header {header}"
            ));
        }
    }
    for name in &grants.read {
        lines.push(format!(
            "to read all that '{name}' keeps for you, and the use of the keys that it keeps"
        ));
    }
    for tool in &grants.tools {
        lines.push(format!("to call the tool {tool}"));
    }
    for name in &grants.events {
        lines.push(format!("all events of '{name}'"));
    }
    touches.then(|| Terms::new(name, publisher.unwrap_or_default().to_owned(), lines))
}

/// The plugins that a tenant is served.
pub struct Agreed {
    without: HashSet<String>,
}

impl Agreed {
    /// Whether the tenant is served this tool.
    pub fn serves(&self, listed: &Listed) -> bool {
        !self.without.contains(listed.plugin_name())
    }

    /// Whether the tenant is served this resource or prompt.
    pub fn offers<T>(&self, offered: &Offered<T>) -> bool {
        !self.without.contains(offered.plugin_name())
    }
}

/// A plugin that needs a tenant's consent, as somebody of the tenant reads it.
pub struct Consentable {
    /// What it asks for.
    pub terms: Terms,
    /// What it calls itself.
    pub calls_itself: String,
    /// Its version, as it says.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub component: String,
    /// What it asks for in its author's words, and why.
    pub wanted: Vec<Wanted>,
    /// How the tenant's consent stands.
    pub standing: ConsentStanding,
    /// What the tenant agreed to, if it did.
    pub given: Option<ConsentRecord>,
}

/// What a tenant agreed to, and what it may agree to.
pub struct ConsentsOf {
    /// Plugins that are served, and need its consent.
    pub plugins: Vec<Consentable>,
    /// Consents to plugins that are not served, or need none any more.
    pub others: Vec<ConsentRecord>,
    /// What a consent may be limited to.
    pub subjects: Vec<String>,
}

/// What came of agreeing.
#[derive(Debug, PartialEq, Eq)]
pub enum Agreeing {
    /// It counts from now on.
    Done,
    /// The plugin asks for something else than what was read, or is gone.
    Changed,
}

impl PluginHost {
    /// What this principal's tenant agreed to and may agree to.
    ///
    /// # Errors
    /// The database failed.
    pub async fn consents_of(&self, principal: &Principal) -> Result<ConsentsOf, StoreError> {
        let consents = &self.services.consents;
        let mut given = consents.of(&principal.tenant).await?;
        let mut plugins = Vec::new();
        for name in self.registry().plugins().map(|it| it.grantee.name.clone()) {
            let Some(loaded) = self.about(&name) else {
                continue;
            };
            let Some(terms) = loaded.plugin.grantee.consent.clone() else {
                continue;
            };
            let at = given.iter().position(|consent| consent.plugin == name);
            let given = at.map(|at| given.remove(at));
            plugins.push(Consentable {
                standing: terms.standing(given.clone()),
                terms,
                calls_itself: loaded.about.name.clone(),
                version: loaded.about.version.clone(),
                component: loaded.about.digest.clone(),
                wanted: loaded.about.wanted.clone(),
                given,
            });
        }
        Ok(ConsentsOf {
            plugins,
            others: given,
            subjects: consents.subjects(&principal.tenant).await?,
        })
    }

    /// Agrees to what a person read: `digest` names those terms.
    ///
    /// # Errors
    /// The key has limits; the database failed.
    pub async fn agree_to(
        &self,
        principal: &Principal,
        (plugin, digest): (&str, &str),
        subjects: Option<Vec<String>>,
        source: Source,
    ) -> Result<Agreeing, ConsentError> {
        let terms = self
            .about(plugin)
            .and_then(|loaded| loaded.plugin.grantee.consent.clone())
            .filter(|terms| terms.digest() == digest);
        let Some(terms) = terms else {
            return Ok(Agreeing::Changed);
        };
        let consents = self.services.consents.acting_from(source);
        consents.agree(principal, &terms, subjects).await?;
        self.to_follow.notify_one();
        Ok(Agreeing::Done)
    }

    /// Takes a consent back; false if there is none.
    ///
    /// # Errors
    /// The key has limits; the database failed.
    pub async fn withdraw_from(
        &self,
        principal: &Principal,
        plugin: &str,
        source: Source,
    ) -> Result<bool, ConsentError> {
        let consents = self.services.consents.acting_from(source);
        let withdrawn = consents.withdraw(principal, plugin).await?;
        self.to_follow.notify_one();
        Ok(withdrawn)
    }

    /// As [`Services::agreed`], and a refusal says at which page the tenant agrees.
    ///
    /// # Errors
    /// It did not agree; the database failed.
    pub(super) async fn agreed_for(
        &self,
        grantee: &Grantee,
        principal: &Principal,
    ) -> Result<Principal, Error> {
        let agreed = self.services.agreed(grantee, principal).await;
        agreed.map_err(|error| {
            let waits = matches!(
                error.code.as_deref(),
                Some("consent-missing" | "consent-suspended")
            );
            match self.page_of_consents().filter(|_| waits) {
                Some(page) => Error {
                    message: format!(
                        "{} Whoever has the master key can also agree at {page}, a page of this server.",
                        error.message
                    ),
                    ..error
                },
                None => error,
            }
        })
    }

    /// Whether any plugin that is served needs a tenant's consent.
    pub fn asks_for_consent(&self) -> bool {
        let registry = self.registry();
        registry
            .plugins()
            .any(|plugin| plugin.grantee.consent.is_some())
    }

    /// The plugins that this principal's tenant is served right now: those that need no consent, and those that have it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn agreed(&self, principal: &Principal) -> Result<Agreed, Error> {
        let mut without = HashSet::new();
        for plugin in self.registry().plugins() {
            let Some(terms) = &plugin.grantee.consent else {
                continue;
            };
            let standing = self
                .services
                .consents
                .standing(principal, terms)
                .await
                .map_err(|error| Error::internal("Looking for a consent", &error))?;
            if !matches!(standing, ConsentStanding::Given(_)) {
                without.insert(plugin.grantee.name.clone());
            }
        }
        Ok(Agreed { without })
    }
}
