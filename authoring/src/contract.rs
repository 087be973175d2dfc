//! The version of the contract that a component was built for: the custom section `orderdesk:contract`.
//!
//! The Rust SDK's linker puts it into the core module; for other languages it is appended to the component.

use std::borrow::Cow;

use anyhow::{Context, Result};
use wasm_encoder::{CustomSection, Encode as _, Section as _};
use wasmparser::{Parser, Payload};

use crate::embedded::CONTRACT;

/// The section's name.
pub const SECTION: &str = "orderdesk:contract";

/// The version of the contract that this program carries, such as `0.1.0`.
///
/// # Errors
/// Never with a contract that wasmtime's bindings were made from.
pub fn version() -> Result<&'static str> {
    CONTRACT
        .iter()
        .find_map(|(_, text)| {
            let (_, rest) = text.split_once("package orderdesk:plugin@")?;
            rest.split_once(';').map(|(version, _)| version.trim())
        })
        .context("the contract names no version")
}

/// The version that a component says it was built for, if it says so.
///
/// # Errors
/// It is not WebAssembly.
pub fn version_of(component: &[u8]) -> Result<Option<String>> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            return Ok(Some(String::from_utf8_lossy(section.data()).into_owned()));
        }
    }
    Ok(None)
}

/// Makes a component say its version, unless it does.
///
/// # Errors
/// It is not WebAssembly.
pub fn stamp(component: &mut Vec<u8>) -> Result<()> {
    if version_of(component)?.is_some() {
        return Ok(());
    }
    let section = CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Borrowed(version()?.as_bytes()),
    };
    component.push(section.id());
    section.encode(component);
    Ok(())
}
