//! Plugins of others: whose consent they need, where they come from, and how one takes the place of another.

mod adding;
mod advice;
mod consent;
mod released;
mod reload;
mod sources;

use std::path::Path;
use std::process::Output;

use end_to_end::guest;
use serde_json::Value;

/// `[plugins.hostile]`: a stranger's plugin with these lines below its source.
fn stranger(lines: &str) -> toml::Table {
    plugin(&guest("guest-hostile"), lines)
}

fn plugin(source: &Path, lines: &str) -> toml::Table {
    format!("source = {:?}\n{lines}", source.display().to_string())
        .parse()
        .unwrap()
}

fn insert(config: &mut toml::Table, name: &str, plugin: toml::Table) {
    let plugins = config["plugins"].as_table_mut().unwrap();
    plugins.insert(name.to_owned(), plugin.into());
}

/// What a command printed with `--json`.
#[track_caller]
fn printed(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a command that failed said last.
#[track_caller]
fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    stderr
        .lines()
        .filter(|line| line.starts_with("orderdesk-mcp:"))
        .collect()
}
