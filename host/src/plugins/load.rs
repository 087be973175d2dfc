//! From a line in the config to a plugin that can be called: read, verify, compile, link, list.

use std::sync::Arc;

use wasmtime::component::Component;

use super::compiled::{CompiledCode, first_line};
use super::engine::{MEMORY_CEILING, PluginEngine};
use super::exports::Exports;
use super::grants::{self, Gap, Wanted};
use super::imitation::Imitations;
use super::instance::{Described, LoadedPlugin};
use super::native::NATIVE;
use super::prompt::{self, Prompt};
use super::resource::{self, Resource};
use super::source::{self, Downloads};
use super::tool::{Tool, compile};
use super::{PluginError, advice, consent, imports, uri, version};
use crate::capabilities::Services;
use crate::capabilities::context::CallState;
use crate::capabilities::contract::prompts::Prompt as DeclaredPrompt;
use crate::capabilities::contract::tools::Manifest;
use crate::capabilities::contract::{PluginPre, VERSION};
use crate::config::{self, Config, Grants};

const NAME_LENGTH: usize = 32;
/// What is asked may be read otherwise by the next version.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// All that a plugin says of itself and its tools: each agent reads most of it before its first call.
const DECLARED_BYTES: usize = 256 << 10;
/// Clients become worse at choosing long before.
const DECLARED_TOOLS: usize = 200;
/// Resources (fixed ones and templates together), and prompts: people look through lists of them.
const DECLARED_OFFERS: usize = 100;

/// A plugin and the tools that it serves.
pub struct Loaded {
    /// The plugin itself.
    pub plugin: Arc<LoadedPlugin>,
    /// In the order in which the plugin lists them.
    pub tools: Vec<Arc<Tool>>,
    /// What it has to read.
    pub resources: Vec<Arc<Resource>>,
    /// Its texts to start work with.
    pub prompts: Vec<Arc<Prompt>>,
    /// What it is and wants.
    pub about: About,
}

/// What a plugin is and wants, for the operator.
pub struct About {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// Who signed it, and with which key.
    pub publisher: Option<String>,
    /// What it asks for.
    pub wanted: Vec<Wanted>,
    /// What of that it was not granted.
    pub gaps: Vec<Gap>,
    /// What it was granted without asking.
    pub unasked: Vec<String>,
    /// What it may reach.
    pub grants: Grants,
    /// Arguments that look like secrets and are not sealed: tool and argument.
    pub bare_secrets: Vec<(String, String)>,
}

/// What loading needs, the same for every plugin.
pub struct Loader {
    /// Compiles and links.
    pub engine: PluginEngine,
    /// What was compiled and asked before.
    pub compiled: Arc<CompiledCode>,
    /// What plugins may reach.
    pub services: Arc<Services>,
    /// What was downloaded before.
    pub downloads: Downloads,
}

/// A component that can be instantiated.
pub(super) struct Linked {
    /// As it was compiled.
    pub(super) component: Component,
    /// What instances are made from.
    pub(super) pre: PluginPre<CallState>,
    /// What it exports beside tools.
    pub(super) exports: Exports,
}

