//! What a component may import and must export, said in words before wasmtime says it in its own.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::PluginError;
use crate::capabilities::contract::VERSION;

/// What the names of the contract's interfaces begin with.
pub(super) const CONTRACT: &str = "orderdesk:plugin/";
/// WASI 0.2, linked whole and empty: no folder, no variable, every address and look-up refused.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
const INTERFACES: [&str; 9] = [
    "types", "http", "storage", "cache", "crypto", "locks", "session", "peers", "log",
];

/// Refuses a component that imports what no plugin gets, or that does not give tools.
///
/// # Errors
/// The first import or export that is wrong, by name.
pub fn check(engine: &Engine, component: &Component) -> Result<(), PluginError> {
    let kind = component.component_type();
    for (name, _) in kind.imports(engine) {
        check_import(name)?;
    }
    let mut exports = kind.exports(engine).map(|(name, _)| name);
    let tools = exports.find_map(|name| name.strip_prefix(CONTRACT)?.strip_prefix("tools@"));
    match tools {
        Some(VERSION) => Ok(()),
        Some(other) => Err(PluginError::Contract(other.to_owned())),
        None => Err(PluginError::NotAPlugin),
    }
}

fn check_import(name: &str) -> Result<(), PluginError> {
    if let Some(interface) = name.strip_prefix(CONTRACT) {
        return match interface.split_once('@') {
            Some((interface, VERSION)) if INTERFACES.contains(&interface) => Ok(()),
            Some((_, version)) if version != VERSION => {
                Err(PluginError::Contract(version.to_owned()))
            }
            _ => Err(PluginError::Import(name.to_owned())),
        };
    }
    let wasi = name
        .strip_prefix("wasi:")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(package, rest)| WASI.contains(&package) && rest.contains("@0.2."));
    if wasi {
        Ok(())
    } else {
        Err(PluginError::Import(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_contract_and_an_empty_wasi_are_all_there_is() {
        for name in [
            "orderdesk:plugin/http@0.1.0",
            "wasi:cli/environment@0.2.6",
            "wasi:sockets/tcp@0.2.0",
        ] {
            check_import(name).unwrap();
        }
        for name in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:cli/stdout@0.3.0",
            "host:secrets/reveal",
            "orderdesk:plugin/reveal@0.1.0",
        ] {
            let error = check_import(name).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn another_contract_version_is_named() {
        let error = check_import("orderdesk:plugin/http@0.9.0").unwrap_err();
        assert!(error.to_string().contains("0.9.0"), "{error}");
        assert!(error.to_string().contains(VERSION), "{error}");
    }
}
