//! The tools that are served: a snapshot, swapped whole. A call keeps the one it started with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::instance::LoadedPlugin;
use super::load::Loaded;
use super::native::{NATIVE, Native};
use super::tool::Tool;
use super::{PluginError, host::Slot};
use crate::config::Limits;

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
        for tool in &loaded.tools {
            self.list(tool.clone(), Runner::Plugin(loaded.plugin.clone()));
        }
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
        let mut close: Vec<_> = self
            .tools
            .iter()
            .map(|listed| {
                (
                    strsim::jaro_winkler(&listed.tool.name, name),
                    listed.tool.name.as_str(),
                )
            })
            .filter(|(likeness, _)| *likeness > 0.7)
            .collect();
        close.sort_by(|a, b| b.0.total_cmp(&a.0));
        close.into_iter().take(3).map(|(_, name)| name).collect()
    }
}
