//! What errors say, generated over every tool: from each a model can mend its call.

use end_to_end::{Server, ToolReply, required};
use orderdesk_mcp::plugins::Listed;
use orderdesk_simulator::Fault;
use serde_json::{Map, Value, json};

use super::shop::{ALL, Shop};

fn all_tools(server: &Server) -> Vec<Listed> {
    let registry = server.application.host.registry();
    let tools: Vec<Listed> = registry.tools().to_vec();
    assert!(tools.len() > 30);
    tools
}

/// A value of another type than the schema takes, and what it is called.
fn of_another_type(schema: &Value) -> Option<(Value, &'static str)> {
    let takes = |kind: &str| match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(several) => several.iter().any(|it| it == kind),
        _ => true,
    };
    [
        (json!([true]), "array", "an array"),
        (json!(true), "boolean", "a boolean"),
        (json!({"a": 1}), "object", "an object"),
    ]
    .into_iter()
    .find(|(_, kind, _)| !takes(kind))
    .map(|(value, _, name)| (value, name))
}

/// What breaks a rule that the schema has for the value of an argument, and a word of the rule.
fn outside(schema: &Value) -> Vec<(Value, String)> {
    let mut wrong = Vec::new();
    if let Some(most) = schema["maximum"].as_i64() {
        wrong.push((json!(most + 1), most.to_string()));
    }
    if let Some(least) = schema["minimum"].as_i64() {
        wrong.push((json!(least - 1), least.to_string()));
    }
    if let Some(options) = schema["enum"].as_array() {
        let option = options.iter().find_map(Value::as_str).unwrap_or_default();
        wrong.push((json!("none of these"), option.to_owned()));
    }
    if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
        wrong.push((json!(""), schema["minLength"].to_string()));
    }
    wrong
}

struct Found(Vec<String>);

impl Found {
    /// The error names the argument, the rule and what came, and shows a call that is valid.
    fn check(&mut self, listed: &Listed, reply: &ToolReply, needed: &[&str]) {
        let tool = &listed.tool;
        let code = &reply.structured["error"]["code"];
        if !reply.is_error || code != "invalid-arguments" {
            self.0.push(format!("{}: {}", tool.name, reply.raw));
            return;
        }
        for needed in needed {
            if !reply.text.contains(needed) {
                self.0
                    .push(format!("{}: no {needed:?} in {}", tool.name, reply.text));
            }
        }
        let example = reply
            .text
            .lines()
            .find_map(|line| line.strip_prefix("Example of a valid call: "))
            .and_then(|example| serde_json::from_str::<Map<String, Value>>(example).ok());
        match example.map(|example| tool.arguments.check(&tool.name, &example)) {
            Some(Ok(())) => {}
            Some(Err(error)) => self
                .0
                .push(format!("{}: the example: {}", tool.name, error.message)),
            None => self
                .0
                .push(format!("{}: no example in {}", tool.name, reply.text)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_argument_of_every_tool_is_refused_with_path_rule_value_and_a_valid_example() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await.at(ALL);
    let before = server.simulator.requests().len();
    let mut found = Found(Vec::new());
    for listed in all_tools(&server) {
        let schema = json!(**listed.tool.arguments.schema());
        let name = &listed.tool.name;
        let required = required(&schema);
        let unknown = client.call(name, json!({"nonsense": 1})).await;
        found.check(&listed, &unknown, &["'nonsense'"]);
        for (argument, of) in schema["properties"].as_object().into_iter().flatten() {
            let quoted = format!("'{argument}'");
            if required.contains(&argument.as_str()) {
                let reply = client.call(name, json!({})).await;
                found.check(&listed, &reply, &[&quoted, "is missing"]);
            }
            if let Some((value, received)) = of_another_type(of) {
                let reply = client.call(name, json!({argument: value})).await;
                found.check(&listed, &reply, &[&quoted, "must be", received]);
            }
            for (value, rule) in outside(of) {
                let shown = value.to_string();
                let reply = client.call(name, json!({argument: value})).await;
                let shown = if listed.tool.sealed.iter().any(|it| it.name == *argument) {
                    ""
                } else {
                    &shown
                };
                found.check(&listed, &reply, &[&quoted, &rule, shown]);
            }
        }
    }
    assert!(found.0.is_empty(), "{}", found.0.join("\n"));
    assert_eq!(server.simulator.requests().len(), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tools_mistyped_name_is_answered_with_the_right_one() {
    let server = Server::start().await;
    let client = server.tenant("acme").await.at(ALL);
    for listed in all_tools(&server) {
        let name = &listed.tool.name;
        let middle = name.len() / 2;
        let dropped = format!("{}{}", &name[..middle], &name[middle + 1..]);
        for mistyped in [
            dropped,
            format!("{name}s"),
            name.replace('_', "-"),
            name.to_uppercase(),
        ] {
            let params = json!({"name": mistyped, "arguments": {}});
            let reply = client.request("tools/call", params).await.json();
            let error = &reply["error"];
            assert_eq!(error["code"], -32602, "{mistyped}: {reply}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(name), "{mistyped}: {message}");
        }
    }
    let reply = client
        .request("tools/call", json!({"name": "zzz", "arguments": {}}))
        .await
        .json();
    let message = reply["error"]["message"].as_str().unwrap();
    assert!(message.contains("tools/list"), "{message}");
    server.stop().await;
}

/// Every tool that asks Order Desk, in front of an Order Desk that answers nonsense, fails or hangs up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_upstream_says_for_every_tool_whether_a_repetition_is_safe() {
    let shop = Shop::sample().await;
    let simulator = &shop.server.simulator;
    let mut wrong = Vec::new();
    let mut failed = 0;
    for listed in all_tools(&shop.server) {
        let tool = &listed.tool.name;
        // Order Desk hears nothing of it, and all others need the store.
        if tool == "stores_delete" {
            continue;
        }
        let arguments = shop.arguments(tool, shop.orders[0], shop.products[0]).await;
        // The first of its requests, and the first that writes.
        for method in ["", "POST", "PUT", "DELETE"] {
            let fault = Fault::not_json();
            let fault = if method.is_empty() {
                fault
            } else {
                fault.on(method, "/")
            };
            let fault = simulator.inject(fault.always());
            // What is kept would answer without asking.
            let mut uncached = arguments.clone();
            if listed.tool.takes("offset") {
                uncached["offset"] = 1.into();
            }
            let reply = shop.client.call(tool, uncached).await;
            fault.cancel();
            simulator.clear_faults();
            if !reply.is_error {
                continue;
            }
            let error = &reply.structured["error"];
            if !["upstream", "unavailable", "timeout"]
                .iter()
                .any(|kind| error["kind"] == *kind)
            {
                continue;
            }
            failed += 1;
            let unknown = error["outcome_unknown"] == true;
            let says = match unknown {
                true => "may have been made",
                false => "epeat",
            };
            if !reply.text.contains(says) || (!unknown && !reply.text.contains("safe")) {
                wrong.push(format!("{tool} {method}: {}", reply.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(failed > 20, "{failed}");
    shop.server.stop().await;
}