impl Loader {
    /// Loads the plugin `name` of this configuration.
    ///
    /// # Errors
    /// The first thing that is wrong, in words.
    pub async fn load(
        &self,
        name: &str,
        settings: &config::Plugin,
        config: &Config,
    ) -> Result<Loaded, PluginError> {
        check_name(name)?;
        let limits = settings.limits.over(&config.limits);
        check_limits(name, &limits)?;
        let of_grants =
            |what: String| PluginError::Config(format!("plugins.{name}.grants: {what}"));
        // What the configuration says has to make sense whatever the plugin asks for.
        let granted = grants::grantee(name, settings, &settings.grants, &self.services)?;
        let source::Verified {
            wasm,
            digest,
            publisher,
        } = source::obtain(name, settings, config, &self.downloads, &self.services).await?;
        let Linked { pre, exports, .. } = self.linked(wasm).await?;
        let mut plugin = LoadedPlugin {
            grantee: Arc::new(granted),
            limits,
            pre,
            exports,
            queue: self.engine.queue.clone(),
        };

        let described = self.described(&plugin, &digest).await?;
        check_size(&described)?;
        check_links(&described, &Imitations::of(config))?;
        let manifest = described.manifest;
        check_settings(name, settings, &manifest)?;
        let wanted = grants::wanted(&manifest.wishes)?;
        let weighed = grants::weigh(&settings.grants, &wanted).map_err(of_grants)?;
        let mut grantee = grants::grantee(name, settings, &weighed.grants, &self.services)?;
        grantee.consent = consent::terms(
            name,
            settings,
            &weighed.grants,
            publisher.as_deref(),
            &self.services,
        );
        grantee.stored_limit = plugin.limits.stored.as_u64();
        plugin.grantee = Arc::new(grantee);
        let plugin = Arc::new(plugin);
        let prefixes = settings
            .prefixes
            .clone()
            .unwrap_or_else(|| vec![usual_prefix(name)]);
        let mut tools = Vec::new();
        let mut bare_secrets = Vec::new();
        for tool in described.tools {
            let tool = Tool::check(
                tool,
                &plugin.grantee,
                &prefixes,
                config.security.secrets_in_arguments,
            )
            .map_err(PluginError::Declaration)?;
            if tools
                .iter()
                .any(|other: &Arc<Tool>| other.name == tool.name)
            {
                return Err(PluginError::Declaration(format!(
                    "it declares the tool '{}' twice",
                    tool.name
                )));
            }
            let bare = advice::bare_secrets(&tool);
            bare_secrets.extend(bare.map(|argument| (tool.name.clone(), argument)));
            tools.push(Arc::new(tool));
        }
        check_filter(name, &settings.tools, &tools)?;
        let schemes = uri::schemes(name, settings.schemes.as_deref())
            .map_err(|error| PluginError::Config(format!("plugins.{name}.schemes: {error}")))?;
        let mut resources = resources(described.resources, &schemes, &tools)?;
        let mut prompts = prompts(described.prompts, &prefixes, &tools)?;
        tools.retain(|tool| {
            settings
                .tools
                .include
                .as_ref()
                .is_none_or(|include| include.contains(&tool.name))
                && !settings.tools.exclude.contains(&tool.name)
        });
        // What a tool tells is not told another way where the operator took the tool away.
        let is_served = |tool: &Option<String>| {
            tool.as_ref()
                .is_none_or(|tool| tools.iter().any(|served| &served.name == tool))
        };
        resources.retain(|resource| is_served(&resource.tool));
        prompts.retain(|prompt| is_served(&prompt.tool));
        for gap in &weighed.gaps {
            tracing::info!(
                plugin = name,
                reason = gap.reason,
                "not granted: {}; to grant it, put under [plugins.{name}]: {}",
                gap.wish,
                gap.line
            );
        }
        for line in &weighed.unasked {
            tracing::warn!(
                plugin = name,
                "granted without effect, since the plugin does not ask for it: {line}"
            );
        }
        tracing::info!(
            plugin = name,
            version = manifest.version,
            digest,
            tools = tools.len(),
            resources = resources.len(),
            prompts = prompts.len(),
            "loaded a plugin"
        );
        Ok(Loaded {
            plugin,
            tools,
            resources,
            prompts,
            about: About {
                name: manifest.name,
                version: manifest.version,
                description: manifest.description,
                digest,
                publisher,
                wanted,
                gaps: weighed.gaps,
                unasked: weighed.unasked,
                grants: weighed.grants,
                bare_secrets,
            },
        })
    }

    /// Compiles a component, which was compiled before perhaps, and links it.
    ///
    /// # Errors
    /// It is none, is made for another contract, or imports what there is not.
    pub(super) async fn linked(&self, wasm: Vec<u8>) -> Result<Linked, PluginError> {
        let component = {
            let (engine, compiled) = (self.engine.engine.clone(), self.compiled.clone());
            tokio::task::spawn_blocking(move || {
                version::check(&wasm)?;
                compiled.load(&engine, &wasm)
            })
            .await
            .map_err(|error| PluginError::Listing(error.to_string()))??
        };
        imports::check(&self.engine.engine, &component)?;
        let no_component = |error: wasmtime::Error| PluginError::NotAComponent(first_line(&error));
        let pre = self
            .engine
            .linker
            .instantiate_pre(&component)
            .map_err(no_component)?;
        Ok(Linked {
            exports: Exports::of(&pre)?,
            pre: PluginPre::new(pre).map_err(no_component)?,
            component,
        })
    }

    /// What the plugin says of itself: as it said before, if everything that it could depend on is the same.
    async fn described(
        &self,
        plugin: &LoadedPlugin,
        digest: &str,
    ) -> Result<Described, PluginError> {
        let settings = plugin.grantee.settings.clone();
        let asked = [digest.to_owned(), settings, VERSION.into(), PROGRAM.into()];
        let (engine, compiled) = (self.engine.engine.clone(), self.compiled.clone());
        let said = {
            let (asked, engine, compiled) = (asked.clone(), engine.clone(), compiled.clone());
            tokio::task::spawn_blocking(move || {
                let said = compiled.said(&engine, &asked.each_ref().map(String::as_bytes))?;
                serde_json::from_slice(&said).ok()
            })
            .await
            .ok()
            .flatten()
        };
        if let Some(described) = said {
            return Ok(described);
        }
        let described = plugin
            .describe(&self.services)
            .await
            .map_err(PluginError::Listing)?;
        // Nothing larger than what is served is kept.
        check_size(&described)?;
        if let Ok(said) = serde_json::to_vec(&described) {
            tokio::task::spawn_blocking(move || {
                compiled.keep_said(&engine, &asked.each_ref().map(String::as_bytes), &said);
            });
        }
        Ok(described)
    }
}

