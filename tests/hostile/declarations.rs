//! What a plugin says of itself and its tools: names, schemas and sizes that would harm others are refused, and the rest
//! is served. The hostile plugin says what its settings tell it to.

use end_to_end::guest;
use serde_json::{Map, Value, json};

use super::loading::refusal;
use super::{READS, others_still_work, with_hostile};

/// The lines of the config that make the hostile plugin say this.
fn saying(settings: Value) -> String {
    let settings = toml::to_string(&json!({ "settings": settings })).unwrap();
    format!("{READS}\n{settings}")
}

fn tool(name: &str, input: Value, output: Value) -> Value {
    json!({"tool": {"name": name, "description": "Tries.", "input": input, "output": output}})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

async fn refused(settings: Value) -> String {
    refusal("hostile", guest("guest-hostile"), &saying(settings)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_outside_the_prefixes_or_taken_already_is_refused() {
    let what = refusal("other", guest("guest-echo"), "").await;
    assert!(
        what.contains("echo_say") && what.contains("other_"),
        "{what}"
    );
    let what = refusal("other", guest("guest-echo"), "prefixes = [\"echo_\"]").await;
    assert!(
        what.contains("echo_say") && what.contains("'echo'"),
        "{what}"
    );
    // One tool of many is enough: nothing of the plugin is served.
    let what = refused(tool("stores_list", object(json!({})), json!({}))).await;
    assert!(
        what.contains("stores_list") && what.contains("hostile_"),
        "{what}"
    );
    let what = refused(tool("hostile_read", object(json!({})), json!({}))).await;
    assert!(what.contains("hostile_read' twice"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_no_client_takes_are_refused() {
    for name in [
        format!("hostile_{}", "x".repeat(292)),
        "hostile_a\nb".to_owned(),
        "hostile_a\u{1b}[31m".to_owned(),
        "hostile.read".to_owned(),
        String::new(),
    ] {
        let what = refused(tool(&name, object(json!({})), json!({}))).await;
        assert!(what.contains("a name starts with a letter"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_loops_or_traps_while_it_lists_its_tools_is_refused() {
    let harmless = || tool("hostile_x", object(json!({})), json!({}));
    let mut settings = harmless();
    settings["loop_in"] = "list-tools".into();
    let loops = format!("limits = {{ cpu = \"200ms\" }}\n{}", saying(settings));
    let what = refusal("hostile", guest("guest-hostile"), &loops).await;
    assert!(what.contains("plugins.hostile.limits.cpu"), "{what}");
    for function in ["describe", "list-tools"] {
        let mut settings = harmless();
        settings["panic_in"] = function.into();
        let what = refused(settings).await;
        assert!(what.contains("failed while listing its tools"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_that_are_none_are_refused() {
    for (property, says) in [
        (json!({"type": "strnig"}), "not a valid JSON Schema"),
        (json!({"$ref": "https://example.com/a.json"}), "refers to"),
        (json!({"$ref": "file:///etc/passwd"}), "refers to"),
        (json!({"pattern": "("}), "not a valid JSON Schema"),
    ] {
        let input = tool("hostile_x", object(json!({"a": property})), json!({}));
        let what = refused(input).await;
        assert!(
            what.contains("hostile_x") && what.contains("input schema") && what.contains(says),
            "{what}"
        );
        let output = tool(
            "hostile_x",
            object(json!({})),
            object(json!({"a": property})),
        );
        let what = refused(output).await;
        assert!(
            what.contains("output schema") && what.contains(says),
            "{what}"
        );
    }
}

/// Schemas with which the validator, code of the host that no limit of the plugin stops, would be busy for ever.
fn bombs() -> Vec<Value> {
    let mut doubling: Map<String, Value> = (0..60)
        .map(|level| {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            (format!("d{level}"), json!({"allOf": [next, next]}))
        })
        .collect();
    doubling.insert("d60".into(), json!({"type": "integer"}));
    let twice = json!({"items": {"$ref": "#/$defs/a"}});
    let mut left_over = json!({"type": "object"});
    for _ in 0..40 {
        left_over = json!({"allOf": [left_over], "unevaluatedProperties": false});
    }
    vec![
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": doubling}),
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [twice, twice]}}}),
        object(json!({"a": left_over})),
        object(json!({"a": {"items": {"not": {"pattern": r"^(a+)+\1$"}}}})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_that_would_keep_the_host_busy_are_refused() {
    for bomb in bombs() {
        let what = refused(tool("hostile_x", bomb.clone(), json!({}))).await;
        assert!(what.contains("input schema"), "{what}");
        let what = refused(tool("hostile_x", object(json!({})), bomb)).await;
        assert!(what.contains("output schema"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_refers_to_itself_once_serves_its_purpose() {
    let mut answer = json!(1);
    for _ in 0..50 {
        answer = json!([answer]);
    }
    let mut settings = tool(
        "hostile_tree",
        object(json!({})),
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}),
    );
    settings["tool"]["answer"] = json!({"a": answer});
    let server = with_hostile(&saying(settings)).start().await;
    let client = server.tenant("acme").await;
    let answered = client.call("hostile_tree", json!({})).await.ok();
    assert_eq!(answered["a"], answer);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_words_and_more_tools_than_anybody_reads_are_refused() {
    let mut long = tool("hostile_x", object(json!({})), json!({}));
    long["tool"]["description"] = "x".repeat(300_000).into();
    let mut many = tool("hostile_x", object(json!({})), json!({}));
    many["times"] = 300.into();
    let named = json!({"name": "x".repeat(300_000)});
    for settings in [long, many, named] {
        let what = refused(settings).await;
        assert!(what.contains("it declares"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_list_of_any_size_is_refused() {
    let mut long = tool("hostile_x", object(json!({})), json!({}));
    long["tool"]["description"] = "x".repeat(10 << 20).into();
    let mut many = tool("hostile_x", object(json!({})), json!({}));
    many["times"] = 100_000.into();
    // Whichever limit is met first: what is declared, memory, processor time, or what is taken from a guest at once.
    for settings in [long, many] {
        refused(settings).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_calls_itself_counts_for_nothing() {
    let server = with_hostile(&saying(json!({"name": "stores"})))
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    // Its namespace, its grants and its tools are those of its name in the config.
    let mine = json!({"prefix": ""});
    let seen = client.call("hostile_document", mine).await.ok();
    assert_eq!(seen["seen"], "");
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_for_an_endpoint_that_is_not_granted_is_refused() {
    let what = refusal("hostile", guest("guest-hostile"), "").await;
    assert!(
        what.contains("api_key") && what.contains("not granted"),
        "{what}"
    );
    let sealed = |audience: &str| {
        let property = json!({"a\nforged": {"type": "string", "x-sealed": [audience]}});
        tool("hostile_x", object(property), json!({}))
    };
    for audience in ["endpoint:elsewhere", "open:all", ""] {
        let what = refused(sealed(audience)).await;
        assert!(what.contains("x-sealed of 'a forged'"), "{what}");
    }
}
