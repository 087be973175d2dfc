//! What a component gives beside its tools: interfaces that it exports or not. One that is not there costs nothing.
//!
//! To add one:
//! 1. `wit/NAME.wit`, which uses no interface but `types` (another one would become an import of whoever exports this) and has
//!    a function that says what there is. The SDK for Rust exports all of them, so that a plugin is what its builder says:
//!    "nothing" has to mean the same as no export at all. Export it from the world `whole-plugin`.
//! 2. A line `bindings!` in `capabilities/contract.rs`.
//! 3. A field here, filled by `bound`, and what there is asked for once, in [`LoadedPlugin::describe`].
//! 4. Calls through [`LoadedPlugin::within`]: a fresh instance, the limits of a call, the one error record.
//! 5. In the SDK a method of `Plugin`, and the interface's `Guest` in `sdk/src/wasm/`.
//!
//! [`LoadedPlugin::describe`]: super::instance::LoadedPlugin::describe
//! [`LoadedPlugin::within`]: super::instance::LoadedPlugin::within

use wasmtime::component::InstancePre;

use super::PluginError;
use super::compiled::first_line;
use super::imports::CONTRACT;
use crate::capabilities::context::CallState;
use crate::capabilities::contract::{VERSION, WithPromptsPre, WithResourcesPre};

/// The interfaces that one component exports, ready to be called.
pub struct Exports {
    /// What there is to read.
    pub resources: Option<WithResourcesPre<CallState>>,
    /// Texts to start work with.
    pub prompts: Option<WithPromptsPre<CallState>>,
}

impl Exports {
    /// Looks which there are.
    ///
    /// # Errors
    /// One is of another version of the contract, or not what its name says.
    pub fn of(pre: &InstancePre<CallState>) -> Result<Self, PluginError> {
        Ok(Self {
            resources: bound("resources", pre, WithResourcesPre::new)?,
            prompts: bound("prompts", pre, WithPromptsPre::new)?,
        })
    }
}

fn bound<B>(
    interface: &str,
    pre: &InstancePre<CallState>,
    bind: fn(InstancePre<CallState>) -> wasmtime::Result<B>,
) -> Result<Option<B>, PluginError> {
    let kind = pre.component().component_type();
    let version = kind.exports(pre.engine()).find_map(|(name, _)| {
        let name = name.strip_prefix(CONTRACT)?.strip_prefix(interface)?;
        name.strip_prefix('@').map(str::to_owned)
    });
    match version.as_deref() {
        None => Ok(None),
        Some(VERSION) => bind(pre.clone())
            .map(Some)
            .map_err(|error| PluginError::NotAComponent(first_line(&error))),
        Some(other) => Err(PluginError::Contract(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use wasmtime::component::Component;

    use super::*;
    use crate::plugins::engine::PluginEngine;

    fn exports(wat: &str) -> Result<Exports, PluginError> {
        let engine = PluginEngine::new().unwrap();
        let wasm = wat::parse_str(wat).unwrap();
        let component = Component::new(&engine.engine, wasm).unwrap();
        Exports::of(&engine.linker.instantiate_pre(&component).unwrap())
    }

    fn exporting(name: &str) -> String {
        format!("(component (instance $empty) (export \"{name}\" (instance $empty)))")
    }

    #[test]
    fn what_is_not_exported_is_not_there() {
        for wat in [
            "(component)".to_owned(),
            exporting("orderdesk:plugin/tools@0.1.0"),
            exporting("other:package/resources@0.1.0"),
        ] {
            let exports = exports(&wat).unwrap();
            assert!(
                exports.resources.is_none() && exports.prompts.is_none(),
                "{wat}"
            );
        }
    }

    #[test]
    fn another_version_or_another_thing_of_that_name_is_refused() {
        let error = exports(&exporting("orderdesk:plugin/resources@0.9.0"))
            .err()
            .unwrap();
        assert!(error.to_string().contains("version 0.9.0"), "{error}");
        let error = exports(&exporting("orderdesk:plugin/prompts@0.1.0"))
            .err()
            .unwrap();
        assert!(error.to_string().contains("list-prompts"), "{error}");
    }
}
