//! `plugins add` and `plugins list`: what an operator does with plugins of others.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{self, Config, Environment, Grants, Source};
use orderdesk_mcp::plugins::{Candidate, Downloads, fetch, keep};
use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item, Table, value};

use super::consent::visible;
use super::print;

/// A plugin that is compiled for the first time may take this long.
const LOADING: Duration = Duration::from_secs(300);

#[derive(Args)]
pub(crate) struct Add {
    /// A path or an https:// URL
    source: String,
    /// Its name in the configuration. Default: what it calls itself
    #[arg(long)]
    name: Option<String>,
    /// Whose signature it must carry: a name of [publishers]
    #[arg(long)]
    publisher: Option<String>,
    /// Grant nothing of what it asks for
    #[arg(long)]
    no_grants: bool,
    /// Add it without being asked
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(crate) struct List {
    /// Also what each keeps, and what it did
    #[arg(long)]
    usage: bool,
}

/// Adds a plugin to the configuration, pinned to its digest.
pub(crate) async fn add(
    file: Option<&Path>,
    config: &Config,
    environment: &Environment,
    command: Add,
    as_json: bool,
) -> anyhow::Result<()> {
    let file = file.context("there is no configuration to add it to; name one with --config")?;
    let source = Source::parse(&command.source)
        .map_err(anyhow::Error::msg)?
        .from_folder(&std::env::current_dir()?);
    // Endpoints and keys, without the plugins that are there already.
    let mut without = config.clone();
    without.plugins.clear();
    let application = Application::start(&without, environment).await?;
    let wasm = fetch(&source, &application.services).await?;
    let candidate = application.host.candidate(wasm.clone()).await?;
    let name = command
        .name
        .clone()
        .unwrap_or_else(|| candidate.name.clone());
    let replaces = config.plugins.contains_key(&name);
    if !as_json {
        print::text(&shown(&candidate, &name, &source, &command, replaces))?;
    }

    let before = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let after = added(&before, file, &name, &source, &candidate, &command)?;
    // As the server will read it: with a digest that fits, a signature, and tools that it may have.
    let read = checked(file, &after, environment, config)?;
    if source.file().is_none() {
        keep(&Downloads::within(&config.server.data_dir), &wasm)?;
    }
    let mut only = read.clone();
    only.plugins.retain(|known, _| *known == name);
    if let Some(plugin) = only.plugins.get_mut(&name) {
        plugin.enabled = true;
    }
    application.host.reload(&only).await;
    let problem = application.host.registry().problems().first().cloned();
    application.host.shut_down(Duration::ZERO).await;
    if let Some(problem) = problem {
        bail!("'{name}' cannot be served: {}", problem.what);
    }
    if !command.yes && !agrees()? {
        bail!("nothing was changed");
    }
    write(file, &after)?;
    if as_json {
        return Ok(print::object(&json!({
            "name": name,
            "source": source.to_string(),
            "sha256": candidate.digest,
            "config": file.display().to_string(),
            "replaced": replaces,
        }))?);
    }
    Ok(print::text(&format!(
        "'{name}' stands in {}, pinned to {}. A server that runs takes it up by itself.",
        file.display(),
        candidate.digest
    ))?)
}

fn shown(
    candidate: &Candidate,
    name: &str,
    source: &Source,
    command: &Add,
    replaces: bool,
) -> String {
    let mut text = format!(
        "{} {}: {}\n\nSource:    {source}\nsha256:    {}\nPublisher: {}\n\nIts tools:\n",
        visible(&candidate.name),
        visible(&candidate.version),
        visible(&candidate.description),
        candidate.digest,
        command
            .publisher
            .as_deref()
            .unwrap_or("nobody; its signature is not asked for"),
    );
    for (tool, title, read_only) in &candidate.tools {
        let writes = if *read_only { "reads" } else { "writes" };
        text.push_str(&format!(
            "  {} ({writes}): {}\n",
            visible(tool),
            visible(title)
        ));
    }
    text.push_str(if candidate.wanted.is_empty() {
        "\nIt asks for no grants.\n"
    } else {
        "\nIt asks for, in its author's words:\n"
    });
    for wanted in &candidate.wanted {
        text.push_str(&format!(
            "  {}\n      {}\n",
            visible(&wanted.text),
            visible(&wanted.reason)
        ));
    }
    if replaces {
        text.push_str(&format!(
            "\n[plugins.{name}] is there: its source and digest are replaced, its grants stay.\n"
        ));
    } else if command.no_grants {
        text.push_str("\nNothing of it is granted (--no-grants).\n");
    }
    text
}

fn agrees() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here; give --yes to add it");
    }
    eprint!("Add it, with these grants? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_lowercase().as_str()))
}

/// The configuration with the plugin in it; everything else in it stays as it was written.
fn added(
    text: &str,
    file: &Path,
    name: &str,
    source: &Source,
    candidate: &Candidate,
    command: &Add,
) -> anyhow::Result<String> {
    let mut document: DocumentMut = text
        .parse()
        .with_context(|| format!("{} is not TOML", file.display()))?;
    let plugins = document
        .entry("plugins")
        .or_insert_with(|| {
            let mut plugins = Table::new();
            plugins.set_implicit(true);
            Item::Table(plugins)
        })
        .as_table_mut()
        .context("[plugins] is not a table")?;
    let is_new = !plugins.contains_key(name);
    let plugin = plugins
        .entry(name)
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_mut()
        .with_context(|| format!("[plugins.{name}] is not a table"))?;
    plugin["source"] = value(written(source, file));
    plugin["sha256"] = value(candidate.digest.as_str());
    if let Some(publisher) = &command.publisher {
        plugin["publisher"] = value(publisher.as_str());
    }
    if is_new {
        let prefixes = candidate.prefixes();
        if prefixes != [format!("{name}_")] {
            plugin["prefixes"] = value(prefixes.iter().collect::<toml_edit::Array>());
        }
        if !command.no_grants && !candidate.wanted.is_empty() {
            plugin["grants"] = Item::Table(grants(&candidate.all_wanted()));
        }
    }
    Ok(document.to_string())
}

