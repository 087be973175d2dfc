//! `cargo xtask docs`: the reference of the contract in `docs/plugins.md`, written from `wit/`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::project::Project;

/// Below this line of the document everything is generated.
const MARK: &str = "<!-- What follows is written by `cargo xtask docs` from wit/; a test fails where it is stale. -->";
const DOCUMENT: &str = "docs/plugins.md";
/// What an author meets first comes first; an interface that is not here comes after, by its name.
const ORDER: [&str; 14] = [
    "tools",
    "types",
    "peers",
    "http",
    "storage",
    "cache",
    "locks",
    "crypto",
    "session",
    "log",
    "resources",
    "prompts",
    "webhooks",
    "events",
];

/// `cargo xtask docs`.
pub(crate) fn docs(project: &Project) -> Result<ExitCode> {
    let file = project.root.join(DOCUMENT);
    let (old, new) = document(&project.root)?;
    if old != new {
        fs::write(&file, new)?;
        eprintln!("new: {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The document as it is, and as it should be.
fn document(root: &Path) -> Result<(String, String)> {
    let file = root.join(DOCUMENT);
    let old =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let Some((by_hand, _)) = old.split_once(MARK) else {
        bail!("{DOCUMENT} has lost the line that its reference stands below: {MARK}");
    };
    let new = format!("{by_hand}{MARK}\n\n{}", reference(&root.join("wit"))?);
    Ok((old, new))
}

/// One section for each interface, and one for the worlds.
fn reference(contract: &Path) -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(contract)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let name = path.file_stem().unwrap_or_default();
            files.push((
                name.to_string_lossy().into_owned(),
                fs::read_to_string(&path)?,
            ));
        }
    }
    let place = |name: &str| {
        let known = ORDER.iter().position(|known| *known == name);
        known.unwrap_or(ORDER.len())
    };
    files.sort_by(|(one, _), (other, _)| (place(one), one).cmp(&(place(other), other)));
    let mut text = String::new();
    let is_interface = |source: &str| source.lines().any(|line| line.starts_with("interface "));
    let (interfaces, worlds): (Vec<_>, Vec<_>) =
        files.iter().partition(|(_, source)| is_interface(source));
    for (_, source) in worlds {
        section(&mut text, "World and package", source)?;
    }
    for (name, source) in interfaces {
        section(&mut text, &format!("Interface `{name}`"), source)?;
    }
    Ok(text.trim_end().to_owned() + "\n")
}

/// The interface's own words, what its functions do in a line each, and all of it.
fn section(text: &mut String, title: &str, source: &str) -> Result<()> {
    let comment = source
        .lines()
        .take_while(|line| line.starts_with("///"))
        .map(|line| line.trim_start_matches("///").trim())
        .collect::<Vec<_>>();
    let body: Vec<&str> = source.lines().skip(comment.len()).collect();
    writeln!(text, "### {title}\n\n{}\n", comment.join("\n"))?;
    let functions = functions(&body);
    for (name, what) in &functions {
        let what = if what.is_empty() {
            ""
        } else {
            &format!(": {what}")
        };
        writeln!(text, "- `{name}`{what}")?;
    }
    if !functions.is_empty() {
        writeln!(text)?;
    }
    writeln!(text, "```wit\n{}\n```\n", body.join("\n").trim())?;
    Ok(())
}

/// The functions of an interface, each with the first sentence of its comment.
fn functions<'a>(body: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut functions = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in body {
        let line = line.trim();
        if let Some(more) = line.strip_prefix("///") {
            comment.push(more.trim());
            continue;
        }
        if let Some((name, _)) = line.split_once(": func(") {
            let whole = comment.join(" ");
            let sentence = whole
                .split_once(". ")
                .map_or(whole.as_str(), |(first, _)| first);
            functions.push((name, sentence.trim_end_matches('.').to_owned()));
        }
        comment.clear();
    }
    functions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_reference_is_that_of_the_contract() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (old, new) = document(&root).unwrap();
        assert!(
            old == new,
            "docs/plugins.md is stale: run `cargo xtask docs`"
        );
        for interface in ORDER {
            assert!(
                new.contains(&format!("### Interface `{interface}`")),
                "{interface}"
            );
        }
    }

    #[test]
    fn functions_are_told_in_their_first_sentence() {
        let body = [
            "interface shelf {",
            "  /// Puts a book there. It",
            "  /// stays.",
            "  put: func(book: string);",
            "  count: func() -> u32;",
            "}",
        ];
        let expected = [
            ("put", "Puts a book there".to_owned()),
            ("count", String::new()),
        ];
        assert_eq!(functions(&body), expected);
    }
}
