//! From a line in the config to a plugin that can be called: read, verify, compile, link, list.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::compiled::CompiledCode;
use super::engine::{MEMORY_CEILING, PluginEngine};
use super::instance::LoadedPlugin;
use super::native::NATIVE;
use super::tool::{Tool, compile};
use super::{PluginError, imports};
use crate::capabilities::Services;
use crate::capabilities::context::Grantee;
use crate::capabilities::contract::PluginPre;
use crate::capabilities::contract::tools::{Manifest, Tool as Declared};
use crate::capabilities::http::HttpGrant;
use crate::config;

const NAME_LENGTH: usize = 32;
/// Larger files are refused before anything looks into them.
const COMPONENT_BYTES: u64 = 64 << 20;
/// All that a plugin says of itself and its tools: each agent reads most of it before its first call.
const DECLARED_BYTES: usize = 256 << 10;
/// Clients become worse at choosing long before.
const DECLARED_TOOLS: usize = 200;

/// A plugin and the tools that it serves.
pub struct Loaded {
    /// The plugin itself.
    pub plugin: Arc<LoadedPlugin>,
    /// In the order in which the plugin lists them.
    pub tools: Vec<Arc<Tool>>,
}

/// Loads the plugin `name`.
///
/// # Errors
/// The first thing that is wrong, in words.
pub async fn load(
    name: &str,
    settings: &config::Plugin,
    defaults: &config::Limits,
    engine: &PluginEngine,
    compiled: &Arc<CompiledCode>,
    services: &Arc<Services>,
) -> Result<Loaded, PluginError> {
    check_name(name)?;
    let limits = settings.limits.over(defaults);
    if limits.memory.as_u64() > MEMORY_CEILING as u64 {
        return Err(PluginError::Config(format!(
            "plugins.{name}.limits.memory is {}; the most is {} MiB",
            limits.memory,
            MEMORY_CEILING >> 20
        )));
    }
    let grantee = Arc::new(grantee(name, settings, services)?);
    let component = {
        let (engine, compiled) = (engine.engine.clone(), compiled.clone());
        let (source, expected) = (settings.source.clone(), settings.sha256.clone());
        tokio::task::spawn_blocking(move || {
            let wasm = read(&source, expected.as_deref())?;
            compiled.load(&engine, &wasm)
        })
        .await
        .map_err(|error| PluginError::Listing(error.to_string()))??
    };
    imports::check(&engine.engine, &component)?;
    let pre = engine
        .linker
        .instantiate_pre(&component)
        .and_then(PluginPre::new)
        .map_err(|error| PluginError::NotAComponent(super::compiled::first_line(&error)))?;
    let plugin = Arc::new(LoadedPlugin {
        grantee,
        limits,
        pre,
    });

    let (manifest, declared) = plugin
        .describe(services)
        .await
        .map_err(PluginError::Listing)?;
    check_size(&manifest, &declared)?;
    check_settings(name, settings, &manifest)?;
    let prefixes = settings
        .prefixes
        .clone()
        .unwrap_or_else(|| vec![format!("{name}_")]);
    let mut tools = Vec::new();
    for tool in declared {
        let tool =
            Tool::check(tool, &plugin.grantee, &prefixes).map_err(PluginError::Declaration)?;
        if tools
            .iter()
            .any(|other: &Arc<Tool>| other.name == tool.name)
        {
            return Err(PluginError::Declaration(format!(
                "it declares the tool '{}' twice",
                tool.name
            )));
        }
        tools.push(Arc::new(tool));
    }
    check_filter(name, &settings.tools, &tools)?;
    tools.retain(|tool| {
        settings
            .tools
            .include
            .as_ref()
            .is_none_or(|include| include.contains(&tool.name))
            && !settings.tools.exclude.contains(&tool.name)
    });
    for wish in &manifest.wishes {
        tracing::debug!(
            plugin = name,
            grant = wish.grant,
            reason = wish.reason,
            "the plugin wishes for a grant"
        );
    }
    tracing::info!(
        plugin = name,
        version = manifest.version,
        tools = tools.len(),
        "loaded a plugin"
    );
    Ok(Loaded { plugin, tools })
}

/// Namespaces, locks and audit hang on the name, so it is plain and never the host's own.
fn check_name(name: &str) -> Result<(), PluginError> {
    let plain = name.len() <= NAME_LENGTH
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
        });
    if plain && name != NATIVE {
        return Ok(());
    }
    Err(PluginError::Config(format!(
        "[plugins.{name}]: a plugin's name starts with a letter, has at most {NAME_LENGTH} of a-z, 0-9, - and _, and is not '{NATIVE}'"
    )))
}

