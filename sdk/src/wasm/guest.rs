//! The functions that a component exports.

use super::bindings::exports::orderdesk::plugin::tools as contract;
use super::bindings::orderdesk::plugin::types;
use super::host::ComponentHost;
use crate::context::Mode;
use crate::error::ToolError;
use crate::outcome::{Confirmation, Resumption};
use crate::plugin::{Call, Plugin};

/// A component's plugin. [`crate::export!`] implements it.
pub trait Component {
    /// Makes the plugin; called once for every exported function that runs.
    fn plugin() -> Plugin;
}

impl<T: Component> contract::Guest for T {
    fn describe() -> contract::Manifest {
        T::plugin().manifest().into()
    }

    fn list_tools() -> Vec<contract::Tool> {
        T::plugin().tools().into_iter().map(Into::into).collect()
    }

    fn call_tool(call: contract::Call) -> Result<contract::Outcome, types::Error> {
        let call = Call {
            tool: call.tool,
            arguments: call.arguments,
            mode: match call.mode {
                contract::Mode::Run => Mode::Run,
                contract::Mode::Preview => Mode::Preview,
            },
            confirmation: call.confirmation.map(|confirmation| Confirmation {
                basis: confirmation.basis,
            }),
            resumption: call.resumption.map(resumption).transpose()?,
        };
        let outcome = T::plugin().call(call, ComponentHost)?;
        Ok(outcome.into())
    }
}

pub(super) fn resumption(resumption: types::Resumption) -> Result<Resumption, ToolError> {
    let answer = |answer: types::Answer| match serde_json::from_str(&answer.value) {
        Ok(value) => Ok((answer.id, value)),
        Err(error) => Err(ToolError::invalid_input(
            "answer-not-json",
            format!("The answer to {} is not JSON: {error}", answer.id),
        )),
    };
    Ok(Resumption {
        state: resumption.state,
        answers: resumption
            .answers
            .into_iter()
            .map(answer)
            .collect::<Result<_, _>>()?,
    })
}
