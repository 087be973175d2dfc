//! `plugins`: from an idea to a plugin that this configuration serves.

mod check;
mod dev;
mod inspect;
mod print;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use orderdesk_authoring::build;
use orderdesk_authoring::language::Language;
use orderdesk_authoring::new;
use orderdesk_authoring::tools::Tools;
use orderdesk_mcp::config::{Config, ConfigError, Environment};

use super::plugins_admin;

/// What can be done with plugins.
#[derive(Subcommand)]
pub(crate) enum Plugins {
    /// Make a folder NAME with a plugin in it: a tool, a test, and all that they need
    New {
        /// The plugin's name: a letter, then at most 23 of a-z, 0-9 and -
        name: String,
        /// rust, js or python
        #[arg(long, value_name = "LANGUAGE")]
        lang: Language,
    },
    /// Build the plugin in a folder into dist/NAME.wasm
    ///
    /// What that takes beside the language is installed first, once: the wasm32-wasip2 target for Rust; componentize-qjs (and
    /// Node.js, where there is none) for JavaScript; componentize-py for Python. Python 3.10 or newer with venv must be there for
    /// the last two.
    Build {
        /// The plugin's folder
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Run the tests of the plugin in a folder, without a component and a server
    Test {
        /// The plugin's folder
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Build at every change, and serve the plugin over MCP meanwhile; calls and logs go to stderr
    ///
    /// Serves the configuration as it is, with this plugin in place of the one of its name. Without --data-dir, data is kept
    /// apart from that of other servers, for a tenant of its own, whose key is shown. Ctrl-C ends it.
    Dev {
        /// The plugin's folder
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Address and port [default: that of the configuration, else 127.0.0.1:8080]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<std::net::SocketAddr>,
    },
    /// Tell what a component says of itself: tools, imports, and which grants it wishes for and why
    Inspect {
        /// A component
        file: PathBuf,
    },
    /// Tell whether a component would be served under this configuration, and which lines are missing; exit 1 if any
    Check {
        /// A component
        file: PathBuf,
    },
    /// All plugins of the configuration
    List(plugins_admin::List),
    /// Add a plugin to the configuration: download it, show what it asks for, and pin it
    Add(plugins_admin::Add),
}

/// Runs the command. `config` may be wrong where it is not asked.
pub(crate) async fn run(
    command: Plugins,
    config: Result<Config, ConfigError>,
    config_file: Option<&Path>,
    own_data: bool,
    environment: &Environment,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        Plugins::New { name, lang } => {
            let folder = new::create(Path::new("."), &name, lang)?;
            print::made(&folder, &name, lang, as_json)?;
        }
        Plugins::Build { path } => {
            let built = blocking(move || build::build(&path, &Tools::of_user()?)).await?;
            print::built(&built, as_json)?;
        }
        Plugins::Test { path } => {
            blocking(move || build::test(&path, &Tools::of_user()?)).await?;
        }
        Plugins::Dev { path, listen } => {
            dev::dev(&path, listen, config?, own_data, environment).await?;
        }
        Plugins::Inspect { file } => {
            let candidate = inspect::inspect(&file, &config?, environment).await?;
            print::candidate(&candidate, as_json)?;
        }
        Plugins::Check { file } => {
            let verdict = check::check(&file, &config?, environment).await?;
            print::verdict(&verdict, as_json)?;
            if !verdict.ok {
                return Ok(ExitCode::FAILURE);
            }
        }
        Plugins::List(command) => {
            plugins_admin::list(&config?, environment, &command, as_json).await?;
        }
        Plugins::Add(command) => {
            plugins_admin::add(config_file, &config?, environment, command, as_json).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the work broke off")?
}
