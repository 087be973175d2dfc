//! Resources, prompts and completion.

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{
    Completion, Contents, Id, Prompt, Resource, ResourceTemplate, Script, Typing,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Variables {
    id: Id,
}

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// Which one.
    order_id: Id,
    /// Why.
    reason: Option<String>,
}

fn write(context: &Context) -> Result<(), ToolError> {
    context
        .storage()
        .commit(vec![Write::put_json("key", &true)?])
        .map(drop)
}

fn plugin() -> Plugin {
    let thing = |variables: Variables, _: &Context| Ok(format!("thing {}", variables.id));
    let ids = |typing: &Typing, _: &Context| Ok(typing.among(["10", "11", "20"]));
    let writes = |context: &Context| write(context).map(|()| "written");
    let starts = |arguments: Arguments, _: &Context| {
        let reason = arguments.reason.as_deref().unwrap_or("no reason");
        Ok(format!("{}: {reason}", arguments.order_id))
    };
    let fails = |_: NoArguments, context: &Context| write(context).map(|()| "written");
    Plugin::new("shop", "0.1.0")
        .resource(Resource::new(
            "hours",
            "shop://things/hours",
            |_: &Context| Ok("9 to 17"),
        ))
        .resource(Resource::new("writes", "shop://writes", writes))
        .resource_template(
            ResourceTemplate::new("thing", "shop://things/{id}", thing).complete("id", ids),
        )
        .prompt(Prompt::new("shop_start", starts).tool("shop_get"))
        .prompt(Prompt::new("shop_write", fails))
}

fn read(uri: &str) -> Result<Contents, ToolError> {
    testing::read(plugin(), &FakeHost::new(), uri)
}

#[test]
fn a_fixed_resource_goes_before_a_template_and_variables_are_typed() {
    assert_eq!(read("shop://things/hours").unwrap().text(), Some("9 to 17"));
    assert_eq!(
        read("shop://things/1%207").unwrap().text(),
        Some("thing 1 7")
    );
    let error = read("shop://things/%20").unwrap_err();
    assert!(error.has_code("invalid-argument"), "{error}");
    let error = read("shop://nothing").unwrap_err();
    assert!(error.has_code("resource-not-found"), "{error}");
}

#[test]
fn nothing_is_written_while_reading_or_starting() {
    let host = FakeHost::new();
    let read = testing::read(plugin(), &host, "shop://writes").unwrap_err();
    let started = testing::prompt(plugin(), &host, "shop_write", json!({})).unwrap_err();
    assert!(read.has_code("read-only") && started.has_code("read-only"));
}

#[test]
fn arguments_of_prompts_are_those_of_the_struct() {
    let described = &plugin().prompts()[0];
    let arguments: Vec<_> = described
        .arguments
        .iter()
        .map(|argument| {
            (
                argument.name.as_str(),
                argument.title.as_str(),
                argument.description.as_str(),
                argument.required,
            )
        })
        .collect();
    assert_eq!(
        arguments,
        [
            ("order_id", "Order id", "Which one.", true),
            ("reason", "Reason", "Why.", false)
        ]
    );
    assert_eq!(described.tool.as_deref(), Some("shop_get"));
    let start = |arguments| -> Result<Script, ToolError> {
        testing::prompt(plugin(), &FakeHost::new(), "shop_start", arguments)
    };
    assert_eq!(
        start(json!({ "order_id": "17" })).unwrap().text(),
        "17: no reason"
    );
    let error = start(json!({ "order_id": " " })).unwrap_err();
    assert!(error.message.contains("order_id"), "{error}");
}

#[test]
fn what_nobody_helps_with_has_no_values() {
    let complete = |of: &str, typing| testing::complete(plugin(), &FakeHost::new(), of, typing);
    let offered = complete("shop://things/{id}", Typing::new("id", "1")).unwrap();
    assert_eq!(offered.values, ["10", "11"]);
    assert_eq!((offered.total, offered.has_more), (Some(2), false));
    let none = complete("shop_start", Typing::new("reason", "x")).unwrap();
    assert_eq!(none, Completion::default());
    assert!(
        complete("shop://things/{other}", Typing::default())
            .unwrap_err()
            .has_code("resource-template-not-found")
    );
}

#[test]
fn at_most_a_hundred_values_are_offered_and_the_rest_is_counted() {
    let offered = Typing::new("id", "").among((0..250).map(|number| number.to_string()));
    assert_eq!(offered.values.len(), 100);
    assert_eq!((offered.total, offered.has_more), (Some(250), true));
    assert_eq!(offered.of_many().total, None);
}
