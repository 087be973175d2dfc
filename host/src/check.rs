//! `check`: what is wrong with config, plugins, database and reach, in words, before anybody is let in.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::application::{Application, StartError};
use crate::config::{Config, ConfigError, Environment};
use crate::mcp::look_for_issuer_keys;
use crate::plugins::{PluginHost, advice, unknown_toolset};

/// Plugins that are compiled for the first time may take this long.
const LOADING: Duration = Duration::from_secs(300);
/// An endpoint that answers later than this is of no use.
const PROBE: Duration = Duration::from_secs(15);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Config key, file or endpoint.
    pub r#where: String,
    /// What is wrong there.
    pub what: String,
    /// What would mend it.
    pub fix: String,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Nothing is wrong.
    pub ok: bool,
    /// Everything that is.
    pub problems: Vec<Problem>,
    /// What is allowed and may be meant so, and should be known.
    pub warnings: Vec<Problem>,
}

impl Report {
    fn of(problems: Vec<Problem>) -> Self {
        Self {
            ok: problems.is_empty(),
            problems,
            warnings: Vec::new(),
        }
    }

    /// A config that cannot be read.
    pub fn unreadable(error: &ConfigError) -> Self {
        let (place, what) = match error {
            ConfigError::NoFile(path) => (
                path.display().to_string(),
                "the file is not there".to_owned(),
            ),
            ConfigError::Invalid { place, what } => (place.clone(), what.clone()),
        };
        Self::of(vec![problem(
            &place,
            &what,
            "correct the file, or name another with --config",
        )])
    }
}

fn problem(place: &str, what: &str, fix: &str) -> Problem {
    Problem {
        r#where: place.to_owned(),
        what: what.to_owned(),
        fix: fix.to_owned(),
    }
}

/// Opens everything as `serve` would, loads every plugin, and asks every endpoint and the issuer.
pub async fn check(config: &Config, environment: &Environment) -> Report {
    let application = match Application::start(config, environment).await {
        Ok(application) => application,
        Err(error) => return Report::of(vec![cannot_start(&error)]),
    };
    let mut problems = Vec::new();
    if let Err(what) = config.traces.headers(environment) {
        let fix = "set the variable, or take the header out";
        problems.push(problem("traces.headers", &what, fix));
    }
    if config.plugins.values().all(|plugin| !plugin.enabled) {
        problems.push(problem(
            "plugins",
            "no plugin is configured, so there are no tools",
            "add [plugins.NAME] with a source, or start where orderdesk.toml is",
        ));
    }
    problems.extend(plugins(&application.host).await);
    problems.extend(toolsets(config, &application.host));
    problems.extend(events(config));
    problems.extend(endpoints(config, &application).await);
    problems.extend(issuer(config, &application).await);
    let warnings = advice(&application.host, config);
    application.host.shut_down(Duration::ZERO).await;
    Report {
        warnings: warnings
            .into_iter()
            .map(|it| problem(&it.place, &it.what, &it.fix))
            .collect(),
        ..Report::of(problems)
    }
}

async fn issuer(config: &Config, application: &Application) -> Option<Problem> {
    let oauth = config.oauth.as_ref()?;
    let found = look_for_issuer_keys(oauth, application.services.clone()).await;
    let fix = "see whether it can be reached from here, and whether [oauth] issuer is what its tokens have in 'iss'";
    let what = found.err()?;
    Some(problem("oauth.issuer", &what, fix))
}

fn cannot_start(error: &StartError) -> Problem {
    let (place, fix) = match error {
        StartError::DataDirectory { path, .. } => (
            path.clone(),
            "choose another with --data-dir, or mend its permissions",
        ),
        StartError::ServerKey(_) => (
            "server key".to_owned(),
            "set ORDERDESK_MCP_SERVER_KEY, or mend the file server.key",
        ),
        StartError::Database(_) => (
            "database".to_owned(),
            "see whether the data directory is writable and whole",
        ),
        StartError::Tenancy(_) => (
            "server key".to_owned(),
            "use the server key that this data directory was made with",
        ),
        StartError::Base { endpoint, .. } => (
            format!("endpoints.{endpoint}.base"),
            "write a URL, or { env, default }",
        ),
        StartError::MetricsToken(_) => (
            "metrics.token".to_owned(),
            "set the variable to a secret of at least 16 characters, or take the setting out",
        ),
        StartError::Endpoint(error) => (
            format!("endpoints.{}", error.endpoint),
            "correct the endpoint's settings",
        ),
        StartError::Native(_) => ("this program".to_owned(), "tell its authors"),
        StartError::Engine(_) => (
            "WebAssembly".to_owned(),
            "run on x86-64 or aarch64 with enough memory and threads",
        ),
    };
    problem(&place, &error.to_string(), fix)
}

async fn plugins(host: &Arc<PluginHost>) -> Vec<Problem> {
    if !host.loaded(LOADING).await {
        return vec![problem(
            "plugins",
            "plugins are still being compiled after five minutes",
            "look into the log",
        )];
    }
    host.registry()
        .problems()
        .iter()
        .map(|found| {
            problem(
                &format!("plugins.{}", found.plugin),
                &found.what,
                "mend it, or set enabled = false; the other plugins are served meanwhile",
            )
        })
        .collect()
}

fn events(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, plugin) in &config.plugins {
        for whose in &plugin.grants.events {
            if !config.plugins.contains_key(whose) {
                problems.push(problem(
                    &format!("plugins.{name}.grants.events"),
                    &format!("there is no plugin '{whose}'"),
                    "name a plugin of this configuration",
                ));
            }
        }
    }
    problems
}

fn toolsets(config: &Config, host: &Arc<PluginHost>) -> Option<Problem> {
    let what = unknown_toolset(&config.mcp.toolsets, &host.registry())?;
    Some(problem(
        "mcp.toolsets",
        &what,
        "correct the list, or add the plugin whose tools belong to that set",
    ))
}

async fn endpoints(config: &Config, application: &Application) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, endpoint) in &config.endpoints {
        let Some(path) = &endpoint.probe else {
            continue;
        };
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        if let Err(error) = application
            .services
            .http
            .probe(name, &segments, PROBE)
            .await
        {
            problems.push(problem(
                &format!("endpoints.{name}"),
                &format!(
                    "it cannot be reached: {}",
                    error.detail.unwrap_or(error.message)
                ),
                "look at the base URL, the network and the firewall",
            ));
        }
    }
    problems
}
