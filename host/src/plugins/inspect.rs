//! What a component says of itself, before anybody configured it.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::compiled::{CompiledCode, first_line};
use super::engine::PluginEngine;
use super::exports::Exports;
use super::instance::LoadedPlugin;
use super::load::read;
use super::{PluginError, imports};
use crate::capabilities::Services;
use crate::capabilities::context::Grantee;
use crate::capabilities::contract::{PluginPre, VERSION};
use crate::config::Limits;

/// The name that a component goes by while it has none in a config.
const NAMELESS: &str = "inspected";

/// A component, looked at.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// Its tools, in its order.
    pub tools: Vec<InspectedTool>,
    /// The URIs and URI templates that it has something to read under.
    pub resources: Vec<String>,
    /// The names of its texts to start work with.
    pub prompts: Vec<String>,
    /// The interfaces that it imports: what it could use at most, if it were granted.
    pub imports: Vec<String>,
    /// The grants that it would like.
    pub wishes: Vec<InspectedWish>,
    /// Whether it takes settings.
    pub settings_schema: Option<serde_json::Value>,
    /// The file's size.
    pub bytes: usize,
    /// The file's digest, in hexadecimal.
    pub sha256: String,
}

/// A tool as a component declares it.
#[derive(Debug, Serialize)]
pub struct InspectedTool {
    /// Its name.
    pub name: String,
    /// A few words for a person.
    pub title: String,
    /// It only reads.
    pub read_only: bool,
    /// It may remove or overwrite.
    pub destructive: bool,
    /// The set that it belongs to.
    pub toolset: Option<String>,
}

/// A grant that a component would like.
#[derive(Debug, Clone, Serialize)]
pub struct InspectedWish {
    /// In the words of `[plugins.NAME.grants]`.
    pub grant: String,
    /// Why, in the component's words.
    pub reason: String,
}

/// Compiles a component and asks it about itself, with every import but its log denied.
///
/// # Errors
/// It is none, is for another contract, or failed.
pub async fn inspect(
    file: &Path,
    engine: &PluginEngine,
    compiled: CompiledCode,
    services: &Arc<Services>,
) -> Result<Inspection, PluginError> {
    let (wasm, component) = {
        let (engine, file) = (engine.engine.clone(), file.to_owned());
        tokio::task::spawn_blocking(move || {
            let wasm = read(&file, None)?;
            let component = compiled.load(&engine, &wasm)?;
            Ok::<_, PluginError>((wasm, component))
        })
        .await
        .map_err(|error| PluginError::Listing(error.to_string()))??
    };
    imports::check(&engine.engine, &component)?;
    let pre = engine
        .linker
        .instantiate_pre(&component)
        .map_err(|error| PluginError::NotAComponent(first_line(&error)))?;
    let exports = Exports::of(&pre)?;
    let pre =
        PluginPre::new(pre).map_err(|error| PluginError::NotAComponent(first_line(&error)))?;
    let plugin = LoadedPlugin {
        grantee: Arc::new(nobody()),
        limits: Limits::default(),
        pre,
        exports,
    };
    let described = plugin
        .describe(services)
        .await
        .map_err(PluginError::Listing)?;
    let manifest = described.manifest;
    let kind = component.component_type();
    Ok(Inspection {
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        // Another version was refused above.
        contract: VERSION.to_owned(),
        tools: described
            .tools
            .into_iter()
            .map(|tool| InspectedTool {
                name: tool.name,
                title: tool.title,
                read_only: tool.hints.read_only,
                destructive: tool.hints.destructive,
                toolset: tool.toolset,
            })
            .collect(),
        resources: described.resources.into_iter().map(|it| it.uri).collect(),
        prompts: described.prompts.into_iter().map(|it| it.name).collect(),
        imports: kind
            .imports(&engine.engine)
            .map(|(name, _)| name.to_owned())
            .collect(),
        wishes: manifest
            .wishes
            .into_iter()
            .map(|wish| InspectedWish {
                grant: wish.grant,
                reason: wish.reason,
            })
            .collect(),
        settings_schema: manifest
            .settings_schema
            .and_then(|schema| serde_json::from_str(&schema).ok()),
        bytes: wasm.len(),
        sha256: Sha256::digest(&wasm)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    })
}

fn nobody() -> Grantee {
    Grantee {
        name: NAMELESS.to_owned(),
        http: Vec::new(),
        read: Vec::new(),
        tools: Vec::new(),
        locks: false,
        events: Vec::new(),
        settings: "{}".to_owned(),
    }
}
