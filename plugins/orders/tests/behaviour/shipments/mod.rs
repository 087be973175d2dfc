//! The tools for shipments, against an Order Desk that keeps them.

mod adding;
mod batch;
mod changing;
mod definitions;
mod desk;
mod undoing;

use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Resumption};

pub(super) use super::*;
pub(super) use desk::{Desk, Fault};

const NUMBER: &str = "1ZX4420A0390011187";

/// A call of a tool whose result is wanted with everything beside it.
fn run(host: &FakeHost, invocation: Invocation) -> Result<Outcome, ToolError> {
    testing::run(orders::plugin(), host, invocation)
}

/// A preview: its result, and what it rests on.
fn preview(host: &FakeHost, tool: &str, arguments: &Value) -> (Value, String) {
    let Outcome::Complete(output) = run(host, Invocation::new(tool, arguments).preview()).unwrap()
    else {
        panic!("a preview of {tool} asks nothing");
    };
    (output.structured, output.basis.unwrap())
}

/// The call that confirms a preview.
fn confirm(
    host: &FakeHost,
    tool: &str,
    arguments: &Value,
    basis: &str,
) -> Result<Value, ToolError> {
    match run(host, Invocation::new(tool, arguments).confirming(basis))? {
        Outcome::Complete(output) => Ok(output.structured),
        Outcome::Pause(_) => panic!("{tool} asked once more"),
    }
}

/// The changes that the journal holds, newest first.
fn changes(host: &FakeHost) -> Vec<Value> {
    host.keys("orders")
        .iter()
        .filter(|key| key.starts_with("change/"))
        .map(|key| host.document("orders", key).unwrap().json().unwrap())
        .collect()
}

fn writes(host: &FakeHost) -> usize {
    let requests = host.requests();
    requests
        .iter()
        .filter(|request| !request.method.is_safe())
        .count()
}
