//! The writing tools for shipments and products against the simulator: with every toggle that concerns them on both
//! settings, and with every fault at their writes.
#![allow(clippy::unwrap_used, missing_docs)]

mod brevity;
mod inventory;
mod settings;
mod shipments;

use orderdesk_plugin::testing::{self, Invocation};
use orderdesk_plugin::{Outcome, Plugin, Resumption, ToolError};
use orderdesk_plugin_tests::Stage;
use orderdesk_simulator::{Fault, Toggles};
use serde_json::{Value, json};

/// The simulator's best guess, and each toggle that concerns these tools on its other settings.
fn every_toggle() -> Vec<Toggles> {
    let settings = [
        "shipment_dup_status=200",
        "shipment_dup_status=400",
        "shipment_dup_status=409",
        "not_found_status=200",
        "create_status=200",
        "total_records_inventory=zero",
    ];
    let set = |setting: &&str| {
        let mut toggles = Toggles::default();
        toggles.assign(setting).unwrap();
        toggles
    };
    settings.iter().map(set).collect()
}

/// Every fault, and whether the write arrives all the same.
fn every_fault(method: &str, path: &str) -> Vec<(&'static str, Fault, bool)> {
    [
        ("502", Fault::status(502), false),
        ("502 after commit", Fault::status(502).after_commit(), true),
        ("no answer", Fault::disconnect(), false),
        (
            "no answer after commit",
            Fault::disconnect_after_commit(),
            true,
        ),
        ("a page", Fault::not_json(), false),
        (
            "a page after commit",
            Fault::not_json().after_commit(),
            true,
        ),
    ]
    .map(|(name, fault, arrives)| (name, fault.on(method, path), arrives))
    .into()
}

/// Calls a tool as the host does: again after a pause without questions, and with a yes after a question.
fn call(
    plugin: fn() -> Plugin,
    stage: &Stage,
    tool: &str,
    arguments: Value,
) -> Result<Value, ToolError> {
    let mut resumption: Option<Resumption> = None;
    loop {
        let mut invocation = Invocation::new(tool, &arguments);
        if let Some(resumption) = resumption.take() {
            invocation = invocation.resumed(resumption);
        }
        match testing::run(plugin(), stage.host(), invocation)? {
            Outcome::Complete(output) => return Ok(output.structured),
            Outcome::Pause(pause) => {
                let yes = |question: orderdesk_plugin::Question| (question.id, json!(true));
                resumption = Some(Resumption {
                    state: pause.state,
                    answers: pause.questions.into_iter().map(yes).collect(),
                });
            }
        }
    }
}
