//! The WebAssembly target, installed as a step of a command.

use anyhow::Result;
use orderdesk_authoring::wasm_target;
pub(crate) use orderdesk_authoring::wasm_target::NAME;

use crate::project::Project;
use crate::steps::Steps;

/// Makes sure that the target can be compiled for.
pub(crate) fn ensure(project: &Project, steps: &mut Steps) -> Result<()> {
    if wasm_target::is_there()? {
        return Ok(());
    }
    steps.run(format!("install the target {NAME}"), || {
        wasm_target::ensure(&project.target_directory)
    })
}
