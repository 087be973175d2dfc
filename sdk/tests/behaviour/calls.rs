//! Arguments in, outcomes out.

use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{
    Content, ErrorKind, Id, Mode, Outcome, Output, Pause, Question, Resumption,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

#[derive(Deserialize, JsonSchema)]
struct Line {
    code: Id,
    quantity: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    lines: Vec<Line>,
    note: Option<String>,
}

fn plugin() -> Plugin {
    Plugin::new("basket", "1.2.3")
        .description("Counts.")
        .wish("tools = [\"orders_list\"]", "to count orders")
        .settings::<Settings>()
        .tool(Tool::new("basket_count", |it: Arguments, _: &Context| {
            let count: u32 = it.lines.iter().map(|line| line.quantity).sum();
            let codes: Vec<_> = it.lines.iter().map(|line| line.code.as_str()).collect();
            Ok(json!({ "count": count, "codes": codes, "note": it.note }))
        }))
        .tool(Tool::new("basket_list", |_: NoArguments, _: &Context| {
            Ok(vec![1, 2, 3])
        }))
        .tool(Tool::new("basket_show", |_: NoArguments, _: &Context| {
            Ok(Output::new(json!({ "total": 3 })).with_content(Content::Text("Three.".to_owned())))
        }))
        .tool(Tool::new(
            "basket_mode",
            |_: NoArguments, context: &Context| {
                Ok(json!({ "preview": context.mode() == Mode::Preview }))
            },
        ))
        .tool(Tool::new(
            "basket_limit",
            |_: NoArguments, context: &Context| {
                let settings: Settings = context.settings()?;
                Ok(json!({ "limit": settings.limit.unwrap_or(10) }))
            },
        ))
        .tool(
            Tool::new("basket_clear", basket_clear)
                .title("Empty it")
                .destructive(),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Settings {
    /// At most this many lines.
    limit: Option<u32>,
}

/// Asks first.
fn basket_clear(_: NoArguments, context: &Context) -> Result<Outcome, ToolError> {
    let sure = context
        .resumption()
        .and_then(|resumption| resumption.answer("sure"));
    match sure {
        Some(Value::Bool(true)) => Ok(Outcome::complete(json!({ "cleared": true }))),
        Some(_) => Err(ToolError::cancelled(
            "not-confirmed",
            "Nothing was cleared.",
        )),
        None => Ok(Pause {
            state: b"asked".to_vec(),
            questions: vec![Question {
                id: "sure".to_owned(),
                kind: "elicit-form".to_owned(),
                parameters: json!({ "message": "Really?" }),
            }],
            message: None,
        }
        .into()),
    }
}

fn call(tool: &str, arguments: Value) -> Result<Value, ToolError> {
    testing::call(plugin(), &FakeHost::new(), tool, arguments)
}

#[test]
fn arguments_arrive_as_their_types() {
    let arguments =
        json!({ "lines": [{ "code": 7, "quantity": 2 }, { "code": "b", "quantity": 3 }] });
    assert_eq!(
        call("basket_count", arguments).unwrap(),
        json!({ "count": 5, "codes": ["7", "b"], "note": null })
    );
}

#[test]
fn an_argument_that_does_not_fit_is_named_by_its_path() {
    let arguments =
        json!({ "lines": [{ "code": 7, "quantity": 2 }, { "code": "b", "quantity": -3 }] });
    let error = call("basket_count", arguments).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.has_code("invalid-argument"));
    assert!(error.message.contains("lines[1].quantity"), "{error}");
    assert!(
        !error.message.contains("line 1"),
        "no position in JSON: {error}"
    );
    assert_eq!(error.extra.unwrap()["path"], "lines[1].quantity");
}

#[test]
fn a_missing_argument_is_named() {
    let error = call("basket_count", json!({})).unwrap_err();
    assert!(error.message.contains("`lines`"), "{error}");
}

#[test]
fn an_unknown_tool_is_not_found() {
    let error = call("basket_burn", json!({})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("basket_burn"));
}

#[test]
fn a_result_that_is_no_object_is_the_plugins_fault() {
    let error = call("basket_list", json!({})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.has_code("result-not-an-object"));
}

#[test]
fn content_stands_beside_the_structured_result() {
    let invocation = Invocation::new("basket_show", &json!({}));
    let outcome = testing::run(plugin(), &FakeHost::new(), invocation).unwrap();
    let expected =
        Output::new(json!({ "total": 3 })).with_content(Content::Text("Three.".to_owned()));
    assert_eq!(outcome, Outcome::Complete(expected));
}

#[test]
fn a_tool_knows_a_preview() {
    let host = FakeHost::new();
    for (invocation, preview) in [
        (Invocation::new("basket_mode", &json!({})), false),
        (Invocation::new("basket_mode", &json!({})).preview(), true),
    ] {
        let outcome = testing::run(plugin(), &host, invocation).unwrap();
        assert_eq!(outcome, Outcome::complete(json!({ "preview": preview })));
    }
}

#[test]
fn a_tool_can_ask_and_go_on_with_the_answer() {
    let host = FakeHost::new();
    let ask = Invocation::new("basket_clear", &json!({}));
    let Outcome::Pause(pause) = testing::run(plugin(), &host, ask).unwrap() else {
        panic!("it asks first");
    };
    assert_eq!(pause.questions[0].id, "sure");
    let answered = |value: Value| {
        let resumption = Resumption {
            state: pause.state.clone(),
            answers: vec![("sure".to_owned(), value)],
        };
        testing::run(
            plugin(),
            &host,
            Invocation::new("basket_clear", &json!({})).resumed(resumption),
        )
    };
    assert_eq!(
        answered(json!(true)).unwrap(),
        Outcome::complete(json!({ "cleared": true }))
    );
    assert!(
        answered(json!(false))
            .unwrap_err()
            .has_code("not-confirmed")
    );
    assert!(
        call("basket_clear", json!({}))
            .unwrap_err()
            .has_code("paused")
    );
}

#[test]
fn settings_arrive_as_their_type() {
    let host = FakeHost::new();
    let limit = || testing::call(plugin(), &host, "basket_limit", json!({}));
    assert_eq!(limit().unwrap()["limit"], 10);
    host.set_settings(json!({ "limit": 3 }));
    assert_eq!(limit().unwrap()["limit"], 3);
    host.set_settings(json!({ "limit": "many" }));
    assert!(limit().unwrap_err().has_code("settings-malformed"));
}

#[test]
fn the_manifest_says_what_the_builder_was_told() {
    assert_eq!(
        json!(plugin().manifest()),
        json!({
            "name": "basket",
            "version": "1.2.3",
            "description": "Counts.",
            "wishes": [{ "grant": "tools = [\"orders_list\"]", "reason": "to count orders" }],
            "settings_schema": {
                "type": "object",
                "properties": {
                    "limit": { "description": "At most this many lines.", "type": "integer", "minimum": 0 }
                },
                "additionalProperties": false
            },
            "extra": null
        })
    );
}

#[test]
fn the_tools_are_listed_in_the_order_in_which_they_were_added() {
    let tools = plugin().tools();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "basket_count",
            "basket_list",
            "basket_show",
            "basket_mode",
            "basket_limit",
            "basket_clear"
        ]
    );
    assert_eq!(
        tools[0].title, "basket_count",
        "a tool without a title has its name"
    );
    assert_eq!(tools[1].output_schema, None);
    assert_eq!(tools[5].title, "Empty it");
    assert!(tools[5].hints.destructive && !tools[5].hints.read_only);
}
