//! The invariants of `ARCHITECTURE.md` that a compiler does not see, checked on the tree as it is.
//!
//! Every rule is a pure function over source files (`rules`), so that each is also shown to find
//! what it is there to find.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod examples;
mod rooms;
mod rules;
mod scripts;
mod tree;

use std::fs;

use rules::{Finding, Rule};

/// Past this nobody reads it.
const ARCHITECTURE_LINES: usize = 200;

fn assert_tidy(findings: &[Finding]) {
    let text: String = findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect();
    assert!(findings.is_empty(), "the tree is not tidy:{text}");
}

fn assert_tidy_host(rule: Rule) {
    let sources = tree::host_sources();
    assert!(
        sources.iter().any(|source| source.path == "main.rs"),
        "host/src was not found"
    );
    assert_tidy(&rule(&sources));
}

#[test]
fn only_the_http_capability_knows_reqwest() {
    assert_tidy_host(rules::reqwest_stays_in_the_http_capability);
}

#[test]
fn one_place_makes_the_wasmtime_config() {
    assert_tidy_host(rules::one_maker_of_the_wasmtime_config);
}

#[test]
fn unsafe_stands_only_where_a_compiled_component_is_loaded() {
    assert_tidy_host(rules::unsafe_only_where_compiled_code_is_loaded);
}

#[test]
fn the_host_knows_nothing_of_order_desk() {
    assert_tidy_host(rules::no_knowledge_of_order_desk);
}

#[test]
fn calls_run_downward_only() {
    assert_tidy_host(rules::imports_run_downward);
}

#[test]
fn every_public_item_of_the_sdk_has_an_example() {
    let sources = tree::sdk_sources();
    let is_there = |path: &str| sources.iter().any(|source| source.path == path);
    assert!(is_there("sdk/src/lib.rs") && is_there("sdk/src/testing/mod.rs"));
    assert_tidy(&examples::every_public_item_has_an_example(&sources));
}

#[test]
fn every_function_of_the_sdks_for_javascript_and_python_has_an_example() {
    let sources = tree::script_sources();
    assert_eq!(
        sources.len(),
        4,
        "two files in JavaScript, two in Python: {:?}",
        sources.iter().map(|it| &it.path).collect::<Vec<_>>()
    );
    assert_tidy(&scripts::every_function_has_an_example(&sources));
}

#[test]
fn files_are_named_for_what_they_hold() {
    let paths = tree::all_paths();
    assert!(paths.iter().any(|path| path == "Cargo.toml"));
    assert_tidy(&rules::names_say_something(&paths));
}

#[test]
fn the_architecture_can_be_read_in_one_sitting() {
    let text = fs::read_to_string(tree::root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(
        (1..=ARCHITECTURE_LINES).contains(&lines),
        "ARCHITECTURE.md has {lines} lines; at most {ARCHITECTURE_LINES} are read"
    );
}

#[test]
fn the_default_configuration_is_toml_with_plugins() {
    let text = fs::read_to_string(tree::root().join("orderdesk.toml")).expect("orderdesk.toml");
    let document: toml_edit::DocumentMut = text.parse().expect("orderdesk.toml is TOML");
    let plugins = document
        .get("plugins")
        .and_then(toml_edit::Item::as_table_like)
        .expect("orderdesk.toml has [plugins.NAME] tables");
    assert!(!plugins.is_empty());
}
