//! What a tenant has to agree to before a plugin serves it, and which plugins it is served.

use std::collections::HashSet;

use super::host::PluginHost;
use super::registry::{Listed, Offered};
use crate::capabilities::Services;
use crate::capabilities::contract::Error;
use crate::config::{Consent, Grants, Plugin};
use crate::tenancy::{ConsentStanding, Principal, Terms};

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

impl PluginHost {
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
