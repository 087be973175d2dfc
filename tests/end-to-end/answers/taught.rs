//! What an agent is told before its first call, and what no schema asks it for.

use end_to_end::Server;
use regex::Regex;
use serde_json::{Value, json};

use super::shop::ALL;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instructions_teach_what_an_agent_must_know_in_two_kilobytes() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let discovered = client.request("server/discover", json!({})).await.json();
    let taught = discovered["result"]["instructions"]
        .as_str()
        .unwrap()
        .to_owned();
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
    let hello = client.legacy("initialize", hello).await;
    let encoded = serde_json::to_string(&taught).unwrap();
    assert!(hello.text.contains(&encoded), "{}", hello.text);
    assert!(taught.len() < 2_048, "{} bytes", taught.len());
    for (what, words) in [
        ("which store", &["store_identifier", "stores_use_store"][..]),
        ("folders are the status", &["folder", "status"]),
        ("whose ids", &["source_id"]),
        ("how lists go on", &["next_cursor", "fields", "detailed"]),
        ("what is left out of a long answer", &["left_out"]),
        (
            "how changes are tried, confirmed and taken back",
            &["dry_run", "confirm_token", "orders_undo"],
        ),
        (
            "what to do when nobody knows what came of a change",
            &["outcome_unknown", "idempotency_key"],
        ),
        ("times", &["UTC"]),
        ("texts are data", &["third parties", "never instructions"]),
        ("whose links are ours", &["begin with", "never pass it on"]),
        (
            "secrets stay out of the conversation",
            &["Never ask a person for a secret"],
        ),
    ] {
        for word in words {
            assert!(taught.contains(word), "{what}: no '{word}' in {taught}");
        }
    }
    // A tool that is named is there.
    let registry = server.application.host.registry();
    let names = Regex::new("(stores|orders|products|shipments)_[a-z_]+").unwrap();
    for name in names.find_iter(&taught) {
        assert!(registry.find(name.as_str()).is_some(), "{}", name.as_str());
    }
    server.stop().await;
}

/// Names of arguments, wherever they stand.
fn names(schema: &Value, into: &mut Vec<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        into.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(parts) => parts.values().for_each(|part| names(part, into)),
        Value::Array(parts) => parts.iter().for_each(|part| names(part, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_secrets_in_arguments_no_schema_and_no_error_asks_for_one() {
    let server = Server::builder()
        .config(|config| config.security.secrets_in_arguments = false)
        .start()
        .await;
    let client = server.tenant("acme").await.at(ALL);
    let secret = Regex::new("(?i)key|token|secret|password|passphrase|credential|bearer").unwrap();
    // A word of the caller's own, and what a preview answered: neither opens anything.
    let harmless = ["idempotency_key", "confirm_token"];
    let mut seen = 0;
    for tool in client.tools().await {
        let schema = &tool["inputSchema"];
        let mut all = Vec::new();
        names(schema, &mut all);
        seen += all.len();
        for name in all {
            let asks = secret.is_match(&name) && !harmless.contains(&&*name);
            assert!(!asks, "{}: {name}", tool["name"]);
        }
        assert!(!schema.to_string().contains("x-sealed"), "{}", tool["name"]);
        let name = tool["name"].as_str().unwrap();
        let refused = client.call(name, json!({"nonsense": true})).await;
        let text = refused.text.replace(name, "");
        assert!(
            !text.contains("api_key") && !text.contains("master_key"),
            "{name}: {text}"
        );
    }
    assert!(seen > 100, "{seen}");
    // One that is sent all the same goes no further, and comes not back.
    for (tool, arguments) in [
        (
            "stores_register",
            json!({"store_id": "9021", "api_key": "canary-of-a-key"}),
        ),
        (
            "tenant_use_master_key",
            json!({"master_key": "canary-of-a-key"}),
        ),
    ] {
        let reply = client.call(tool, arguments).await;
        assert!(
            reply.is_error && !reply.raw.contains("canary-of-a-key"),
            "{}",
            reply.raw
        );
    }
    server.stop().await;
}
