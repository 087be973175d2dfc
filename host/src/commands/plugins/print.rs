//! What the commands of `plugins` print: for people, or one JSON object.

use std::io::{self, Write};
use std::path::Path;

use orderdesk_authoring::build::Built;
use orderdesk_authoring::language::Language;
use orderdesk_mcp::plugins::Candidate;
use serde_json::{Value, json};

use super::check::Verdict;
use crate::commands::print::object;

/// A new plugin's folder, and what comes next.
pub(super) fn made(folder: &Path, name: &str, language: Language, as_json: bool) -> io::Result<()> {
    if as_json {
        return object(&json!({"folder": folder, "language": language.word()}));
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{name}/ is a plugin in {language}. Its README.md tells the rest; what comes next:\n"
    )?;
    writeln!(out, "  orderdesk-mcp plugins test {name}")?;
    writeln!(out, "  orderdesk-mcp plugins build {name}")?;
    writeln!(
        out,
        "  orderdesk-mcp plugins check {name}/dist/{name}.wasm   # says what to add to the configuration"
    )
}

/// A component that was built.
pub(super) fn built(built: &Built, as_json: bool) -> io::Result<()> {
    if as_json {
        return object(&serde_json::to_value(built)?);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", built.wasm.display())?;
    writeln!(out, "  sha256 {}", built.sha256)?;
    writeln!(out, "  {} bytes", built.bytes)
}

/// What a component says of itself.
pub(super) fn candidate(it: &Candidate, as_json: bool) -> io::Result<()> {
    if as_json {
        let tools: Vec<Value> = it
            .tools
            .iter()
            .map(|(name, title, reads)| json!({"name": name, "title": title, "read_only": reads}))
            .collect();
        let wishes: Vec<Value> = it
            .wanted
            .iter()
            .map(|wish| json!({"grant": wish.text, "reason": wish.reason}))
            .collect();
        return object(&json!({
            "name": it.name,
            "version": it.version,
            "description": it.description,
            "contract": it.contract,
            "tools": tools,
            "resources": it.resources,
            "prompts": it.prompts,
            "imports": it.imports,
            "wishes": wishes,
            "bytes": it.bytes,
            "sha256": it.digest,
        }));
    }
    let mut out = io::stdout().lock();
    let line = format!("{} {} ({} bytes)", it.name, it.version, it.bytes);
    writeln!(out, "{}", printable(&line))?;
    if !it.description.is_empty() {
        writeln!(out, "{}", printable(&it.description))?;
    }
    writeln!(out, "\ncontract  {}\nsha256    {}", it.contract, it.digest)?;
    section(&mut out, "Tools", &it.tools, |(name, title, reads)| {
        let hint = if *reads { " (only reads)" } else { "" };
        format!("{name}: {title}{hint}")
    })?;
    section(&mut out, "Resources", &it.resources, Clone::clone)?;
    section(&mut out, "Prompts", &it.prompts, Clone::clone)?;
    section(&mut out, "Imports", &it.imports, Clone::clone)?;
    section(&mut out, "Wishes", &it.wanted, |wish| {
        format!("{}\n    {}", wish.text, wish.reason)
    })
}

fn section<T>(
    out: &mut impl Write,
    title: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) -> io::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for item in items {
        writeln!(out, "  {}", printable(&line(item)))?;
    }
    Ok(())
}

/// A component's own words must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|it| {
            if it.is_control() && it != '\n' {
                ' '
            } else {
                it
            }
        })
        .collect()
}

/// Whether a component would be served.
pub(super) fn verdict(verdict: &Verdict, as_json: bool) -> io::Result<()> {
    if as_json {
        let missing: Vec<Value> = verdict
            .missing
            .iter()
            .map(|it| json!({"what": it.what, "why": it.why, "add": it.add}))
            .collect();
        return object(&json!({
            "ok": verdict.ok,
            "name": verdict.name,
            "loads": verdict.loads,
            "missing": missing,
        }));
    }
    let mut out = io::stdout().lock();
    if verdict.ok {
        return writeln!(
            out,
            "[plugins.{}] would be served as it is, with all that it wishes for.",
            verdict.name
        );
    }
    for missing in &verdict.missing {
        writeln!(out, "{}", printable(&missing.what))?;
        if let Some(why) = &missing.why {
            writeln!(out, "  why: {}", printable(why))?;
        }
        if let Some(add) = &missing.add {
            writeln!(out, "\n{}\n", printable(add))?;
        }
    }
    Ok(())
}