fn grants(wanted: &Grants) -> Table {
    let mut table = Table::new();
    table.set_dotted(true);
    if !wanted.http.is_empty() {
        let http = wanted.http.iter().map(|grant| {
            let mut inline = toml_edit::InlineTable::new();
            inline.insert("endpoint", grant.endpoint.as_str().into());
            let allow: toml_edit::Array = grant.allow.iter().collect();
            inline.insert("allow", allow.into());
            inline
        });
        table["http"] = value(http.collect::<toml_edit::Array>());
    }
    for (key, names) in [
        ("read", &wanted.read),
        ("tools", &wanted.tools),
        ("events", &wanted.events),
    ] {
        if !names.is_empty() {
            table[key] = value(names.iter().collect::<toml_edit::Array>());
        }
    }
    if wanted.locks {
        table["locks"] = value(true);
    }
    table
}

/// A file below the configuration's folder is named from there, so that both can be moved together.
fn written(source: &Source, file: &Path) -> String {
    let folder = std::path::absolute(file)
        .ok()
        .and_then(|file| file.parent().map(Path::to_owned));
    match (source.file(), folder) {
        (Some(path), Some(folder)) => path
            .strip_prefix(&folder)
            .unwrap_or(path)
            .display()
            .to_string(),
        _ => source.to_string(),
    }
}

/// The new configuration as the server reads it, from a file beside the old one.
fn checked(
    file: &Path,
    text: &str,
    environment: &Environment,
    config: &Config,
) -> anyhow::Result<Config> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    let beside = tempfile::Builder::new()
        .suffix(".toml")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("nothing can be written beside {}", file.display()))?;
    std::fs::write(beside.path(), text)?;
    let data_dir = config.server.data_dir.display().to_string();
    Ok(config::load(
        Some(beside.path()),
        environment,
        &[("server.data_dir", data_dir)],
    )?)
}

/// In one piece or not at all, with the mode that the file had.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    // A link stays one.
    let target: PathBuf = std::fs::canonicalize(file)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    std::fs::set_permissions(new.path(), std::fs::metadata(&target)?.permissions())?;
    new.persist(&target)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(())
}

/// All plugins of the configuration.
pub(crate) async fn list(
    config: &Config,
    environment: &Environment,
    command: &List,
    as_json: bool,
) -> anyhow::Result<()> {
    let application = Application::start(config, environment).await?;
    application.host.loaded(LOADING).await;
    let registry = application.host.registry();
    let mut rows = Vec::new();
    for (name, plugin) in &config.plugins {
        let loaded = application.host.about(name);
        let problem = registry.problems().iter().find(|it| it.plugin == *name);
        let state = match (plugin.enabled, problem, &loaded) {
            (false, ..) => "disabled",
            (_, Some(_), _) => "refused",
            (_, None, Some(_)) => "served",
            _ => "loading",
        };
        let about = loaded.as_ref().map(|loaded| &loaded.about);
        let mut row = json!({
            "name": name,
            "state": state,
            "version": about.map(|it| &it.version),
            "source": plugin.source.to_string(),
            "sha256": about.map(|it| &it.digest),
            "publisher": about.and_then(|it| it.publisher.as_ref()),
            "tools": loaded.as_ref().map(|it| it.tools.iter().map(|tool| &tool.name).collect::<Vec<_>>()),
            "consent": loaded.as_ref().map(|it| if it.plugin.grantee.consent.is_some() { "tenant" } else { "not needed" }),
            "problem": problem.map(|it| &it.what),
        });
        if command.usage {
            let usage = application.data.database.plugin_usage(name).await?;
            row["usage"] = json!({
                "tenants": usage.tenants,
                "documents": usage.documents,
                "stored_bytes": usage.stored_bytes,
                "secrets": usage.secrets,
                "consents": usage.consents,
                "calls": usage.calls,
                "failed": usage.failed,
                "elapsed_ms": usage.elapsed_ms,
                "http_requests": usage.http_requests,
            });
        }
        rows.push(row);
    }
    application.host.shut_down(Duration::ZERO).await;
    if as_json {
        return Ok(print::object(&json!({"plugins": rows}))?);
    }
    if rows.is_empty() {
        return Ok(print::text(
            "There are no plugins. Add one: orderdesk-mcp plugins add SOURCE",
        )?);
    }
    for row in &rows {
        print::text(&line(row))?;
    }
    Ok(())
}

fn line(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let tools = row["tools"].as_array().map_or(0, Vec::len);
    let mut line = format!(
        "{}  {} {}  {tools} tools  {}",
        text("name"),
        text("state"),
        visible(&text("version")),
        text("source")
    );
    if let Some(digest) = row["sha256"].as_str() {
        line.push_str(&format!("  sha256 {}…", &digest[..12.min(digest.len())]));
    }
    if let Some(publisher) = row["publisher"].as_str() {
        line.push_str(&format!("  signed by {publisher}"));
    }
    if row["consent"] == "tenant" {
        line.push_str("  each tenant has to agree");
    }
    if let Some(problem) = row["problem"].as_str() {
        line.push_str(&format!("\n    {problem}"));
    }
    if let Some(usage) = row["usage"].as_object() {
        let words: Vec<String> = usage
            .iter()
            .map(|(key, value)| format!("{} {value}", key.replace('_', " ")))
            .collect();
        line.push_str(&format!("\n    {}", words.join(", ")));
    }
    line
}
