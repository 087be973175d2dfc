//! How the tests of writing tools call them: with a preview, a token, or a person who answers.

use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Output, Pause, Resumption};

use super::shop::Shop;
use super::*;

/// One store with the orders 5 and 6, in a call of 90 seconds.
pub(crate) fn open() -> (FakeHost, Shop) {
    let host = with_stores(&[("9021", "Alpha")]);
    host.set_time_left_ms(90_000);
    let shop = Shop::open(&host, vec![order(5), order(6)]);
    (host, shop)
}

fn run(host: &FakeHost, invocation: Invocation) -> Result<Outcome, ToolError> {
    testing::run(orders::plugin(), host, invocation)
}

pub(crate) fn preview(host: &FakeHost, tool: &str, arguments: &Value) -> Result<Output, ToolError> {
    match run(host, Invocation::new(tool, arguments).preview())? {
        Outcome::Complete(output) => Ok(output),
        Outcome::Pause(pause) => panic!("a preview asks nothing: {pause:?}"),
    }
}

pub(crate) fn confirm(
    host: &FakeHost,
    tool: &str,
    arguments: &Value,
    basis: &str,
) -> Result<Value, ToolError> {
    match run(host, Invocation::new(tool, arguments).confirming(basis))? {
        Outcome::Complete(output) => Ok(output.structured),
        Outcome::Pause(pause) => panic!("confirmed already: {pause:?}"),
    }
}

/// What a tool asks before it does anything.
pub(crate) fn asked(host: &FakeHost, tool: &str, arguments: &Value) -> Pause {
    match run(host, Invocation::new(tool, arguments)).unwrap() {
        Outcome::Pause(pause) => pause,
        Outcome::Complete(output) => panic!("{tool} did not ask: {output:?}"),
    }
}

/// Calls a tool whose question a person answers.
pub(crate) fn answered(
    host: &FakeHost,
    tool: &str,
    arguments: &Value,
    yes: bool,
) -> Result<Value, ToolError> {
    let pause = asked(host, tool, arguments);
    resume(host, tool, arguments, pause, yes)
}

pub(crate) fn resume(
    host: &FakeHost,
    tool: &str,
    arguments: &Value,
    pause: Pause,
    yes: bool,
) -> Result<Value, ToolError> {
    let answers = vec![(pause.questions[0].id.clone(), json!(yes))];
    let resumption = Resumption {
        state: pause.state,
        answers,
    };
    match run(host, Invocation::new(tool, arguments).resumed(resumption))? {
        Outcome::Complete(output) => Ok(output.structured),
        Outcome::Pause(pause) => panic!("asked again: {pause:?}"),
    }
}

pub(crate) fn warnings(written: &Value) -> String {
    written["warnings"].to_string()
}