/// Nothing that agents and people read of a plugin before its first call may pass for a page of this server.
fn check_links(described: &Described, imitations: &Imitations) -> Result<(), PluginError> {
    let said = serde_json::to_value(described).map_err(|error| {
        PluginError::Declaration(format!("what it says cannot be read: {error}"))
    })?;
    match imitations.found_in(&said) {
        None => Ok(()),
        Some(link) => {
            let link: String = link.chars().filter(|c| !c.is_control()).take(100).collect();
            Err(PluginError::Declaration(format!(
                "it declares a link that looks like one to a page of this server: {link}"
            )))
        }
    }
}

fn check_limits(name: &str, limits: &config::Limits) -> Result<(), PluginError> {
    if limits.memory.as_u64() > MEMORY_CEILING as u64 {
        return Err(PluginError::Config(format!(
            "plugins.{name}.limits.memory is {}; the most is {} MiB",
            limits.memory,
            MEMORY_CEILING >> 20
        )));
    }
    Ok(())
}

fn resources(
    declared: Vec<resource::Declared>,
    schemes: &[String],
    tools: &[Arc<Tool>],
) -> Result<Vec<Arc<Resource>>, PluginError> {
    let mut resources: Vec<Arc<Resource>> = Vec::new();
    for declared in declared {
        let resource = Resource::check(declared, schemes).map_err(PluginError::Declaration)?;
        let shape = &resource.shape;
        check_tool("resource", shape.text(), resource.tool.as_deref(), tools)?;
        for other in &resources {
            // A fixed resource may lie within a template: it goes first.
            let meets = other.shape.is_template() == shape.is_template();
            if (meets && other.shape.meets(shape)) || other.name == resource.name {
                return Err(PluginError::Declaration(format!(
                    "its resources '{}' ({}) and '{shape}' ({}) have a URI or a name in common",
                    other.shape, other.name, resource.name
                )));
            }
        }
        resources.push(Arc::new(resource));
    }
    Ok(resources)
}

fn prompts(
    declared: Vec<DeclaredPrompt>,
    prefixes: &[String],
    tools: &[Arc<Tool>],
) -> Result<Vec<Arc<Prompt>>, PluginError> {
    let mut prompts: Vec<Arc<Prompt>> = Vec::new();
    for declared in declared {
        let prompt = Prompt::check(declared, prefixes).map_err(PluginError::Declaration)?;
        check_tool("prompt", &prompt.name, prompt.tool.as_deref(), tools)?;
        if prompts.iter().any(|other| other.name == prompt.name) {
            return Err(PluginError::Declaration(format!(
                "it declares the prompt '{}' twice",
                prompt.name
            )));
        }
        prompts.push(Arc::new(prompt));
    }
    Ok(prompts)
}

/// A name that means no tool would leave limited keys without what they should reach, and nobody would know why.
fn check_tool(
    what: &str,
    which: &str,
    tool: Option<&str>,
    tools: &[Arc<Tool>],
) -> Result<(), PluginError> {
    match tool {
        Some(tool) if tools.iter().all(|declared| declared.name != tool) => {
            let tool: String = tool.chars().filter(|c| !c.is_control()).take(60).collect();
            Err(PluginError::Declaration(format!(
                "{what} '{which}': it goes with the tool '{tool}', which the plugin does not have"
            )))
        }
        _ => Ok(()),
    }
}

/// What its tools' names begin with, unless the operator says otherwise.
pub fn usual_prefix(name: &str) -> String {
    // A hyphen is for the config's names only.
    format!("{}_", name.replace('-', "_"))
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

pub(super) fn check_size(described: &Described) -> Result<(), PluginError> {
    let (manifest, declared) = (&described.manifest, &described.tools);
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
    let resources = described.resources.iter().map(resource::Declared::bytes);
    let prompts = described.prompts.iter().map(prompt::bytes);
    let bytes = itself + tools.sum::<usize>() + resources.sum::<usize>() + prompts.sum::<usize>();
    for (what, number) in [
        ("resources", described.resources.len()),
        ("prompts", described.prompts.len()),
    ] {
        if number > DECLARED_OFFERS {
            return Err(PluginError::Declaration(format!(
                "it declares {number} {what}; at most {DECLARED_OFFERS} are served"
            )));
        }
    }
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
