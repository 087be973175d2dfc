//! A component that nobody configured yet: what it says of itself, before anybody decides about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PluginError;
use super::compiled::first_line;
use super::exports::Exports;
use super::grants::{self, Wanted};
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::{imports, source, version};
use crate::capabilities::contract::PluginPre;
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
    /// What it asks for.
    pub wanted: Vec<Wanted>,
}

impl Candidate {
    /// What its tools' names begin with.
    pub fn prefixes(&self) -> Vec<String> {
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
        let digest = source::digest(&wasm);
        let loader = &self.loader;
        let component = {
            let (engine, compiled) = (loader.engine.engine.clone(), loader.compiled.clone());
            tokio::task::spawn_blocking(move || {
                version::check(&wasm)?;
                compiled.load(&engine, &wasm)
            })
            .await
            .map_err(|error| PluginError::Listing(error.to_string()))??
        };
        imports::check(&loader.engine.engine, &component)?;
        let pre = loader
            .engine
            .linker
            .instantiate_pre(&component)
            .map_err(|error| PluginError::NotAComponent(first_line(&error)))?;
        let exports = Exports::of(&pre)?;
        let pre =
            PluginPre::new(pre).map_err(|error| PluginError::NotAComponent(first_line(&error)))?;
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
            tools: described
                .tools
                .into_iter()
                .map(|tool| (tool.name, tool.title, tool.hints.read_only))
                .collect(),
        })
    }
}
