//! Reload: when the configuration or a component's file changes, and on SIGHUP.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};
use orderdesk_mcp::config::{Config, ConfigError};
use orderdesk_mcp::plugins::PluginHost;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A build writes a file in many pieces, and an editor replaces it: what comes within this is one change.
const QUIET: Duration = Duration::from_millis(500);
/// What a reload takes up; everything else counts from the next start.
const TAKEN_UP: [&str; 3] = ["plugins", "publishers", "limits"];

/// Watches until the host stops; `read` reads the configuration anew.
///
/// # Errors
/// Signals cannot be received.
pub(crate) fn start(
    host: Arc<PluginHost>,
    file: Option<PathBuf>,
    config: &Config,
    read: impl Fn() -> Result<Config, ConfigError> + Send + 'static,
) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (changed, mut changes) = mpsc::channel::<Vec<PathBuf>>(16);
    let watcher = new_debouncer(QUIET, move |events: DebounceEventResult| {
        if let Ok(events) = events {
            // A full channel has a reload waiting in it already.
            let _ = changed.try_send(events.into_iter().map(|event| event.path).collect());
        }
    });
    let mut watcher = watcher
        .inspect_err(|error| {
            tracing::warn!(cause = %error, "files cannot be watched; SIGHUP still reloads");
        })
        .ok();
    let mut files = files(file.as_deref(), config);
    let mut watched = BTreeSet::new();
    let mut watch = move |files: &BTreeSet<PathBuf>| {
        let Some(watcher) = &mut watcher else { return };
        // Folders, since files are replaced rather than written.
        let folders: BTreeSet<PathBuf> = files
            .iter()
            .filter_map(|file| file.parent().map(Path::to_owned))
            .collect();
        for folder in folders.difference(&watched) {
            let watching = watcher.watcher().watch(folder, RecursiveMode::NonRecursive);
            if let Err(error) = watching {
                tracing::warn!(folder = %folder.display(), cause = %error, "a folder cannot be watched");
            }
        }
        watched.extend(folders);
    };
    watch(&files);
    let mut sections = sections(file.as_deref());
    tokio::spawn(async move {
        let stopping = host.stopping();
        loop {
            let why = tokio::select! {
                () = stopping.cancelled() => return,
                _ = hangup.recv() => "SIGHUP",
                paths = changes.recv() => match paths {
                    Some(paths) if paths.iter().any(|path| files.contains(path)) => "a file changed",
                    Some(_) => continue,
                    // Without a watcher there is still the signal.
                    None => {
                        std::future::pending::<()>().await;
                        return;
                    }
                },
            };
            tracing::info!(why, "reloading");
            match read() {
                Err(error) => {
                    tracing::error!(
                        "the configuration cannot be read, so the one before still counts: {error}"
                    );
                }
                Ok(config) => {
                    sections = compare(&sections, file.as_deref());
                    host.reload(&config).await;
                    files = self::files(file.as_deref(), &config);
                    watch(&files);
                }
            }
        }
    });
    Ok(())
}

/// The configuration, and the components that are files.
fn files(file: Option<&Path>, config: &Config) -> BTreeSet<PathBuf> {
    let sources = config
        .plugins
        .values()
        .filter_map(|plugin| plugin.source.file());
    file.into_iter()
        .chain(sources)
        .filter_map(|path| {
            // As the system names it in its events; where it is a link, both change.
            let path = std::path::absolute(path).ok()?;
            let folder = std::fs::canonicalize(path.parent()?).ok()?;
            Some([folder.join(path.file_name()?), path])
        })
        .flatten()
        .collect()
}

fn sections(file: Option<&Path>) -> toml::Table {
    file.and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// Says which sections changed in vain.
fn compare(before: &toml::Table, file: Option<&Path>) -> toml::Table {
    let after = sections(file);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let in_vain: Vec<&String> = names
        .into_iter()
        .filter(|name| !TAKEN_UP.contains(&name.as_str()) && before.get(*name) != after.get(*name))
        .collect();
    if !in_vain.is_empty() {
        tracing::warn!(
            sections = ?in_vain,
            "these sections of the configuration changed and count from the next start"
        );
    }
    after
}
