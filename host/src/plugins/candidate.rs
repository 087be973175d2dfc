//! A component that nobody configured yet: what it says of itself, before anybody decides about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PluginError;
use super::grants::{self, Wanted};
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::load::{Linked, usual_prefix};
use super::{source, version};
use crate::capabilities::contract::VERSION;
use crate::config::{Grants, Plugin, Source};

/// What a component says of itself.
pub struct Candidate {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// Its tools: name, title, whether it only reads.
    pub tools: Vec<(String, String, bool)>,
    /// The URIs and URI templates that it has something to read under.
    pub resources: Vec<String>,
    /// Its texts to start work with.
    pub prompts: Vec<String>,
    /// The interfaces that it imports: all that it could use, if it were granted.
    pub imports: Vec<String>,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// The file's size.
    pub bytes: usize,
    /// What it asks for.
    pub wanted: Vec<Wanted>,
}

impl Candidate {
    /// What its tools' names begin with.
    pub fn prefixes(&self) -> Vec<String> {
        let usual = usual_prefix(&self.name);
        if self.tools.iter().all(|(name, ..)| name.starts_with(&usual)) {
            return vec![usual];
        }
        let prefix = |name: &String| match name.split_once('_') {
            Some((first, _)) => format!("{first}_"),
            None => name.clone(),
        };
        let prefixes: BTreeSet<String> = self.tools.iter().map(|(name, ..)| prefix(name)).collect();
        prefixes.into_iter().collect()
    }

    /// All that it asks for, as one grant.
    pub fn all_wanted(&self) -> Grants {
        let mut all = Grants::default();
        for wanted in &self.wanted {
            let wish = &wanted.grants;
            for http in &wish.http {
                match all.http.iter_mut().find(|it| it.endpoint == http.endpoint) {
                    Some(grant) => grant.allow.extend(http.allow.iter().cloned()),
                    None => all.http.push(http.clone()),
                }
            }
            all.read.extend(wish.read.iter().cloned());
            all.tools.extend(wish.tools.iter().cloned());
            all.events.extend(wish.events.iter().cloned());
            all.locks |= wish.locks;
        }
        all
    }
}

impl PluginHost {
    /// Asks a component what it is; it is granted nothing.
    ///
    /// # Errors
    /// It is none, or failed, or says what cannot be served.
    pub async fn candidate(&self, wasm: Vec<u8>) -> Result<Candidate, PluginError> {
        let (digest, bytes) = (source::digest(&wasm), wasm.len());
        let said = version::said(&wasm);
        let loader = &self.loader;
        let Linked {
            component,
            pre,
            exports,
        } = loader.linked(wasm).await?;
        let imports = component
            .component_type()
            .imports(&loader.engine.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let nothing = Plugin::of(Source::File("candidate".into()));
        let config = self.config.load();
        let plugin = LoadedPlugin {
            grantee: Arc::new(grants::grantee(
                "candidate",
                &nothing,
                &Grants::default(),
                &self.services,
            )?),
            limits: config.limits.clone(),
            pre,
            exports,
            queue: loader.engine.queue.clone(),
        };
        let described = plugin
            .describe(&self.services)
            .await
            .map_err(PluginError::Listing)?;
        super::load::check_size(&described)?;
        let manifest = described.manifest;
        Ok(Candidate {
            wanted: grants::wanted(&manifest.wishes)?,
            name: manifest.name,
            version: manifest.version,
            description: manifest.description,
            digest,
            bytes,
            // One that says nothing was judged by its imports and exports.
            contract: said.unwrap_or_else(|| VERSION.to_owned()),
            resources: described.resources.into_iter().map(|it| it.uri).collect(),
            prompts: described.prompts.into_iter().map(|it| it.name).collect(),
            imports,
            tools: described
                .tools
                .into_iter()
                .map(|tool| (tool.name, tool.title, tool.hints.read_only))
                .collect(),
        })
    }
}
