//! `plugins check`: would this component be served under this configuration, and with all that it wishes for?

use std::path::Path;
use std::time::Duration;

use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{Config, Environment, Grants, Plugin};
use orderdesk_mcp::plugins::{Inspection, gaps};

use super::inspect;

/// Plugins that are compiled for the first time may take this long.
const LOADING: Duration = Duration::from_secs(300);

/// What was found.
pub(super) struct Verdict {
    /// It would be served, and nothing is missing.
    pub(super) ok: bool,
    /// It would be served.
    pub(super) loads: bool,
    /// Its name in the configuration, or the one that it could have there.
    pub(super) name: String,
    /// What is in the way.
    pub(super) missing: Vec<Missing>,
}

/// Something that is missing.
pub(super) struct Missing {
    pub(super) what: String,
    /// In the component's words.
    pub(super) why: Option<String>,
    /// What to add to the configuration.
    pub(super) add: Option<String>,
}

/// Asks the component, holds it against the configuration, and loads it as `serve` would.
pub(super) async fn check(
    file: &Path,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Verdict> {
    let mut missing = Vec::new();
    let inspection = match inspect::inspect(file, config, environment).await {
        Ok(inspection) => inspection,
        Err(error) => {
            return Ok(Verdict {
                ok: false,
                loads: false,
                name: stem(file),
                missing: vec![Missing {
                    what: format!("{error:#}"),
                    why: None,
                    add: None,
                }],
            });
        }
    };
    let (name, mut settings) = match entry(config, file, &inspection.name) {
        Some((name, settings)) => {
            for gap in wishes(&inspection, &settings.grants, &mut missing) {
                missing.push(Missing {
                    what: format!(
                        "[plugins.{name}] does not grant all that the plugin wishes for; put there:"
                    ),
                    why: Some(gap.reason),
                    add: Some(gap.line),
                });
            }
            (name, settings)
        }
        None => {
            let name = inspection.name.clone();
            let lines = lines(&name, file, &inspection, &mut missing);
            let settings: Plugin = toml::from_str(&lines)?;
            missing.push(Missing {
                what: "The configuration does not name it; add:".to_owned(),
                why: None,
                add: Some(format!("[plugins.{name}]\n{lines}")),
            });
            (name, settings)
        }
    };
    settings.source = file.to_owned();
    settings.enabled = true;
    let mut config = config.clone();
    config.plugins.insert(name.clone(), settings);
    let problems = problems(&name, &config, environment).await?;
    let loads = problems.is_empty();
    missing.extend(problems.into_iter().map(|what| Missing {
        what: format!("[plugins.{name}] would not be served: {what}"),
        why: None,
        add: None,
    }));
    Ok(Verdict {
        ok: missing.is_empty(),
        loads,
        name,
        missing,
    })
}

/// The plugin of the configuration that this file is: by its path, else by its name.
fn entry(config: &Config, file: &Path, name: &str) -> Option<(String, Plugin)> {
    let path = file.canonicalize().ok();
    let of_file = config
        .plugins
        .iter()
        .find(|(_, plugin)| path.is_some() && plugin.source.canonicalize().ok() == path);
    of_file
        .or_else(|| config.plugins.get_key_value(name))
        .map(|(name, plugin)| (name.clone(), plugin.clone()))
}

fn wishes(
    inspection: &Inspection,
    granted: &Grants,
    missing: &mut Vec<Missing>,
) -> Vec<orderdesk_mcp::plugins::Gap> {
    gaps(&inspection.wishes, granted).unwrap_or_else(|what| {
        missing.push(Missing {
            what,
            why: None,
            add: None,
        });
        Vec::new()
    })
}

/// What would stand under `[plugins.NAME]` for a component that is not there.
fn lines(name: &str, file: &Path, inspection: &Inspection, missing: &mut Vec<Missing>) -> String {
    let source = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut lines = vec![format!("source = {:?}", source.display().to_string())];
    let usual = format!("{}_", name.replace('-', "_"));
    if inspection
        .tools
        .iter()
        .any(|tool| !tool.name.starts_with(&usual))
    {
        let mut prefixes: Vec<String> = inspection
            .tools
            .iter()
            .map(|tool| match tool.name.split_once('_') {
                _ if tool.name.starts_with(&usual) => usual.clone(),
                Some((first, _)) => format!("{first}_"),
                None => tool.name.clone(),
            })
            .collect();
        prefixes.sort();
        prefixes.dedup();
        lines.push(format!("prefixes = {prefixes:?}"));
    }
    let mut keys: Vec<(String, String, String)> = Vec::new();
    for gap in wishes(inspection, &Grants::default(), missing) {
        let key = gap.line.split(' ').next().unwrap_or_default().to_owned();
        // A later line holds what an earlier one of its key does.
        keys.retain(|(earlier, _, _)| *earlier != key);
        keys.push((key, gap.line, gap.reason.replace('\n', " ")));
    }
    lines.extend(
        keys.into_iter()
            .map(|(_, line, reason)| format!("{line} # {reason}")),
    );
    lines.join("\n")
}

async fn problems(
    name: &str,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Vec<String>> {
    let application = Application::start(config, environment).await?;
    let mut problems = Vec::new();
    if !application.host.loaded(LOADING).await {
        problems.push("plugins are still being compiled after five minutes".to_owned());
    }
    problems.extend(
        application
            .host
            .registry()
            .problems()
            .iter()
            .filter(|problem| problem.plugin == name)
            .map(|problem| problem.what.clone()),
    );
    application.host.shut_down(Duration::ZERO).await;
    Ok(problems)
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}
