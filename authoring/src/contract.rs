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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::embedded::JAVASCRIPT_SDK;

    /// The smallest component there is: its preamble.
    const EMPTY: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

    #[test]
    fn a_component_is_stamped_once() {
        let mut component = EMPTY.to_vec();
        assert_eq!(version_of(&component).unwrap(), None);
        stamp(&mut component).unwrap();
        let stamped = component.clone();
        assert_eq!(
            version_of(&component).unwrap().as_deref(),
            Some(version().unwrap())
        );
        stamp(&mut component).unwrap();
        assert_eq!(component, stamped);
        assert!(version_of(b"not wasm").is_err());
    }

    #[test]
    fn what_javascript_imports_is_of_this_version() {
        let (_, source) = JAVASCRIPT_SDK
            .iter()
            .find(|(path, _)| *path == "component.js")
            .unwrap();
        let imports: Vec<_> = source
            .lines()
            .filter_map(|line| line.split_once("orderdesk:plugin/")?.1.split_once('@'))
            .map(|(_, version)| version.trim_end_matches("\";"))
            .collect();
        assert_eq!(imports, [version().unwrap(); 8]);
    }
}
