//! What is no tool, and tools that a key does not cover.

use std::sync::LazyLock;

use end_to_end::{Client, Server};
use orderdesk_mcp::tenancy::Scopes;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{ALL, Sweep};

/// Resources, templates, prompts and what helps somebody who types.
pub(super) async fn offers(sweep: &mut Sweep, bell: &Client) {
    let templates = bell
        .request("resources/templates/list", json!({}))
        .await
        .json();
    for template in templates["result"]["resourceTemplates"].as_array().unwrap() {
        let uri = template["uriTemplate"].as_str().unwrap().to_owned();
        static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{(\w+)\}").unwrap());
        let names: Vec<String> = VARIABLE
            .captures_iter(&uri)
            .map(|it| it[1].to_owned())
            .collect();
        let kind = |variable: &str| match variable {
            "store" => "store",
            "id" => "order",
            "code" => "product code",
            other => panic!("{uri}: what is {other}?"),
        };
        for name in &names {
            let theirs = sweep.theirs.one(kind(name));
            let filled = names
                .iter()
                .filter(|it| *it != name)
                .fold(uri.clone(), |uri, other| {
                    uri.replace(&format!("{{{other}}}"), &sweep.mine.one(kind(other)))
                });
            let hole = format!("{{{name}}}");
            let what = format!("{uri} with {name}");
            let of = filled.clone();
            let read = move |value: &str| json!({"uri": of.replace(&hole, value)});
            sweep
                .compare(what, kind(name), &theirs, "resources/read", read)
                .await;

            let (reference, others) = (uri.clone(), names.clone());
            let complete = move |value: &str| {
                let typed = others.iter().find(|it| *it != name).cloned();
                match typed {
                    Some(typed) => json!({
                        "ref": {"type": "ref/resource", "uri": reference},
                        "argument": {"name": typed, "value": ""},
                        "context": {"arguments": {name.as_str(): value}},
                    }),
                    None => json!({
                        "ref": {"type": "ref/resource", "uri": reference},
                        "argument": {"name": name, "value": value},
                    }),
                }
            };
            let what = format!("completion of {uri} with {name}");
            sweep
                .compare(what, kind(name), &theirs, "completion/complete", complete)
                .await;
        }
    }
    let listed = bell.request("resources/list", json!({})).await.text;
    assert!(!listed.contains("9021"), "{listed}");
    let prompts = bell.request("prompts/list", json!({})).await.json();
    for prompt in prompts["result"]["prompts"].as_array().unwrap() {
        let name = prompt["name"].as_str().unwrap().to_owned();
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            let argument = argument["name"].as_str().unwrap().to_owned();
            if argument != "store" {
                continue;
            }
            let others: Map<String, Value> = prompt["arguments"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|it| it["required"] == true)
                .map(|it| (it["name"].as_str().unwrap().to_owned(), json!("17 1Z99")))
                .collect();
            for store in sweep.theirs.0["store"].clone() {
                let (name, argument, others) = (name.clone(), argument.clone(), others.clone());
                let what = format!("prompt {name} with {argument}");
                let get = move |value: &str| {
                    let mut arguments = others.clone();
                    arguments.insert(argument.clone(), value.into());
                    json!({"name": name, "arguments": arguments})
                };
                sweep
                    .compare(what, "store", &store, "prompts/get", get)
                    .await;
            }
        }
    }
}

/// Tools that a key does not cover, by their names.
pub(super) async fn hidden(sweep: &mut Sweep, server: &Server, bell: &Client, tools: &[Value]) {
    let scopes = Scopes {
        tools: Some(vec!["tenant_use_master_key".to_owned()]),
        ..Scopes::default()
    };
    let own = std::mem::replace(
        &mut sweep.client,
        server.limited(bell, scopes).await.at(ALL),
    );
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        if name != "tenant_use_master_key" {
            let call = |value: &str| json!({"name": value, "arguments": {}});
            let what = format!("hidden {name}");
            sweep.compare(what, "tool", name, "tools/call", call).await;
        }
    }
    sweep.client = own;
}
