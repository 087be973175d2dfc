//! Plugins: found, verified, compiled, instantiated fresh for each call, limited. Knows no MCP.

mod admission;
mod advice;
mod answer;
mod arguments;
mod audit_list;
mod call;
mod candidate;
mod compiled;
mod completing;
mod confirm;
mod consent;
mod content;
mod deeds;
mod engine;
mod events;
mod example;
mod exports;
mod follow;
mod giving_back;
mod grants;
mod hooks;
mod host;
mod imitation;
mod imports;
mod instance;
mod intent;
mod load;
mod native;
mod nesting;
mod offer;
mod peer;
mod person;
mod preview;
mod prompt;
mod question;
mod refusal;
mod registry;
mod reload;
mod resource;
mod schema_weight;
mod secret_arguments;
mod selection;
mod source;
mod stdio;
mod steps;
mod tool;
mod trail;
mod uri;
mod version;

use thiserror::Error;

pub use advice::{Advice, advice};
pub use answer::{Answer, Structured};
pub use audit_list::audit_list;
pub use call::CallRequest;
pub use candidate::Candidate;
pub use compiled::CompiledCode;
pub use confirm::{Answered, Asked, Reply, outcome_word};
pub use consent::{Agreed, Agreeing, Consentable, ConsentsOf};
pub use engine::{EngineError, GUEST_MEMORY, PluginEngine};
pub use grants::{Gap, Wanted};
pub use hooks::{HookRequest, Judged, ResourcesChanged};
pub use host::PluginHost;
pub use imitation::{Imitations, REMOVED};
pub use load::{About, Loaded, usual_prefix};
pub use native::{Native, NativeTool};
pub use offer::{Asking, Prompted};
pub use person::{
    Carried, Decision, Entered, Linked, Pages, Shown, ShownSecret, Visit, names_link,
};
pub use prompt::Prompt;
pub use question::{Ask, AskedQuestion, CONFIRM, yes_or_no};
pub use refusal::missing_kind;
pub use registry::{Listed, Offered, Problem, Registry};
pub use reload::Reloaded;
pub use resource::Resource;
pub use selection::{ReadOnly, Selection, unknown_toolset};
pub use source::{Downloads, digest, fetch, keep};
pub use tool::{Tool, ToolHints};

/// Characters of [`PluginError::line`].
const LINE: usize = 600;

/// Why a plugin is not served.
#[derive(Debug, Error)]
pub enum PluginError {
    /// The file cannot be read.
    #[error("its file {path} cannot be read: {error}")]
    Unreadable {
        /// Where it should be.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Larger than any plugin should be.
    #[error("its file has {0} bytes; the limit is {1}")]
    TooLarge(u64, u64),
    /// Another file than the one that the operator pinned.
    #[error(
        "its file has the sha256 {found}, but the config says {expected}; if you trust the new file, change sha256"
    )]
    Digest {
        /// Of the file.
        found: String,
        /// In the config.
        expected: String,
    },
    /// It could not be downloaded.
    #[error("it cannot be downloaded from {url}: {what}")]
    Download {
        /// From where.
        url: String,
        /// What went wrong.
        what: String,
    },
    /// It is not signed as the config asks.
    #[error("its signature does not hold: {0}")]
    Signature(String),
    /// No component, or a damaged one.
    #[error("its file is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// An import that no plugin gets.
    #[error(
        "it imports '{0}', which this host does not give; plugins get orderdesk:plugin and WASI 0.2 without files and network"
    )]
    Import(String),
    /// A component for something else.
    #[error("it does not export 'orderdesk:plugin/tools', so it has no tools")]
    NotAPlugin,
    /// Built for another version of the contract.
    #[error("it was built for version {0} of the plugin contract; this host runs {version}", version = crate::capabilities::contract::VERSION)]
    Contract(String),
    /// It failed while it described itself.
    #[error("it failed while listing its tools: {0}")]
    Listing(String),
    /// A declaration is wrong.
    #[error("{0}")]
    Declaration(String),
    /// The config is wrong.
    #[error("{0}")]
    Config(String),
}

impl PluginError {
    /// What is wrong, in one line of bearable length: a plugin's own words may be in it.
    pub fn line(&self) -> String {
        self.to_string()
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .take(LINE)
            .collect()
    }
}
