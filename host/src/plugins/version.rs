//! The version of the contract that a component was built for, as it says itself, told before anything else is wrong.
//!
//! The SDK writes it into the custom section `orderdesk:contract`; the names of imports and exports say the same. See
//! docs/contract.md.

use wasmparser::{Parser, Payload};

use super::PluginError;
use crate::capabilities::contract::SERVED;

/// The custom section, of the component or of a module within it.
const SECTION: &str = "orderdesk:contract";

/// Refuses a component that says that it was built for a version that is not served. One that says nothing is judged by its
/// imports and exports.
///
/// # Errors
/// Its version and ours.
pub fn check(wasm: &[u8]) -> Result<(), PluginError> {
    match said(wasm) {
        Some(version) if !SERVED.contains(&version.as_str()) => Err(PluginError::Contract(version)),
        _ => Ok(()),
    }
}

/// The version that a component says it was built for.
pub fn said(wasm: &[u8]) -> Option<String> {
    for payload in Parser::new(0).parse_all(wasm) {
        // Damage is reported by whoever compiles.
        let Ok(Payload::CustomSection(section)) = payload else {
            if payload.is_err() {
                return None;
            }
            continue;
        };
        if section.name() == SECTION {
            let text = String::from_utf8_lossy(section.data());
            let version = text.chars().filter(|it| !it.is_control()).take(40);
            return Some(version.collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::capabilities::contract::VERSION;

    fn saying(version: &str) -> Vec<u8> {
        let module = format!("(core module (@custom \"{SECTION}\" \"{version}\"))");
        wat::parse_str(format!("(component {module})")).unwrap()
    }

    #[test]
    fn a_component_from_the_future_is_refused_with_both_versions() {
        check(&saying(VERSION)).unwrap();
        check(&wat::parse_str("(component)").unwrap()).unwrap();
        check(b"not wasm").unwrap();
        for version in ["0.9.0", "9.0.0", "0.0.1", ""] {
            let error = check(&saying(version)).unwrap_err().to_string();
            assert!(
                error.contains(version) && error.contains(VERSION),
                "{error}"
            );
        }
    }
}