fn read(source: &std::path::Path, expected: Option<&str>) -> Result<Vec<u8>, PluginError> {
    let unreadable = |error| PluginError::Unreadable {
        path: source.display().to_string(),
        error,
    };
    let size = std::fs::metadata(source).map_err(unreadable)?.len();
    if size > COMPONENT_BYTES {
        return Err(PluginError::TooLarge(size, COMPONENT_BYTES));
    }
    let wasm = std::fs::read(source).map_err(unreadable)?;
    if let Some(expected) = expected {
        let found: String = Sha256::digest(&wasm)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if !found.eq_ignore_ascii_case(expected.trim()) {
            return Err(PluginError::Digest {
                found,
                expected: expected.to_owned(),
            });
        }
    }
    Ok(wasm)
}

fn grantee(
    name: &str,
    settings: &config::Plugin,
    services: &Services,
) -> Result<Grantee, PluginError> {
    let config = |what: String| PluginError::Config(format!("plugins.{name}.grants: {what}"));
    let mut http = Vec::new();
    for grant in &settings.grants.http {
        if services.http.origin(&grant.endpoint).is_none() {
            return Err(config(format!("there is no endpoint '{}'", grant.endpoint)));
        }
        let allow = grant
            .allow
            .iter()
            .map(|pattern| {
                pattern
                    .parse()
                    .map_err(|error| config(format!("'{pattern}': {error}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        http.push(HttpGrant {
            endpoint: grant.endpoint.clone(),
            allow,
        });
    }
    Ok(Grantee {
        name: name.to_owned(),
        http,
        read: settings.grants.read.clone(),
        tools: settings.grants.tools.clone(),
        locks: settings.grants.locks,
        settings: serde_json::Value::Object(settings.settings.clone()).to_string(),
    })
}

fn check_size(manifest: &Manifest, declared: &[Declared]) -> Result<(), PluginError> {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let itself = manifest.name.len()
        + manifest.version.len()
        + manifest.description.len()
        + of(&manifest.settings_schema)
        + manifest
            .wishes
            .iter()
            .map(|wish| wish.grant.len() + wish.reason.len())
            .sum::<usize>();
    let tools = declared.iter().map(|tool| {
        tool.name.len()
            + tool.title.len()
            + tool.description.len()
            + tool.input_schema.len()
            + of(&tool.output_schema)
            + of(&tool.toolset)
    });
    let bytes = itself + tools.sum::<usize>();
    if bytes > DECLARED_BYTES || declared.len() > DECLARED_TOOLS {
        return Err(PluginError::Declaration(format!(
            "it declares {} tools in {bytes} bytes; at most {DECLARED_TOOLS} tools in {DECLARED_BYTES} bytes are served",
            declared.len()
        )));
    }
    Ok(())
}

fn check_settings(
    name: &str,
    settings: &config::Plugin,
    manifest: &Manifest,
) -> Result<(), PluginError> {
    let Some(schema) = &manifest.settings_schema else {
        return match settings.settings.keys().next() {
            None => Ok(()),
            Some(key) => Err(PluginError::Config(format!(
                "plugins.{name}.settings.{key}: this plugin has no settings"
            ))),
        };
    };
    let schema = serde_json::from_str(schema).map_err(|error| {
        PluginError::Declaration(format!(
            "the schema of its settings is not a JSON object: {error}"
        ))
    })?;
    let validator = compile(&schema)
        .map_err(|error| PluginError::Declaration(format!("the schema of its settings {error}")))?;
    let value = serde_json::Value::Object(settings.settings.clone());
    match validator.iter_errors(&value).next() {
        None => Ok(()),
        Some(error) => {
            let path = error.instance_path().to_string().replace('/', ".");
            Err(PluginError::Config(format!(
                "plugins.{name}.settings{path}: {error}"
            )))
        }
    }
}

fn check_filter(
    name: &str,
    filter: &config::ToolFilter,
    tools: &[Arc<Tool>],
) -> Result<(), PluginError> {
    let listed = filter.include.iter().flatten().chain(&filter.exclude);
    for wanted in listed {
        if !tools.iter().any(|tool| &tool.name == wanted) {
            return Err(PluginError::Config(format!(
                "plugins.{name}.tools: the plugin has no tool '{wanted}'"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_plain_or_are_the_hosts_own_are_refused() {
        for name in ["orders", "a", "my-plugin_2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "host",
            "Orders",
            "2orders",
            "or/ders",
            "orders.x",
            &"x".repeat(33),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
