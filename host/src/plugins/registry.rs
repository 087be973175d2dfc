//! The tools that are served: a snapshot, swapped whole. A call keeps the one it started with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::instance::LoadedPlugin;
use super::load::Loaded;
use super::native::{NATIVE, Native};
use super::prompt::Prompt;
use super::resource::Resource;
use super::tool::Tool;
use super::uri::{Uri, Variables};
use super::{PluginError, host::Slot};
use crate::config::Limits;
use crate::tenancy::Scopes;

/// A tool and the plugin that runs it.
#[derive(Clone)]
pub struct Listed {
    /// The tool.
    pub tool: Arc<Tool>,
    /// What runs it.
    pub(super) runner: Runner,
}

/// What runs a tool.
#[derive(Clone)]
pub(super) enum Runner {
    /// A sandboxed component.
    Plugin(Arc<LoadedPlugin>),
    /// Code of this process.
    Native(Native),
}

impl Listed {
    /// The plugin's name in the config, or `host` for a native tool.
    pub fn plugin_name(&self) -> &str {
        match &self.runner {
            Runner::Plugin(plugin) => &plugin.grantee.name,
            Runner::Native(_) => NATIVE,
        }
    }

    /// What one call may use.
    pub(super) fn limits(&self) -> &Limits {
        match &self.runner {
            Runner::Plugin(plugin) => &plugin.limits,
            Runner::Native(native) => &native.limits,
        }
    }

    /// The arguments that hold secrets.
    pub fn secret_arguments(&self) -> impl Iterator<Item = &str> {
        self.tool
            .sealed
            .iter()
            .map(|argument| argument.name.as_str())
    }
}

/// Something that a plugin gives beside tools, and the plugin.
pub struct Offered<T> {
    /// What it is.
    pub item: Arc<T>,
    /// Whose.
    pub(super) plugin: Arc<LoadedPlugin>,
}

impl<T> Clone for Offered<T> {
    fn clone(&self) -> Self {
        Self {
            item: self.item.clone(),
            plugin: self.plugin.clone(),
        }
    }
}

impl<T> Offered<T> {
    /// The plugin's name in the config.
    pub fn plugin_name(&self) -> &str {
        &self.plugin.grantee.name
    }
}

/// Something that keeps a plugin from being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The plugin.
    pub plugin: String,
    /// What is wrong and what would mend it.
    pub what: String,
}

/// All tools in their listed order, and what could not be served.
#[derive(Default)]
pub struct Registry {
    tools: Vec<Listed>,
    by_name: HashMap<String, usize>,
    plugins: BTreeMap<String, Arc<LoadedPlugin>>,
    resources: Vec<Offered<Resource>>,
    prompts: Vec<Offered<Prompt>>,
    problems: Vec<Problem>,
}

impl Registry {
    /// Plugins in the order of their names, tools in the order of their plugin: the same in every process.
    pub(super) fn build(native: &[Native], slots: &BTreeMap<String, Slot>) -> Self {
        let mut registry = Self::default();
        for native in native {
            registry.list(native.tool.clone(), Runner::Native(native.clone()));
        }
        for (name, slot) in slots {
            match slot {
                Slot::Loading => {}
                Slot::Failed(error) => registry.problem(name, error),
                Slot::Loaded(loaded) => registry.add(name, loaded),
            }
        }
        registry
    }

    fn add(&mut self, name: &str, loaded: &Loaded) {
        // Never a rename: an agent that learned a name must not get another plugin's tool under it.
        for tool in &loaded.tools {
            if let Some(&taken) = self.by_name.get(&tool.name) {
                let owner = self.tools[taken].plugin_name();
                let error = PluginError::Declaration(format!(
                    "its tool '{}' is already served by the plugin '{owner}'; exclude it in one of them",
                    tool.name
                ));
                return self.problem(name, &error);
            }
        }
        if let Some(clash) = self.clash(loaded) {
            return self.problem(name, &PluginError::Declaration(clash));
        }
        for tool in &loaded.tools {
            self.list(tool.clone(), Runner::Plugin(loaded.plugin.clone()));
        }
        self.plugins.insert(name.to_owned(), loaded.plugin.clone());
        let resources = loaded.resources.iter().map(|item| Offered {
            item: item.clone(),
            plugin: loaded.plugin.clone(),
        });
        self.resources.extend(resources);
        let prompts = loaded.prompts.iter().map(|item| Offered {
            item: item.clone(),
            plugin: loaded.plugin.clone(),
        });
        self.prompts.extend(prompts);
    }

