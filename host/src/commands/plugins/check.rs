//! `plugins check`: would this component be served under this configuration, and with all that it wishes for?

use std::path::Path;
use std::time::Duration;

use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{Config, Environment, Plugin, Source};
use orderdesk_mcp::plugins::{Candidate, Gap, usual_prefix};

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

impl Missing {
    fn told(what: String) -> Self {
        Self {
            what,
            why: None,
            add: None,
        }
    }
}

/// Asks the component, and loads it as `serve` would.
pub(super) async fn check(
    file: &Path,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Verdict> {
    let candidate = match inspect::inspect(file, config, environment).await {
        Ok(candidate) => candidate,
        Err(error) => {
            return Ok(Verdict {
                ok: false,
                loads: false,
                name: stem(file),
                missing: vec![Missing::told(format!("{error:#}"))],
            });
        }
    };
    let (name, mut settings, known) = match entry(config, file, &candidate.name) {
        Some((name, settings)) => (name, settings, true),
        None => {
            let settings: Plugin = toml::from_str(&lines(file, &candidate, &[]))?;
            (candidate.name.clone(), settings, false)
        }
    };
    settings.source = Source::File(file.to_owned());
    settings.enabled = true;
    let mut config = config.clone();
    config.plugins.insert(name.clone(), settings);
    let loaded = load(&name, &config, environment).await?;

    let mut missing = Vec::new();
    let loads = loaded.problems.is_empty();
    if known {
        missing.extend(loaded.gaps.into_iter().map(|gap| Missing {
            what: format!(
                "[plugins.{name}] does not grant all that the plugin wishes for; put there:"
            ),
            why: Some(gap.reason),
            add: Some(gap.line),
        }));
    } else {
        let lines = lines(file, &candidate, &loaded.gaps);
        missing.push(Missing {
            what: "The configuration does not name it; add:".to_owned(),
            why: None,
            add: Some(format!("[plugins.{name}]\n{lines}")),
        });
    }
    missing.extend(
        loaded
            .problems
            .into_iter()
            .map(|what| Missing::told(format!("[plugins.{name}] would not be served: {what}"))),
    );
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
    let of_file = config.plugins.iter().find(|(_, plugin)| {
        let source = plugin.source.file();
        path.is_some() && source.and_then(|it| it.canonicalize().ok()) == path
    });
    of_file
        .or_else(|| config.plugins.get_key_value(name))
        .map(|(name, plugin)| (name.clone(), plugin.clone()))
}

/// What would stand under `[plugins.NAME]` for a component that is not there.
fn lines(file: &Path, candidate: &Candidate, gaps: &[Gap]) -> String {
    let source = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut lines = vec![format!("source = {:?}", source.display().to_string())];
    let prefixes = candidate.prefixes();
    if prefixes != [usual_prefix(&candidate.name)] {
        lines.push(format!("prefixes = {prefixes:?}"));
    }
    for (key, reasons) in grants(gaps) {
        lines.push(format!("{key} # {}", reasons.join("; ").replace('\n', " ")));
    }
    lines.join("\n")
}

/// One line for each key: several wishes can be for one.
fn grants(gaps: &[Gap]) -> Vec<(String, Vec<String>)> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for gap in gaps {
        let key = |line: &str| line.split(' ').next().map(str::to_owned);
        match lines
            .iter_mut()
            .find(|(line, _)| key(line) == key(&gap.line))
        {
            Some((line, reasons)) => {
                if let Some(both) = joined(line, &gap.line) {
                    *line = both;
                }
                reasons.push(gap.reason.clone());
            }
            None => lines.push((gap.line.clone(), vec![gap.reason.clone()])),
        }
    }
    lines
}

/// Two lists of one key as one.
fn joined(one: &str, other: &str) -> Option<String> {
    let (start, end) = (one.strip_suffix(']')?, other.split_once('[')?.1);
    Some(format!("{start}, {end}"))
}

/// What came of loading.
struct Loaded {
    problems: Vec<String>,
    gaps: Vec<Gap>,
}

async fn load(name: &str, config: &Config, environment: &Environment) -> anyhow::Result<Loaded> {
    let application = Application::start(config, environment).await?;
    let host = &application.host;
    let mut problems = Vec::new();
    if !host.loaded(LOADING).await {
        problems.push("plugins are still being compiled after five minutes".to_owned());
    }
    let registry = host.registry();
    let own = registry.problems().iter().filter(|it| it.plugin == name);
    problems.extend(own.map(|problem| problem.what.clone()));
    let gaps = host
        .about(name)
        .map_or_else(Vec::new, |loaded| loaded.about.gaps.clone());
    host.shut_down(Duration::ZERO).await;
    Ok(Loaded { problems, gaps })
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_for_one_key_become_one_line() {
        let gap = |line: &str, reason: &str| Gap {
            wish: String::new(),
            line: line.to_owned(),
            reason: reason.to_owned(),
        };
        let gaps = [
            gap("grants.tools = [\"a\"]", "to a"),
            gap("grants.locks = true", "to lock"),
            gap("grants.tools = [\"b\"]", "to b"),
        ];
        let reasons = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            grants(&gaps),
            [
                (
                    "grants.tools = [\"a\", \"b\"]".to_owned(),
                    reasons(&["to a", "to b"])
                ),
                ("grants.locks = true".to_owned(), reasons(&["to lock"])),
            ]
        );
    }
}