    /// What of this plugin another one gives already.
    fn clash(&self, loaded: &Loaded) -> Option<String> {
        for resource in &loaded.resources {
            let meets = |taken: &&Offered<Resource>| taken.item.shape.meets(&resource.shape);
            if let Some(taken) = self.resources.iter().find(meets) {
                return Some(format!(
                    "its resource '{}' is already served by the plugin '{}', as '{}'; give them different schemes",
                    resource.shape,
                    taken.plugin_name(),
                    taken.item.shape
                ));
            }
        }
        for prompt in &loaded.prompts {
            if let Some(taken) = self.find_prompt(&prompt.name) {
                return Some(format!(
                    "its prompt '{}' is already served by the plugin '{}'",
                    prompt.name,
                    taken.plugin_name()
                ));
            }
        }
        None
    }

    fn list(&mut self, tool: Arc<Tool>, runner: Runner) {
        self.by_name.insert(tool.name.clone(), self.tools.len());
        self.tools.push(Listed { tool, runner });
    }

    fn problem(&mut self, plugin: &str, error: &PluginError) {
        self.problems.push(Problem {
            plugin: plugin.to_owned(),
            what: error.line(),
        });
    }

    /// All tools, in their listed order.
    pub fn tools(&self) -> &[Listed] {
        &self.tools
    }

    /// The plugin of this name, if it is served.
    pub(super) fn plugin(&self, name: &str) -> Option<&Arc<LoadedPlugin>> {
        self.plugins.get(name)
    }

    /// All plugins that are served.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Arc<LoadedPlugin>> {
        self.plugins.values()
    }

    /// The plugins that are granted events.
    pub(super) fn handlers(&self) -> Vec<String> {
        self.plugins
            .iter()
            .filter(|(_, plugin)| !plugin.grantee.events.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// What could not be served.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The tool of this name; `shop.get` is accepted for `shop_get`.
    pub fn find(&self, name: &str) -> Option<&Listed> {
        self.by_name
            .get(name)
            .or_else(|| self.by_name.get(&name.replacen('.', "_", 1)))
            .map(|&at| &self.tools[at])
    }

    /// All resources and templates, in their listed order.
    pub fn resources(&self) -> &[Offered<Resource>] {
        &self.resources
    }

    /// All prompts, in their listed order.
    pub fn prompts(&self) -> &[Offered<Prompt>] {
        &self.prompts
    }

    /// What this URI leads to, and the variables in it. A fixed resource goes before a template.
    pub fn find_resource(&self, uri: &str) -> Option<(&Offered<Resource>, Variables)> {
        let uri = Uri::read(uri)?;
        let mut of_a_template = None;
        for offered in &self.resources {
            match offered.item.shape.fit(&uri) {
                Some(variables) if variables.is_empty() => return Some((offered, variables)),
                Some(variables) => of_a_template = Some((offered, variables)),
                None => {}
            }
        }
        of_a_template
    }

    /// The resource or template that was listed so.
    pub fn find_listed(&self, uri_or_template: &str) -> Option<&Offered<Resource>> {
        self.resources
            .iter()
            .find(|offered| offered.item.shape.text() == uri_or_template)
    }

    /// The prompt of this name.
    pub fn find_prompt(&self, name: &str) -> Option<&Offered<Prompt>> {
        self.prompts
            .iter()
            .find(|offered| offered.item.name == name)
    }

    /// Whether a key with these scopes reaches what goes with this tool of the plugin. Where the plugin names none, any of its
    /// tools will do.
    pub fn reaches<T>(&self, offered: &Offered<T>, tool: Option<&str>, scopes: &Scopes) -> bool {
        if scopes.tools.is_none() {
            return true;
        }
        match tool {
            Some(tool) => scopes.covers_tool(tool),
            None => self.tools.iter().any(|listed| {
                listed.plugin_name() == offered.plugin_name()
                    && scopes.covers_tool(&listed.tool.name)
            }),
        }
    }

    /// The sets that tools belong to, sorted.
    pub fn toolsets(&self) -> BTreeSet<&str> {
        self.tools
            .iter()
            .filter_map(|listed| listed.tool.toolset.as_deref())
            .collect()
    }

    /// Whether a tool of this set is listed where nobody chose sets.
    pub(super) fn lists_by_default(&self, set: &str) -> bool {
        self.tools
            .iter()
            .any(|listed| listed.tool.by_default && listed.tool.toolset.as_deref() == Some(set))
    }

    /// Up to three known names that are close to a wrong one.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let name = name.to_lowercase();
        let mut close: Vec<_> = self
            .tools
            .iter()
            .map(|listed| {
                (
                    strsim::jaro_winkler(&listed.tool.name, &name),
                    listed.tool.name.as_str(),
                )
            })
            .filter(|(likeness, _)| *likeness > 0.7)
            .collect();
        close.sort_by(|a, b| b.0.total_cmp(&a.0));
        close.into_iter().take(3).map(|(_, name)| name).collect()
    }
}
