//! A preview changes nothing; its token makes exactly that change, once, for whoever asked for it.

use end_to_end::{Client, Server, ServerBuilder, guest};
use orderdesk_mcp::tenancy::Scopes;
use serde_json::{Value, json};

/// The server with a plugin that changes documents, and one that calls it.
pub fn builder() -> ServerBuilder {
    let component = guest("guest-changes");
    let prefixes = "prefixes = [\"changes_\", \"relay_\"]\n";
    let changes = format!("{prefixes}tools.exclude = [\"relay_call\"]");
    let relay = format!(
        "{prefixes}tools.include = [\"relay_call\"]\ngrants.tools = [\"changes_set\", \"changes_erase\"]"
    );
    Server::builder()
        .plugin("changes", &component, &changes)
        .plugin("relay", &component, &relay)
}

pub async fn value(client: &Client, key: &str) -> Value {
    let read = client.call("changes_get", json!({"key": key})).await;
    read.ok()["value"].clone()
}

async fn token(client: &Client, key: &str, new: &str) -> String {
    let preview = json!({"key": key, "value": new, "dry_run": true});
    let preview = client.call("changes_set", preview).await.ok();
    preview["confirm_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_writes_nothing_even_if_the_plugin_tries() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let arguments = json!({"key": "a", "value": "new", "dry_run": true, "sneak": true});
    let preview = client.call("changes_set", arguments).await.ok();
    assert_eq!(preview["refused"], "read-only");
    assert_eq!(preview["dry_run"], true);
    assert!(
        preview["confirm_token"]
            .as_str()
            .unwrap()
            .starts_with("odc_")
    );
    let expires_at = preview["expires_at"].as_str().unwrap();
    assert!(
        expires_at.len() == 20 && expires_at.ends_with('Z'),
        "{expires_at}"
    );
    assert_eq!(value(&client, "a").await, Value::Null);

    let in_words = json!({"key": "a", "value": "new", "dry_run": true, "in_words": true});
    let preview = client.call("changes_set", in_words).await;
    let token = preview.structured["confirm_token"].as_str().unwrap();
    assert!(
        preview.text.contains("In words.") && preview.text.contains(token),
        "who reads only the text needs the token too: {}",
        preview.text
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_confirms_once_and_only_what_was_previewed() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let good = token(&client, "a", "new").await;
    // The order of keys is nobody's intention.
    let write = json!({"confirm_token": good, "value": "new", "key": "a"});
    let written = client.call("changes_set", write.clone()).await.ok();
    assert_eq!(
        (&written["after"], &written["saw_token"]),
        (&json!("new"), &json!(false))
    );
    assert_eq!(value(&client, "a").await, "new");

    let (code, text) = client.call("changes_set", write).await.error();
    assert_eq!(code, "confirm-token-unknown");
    assert!(text.contains("dry_run: true"), "what to do next: {text}");

    // What the preview rested on has changed: the plugin gets the basis, and refuses.
    let stale = token(&client, "a", "newer").await;
    client
        .call("changes_set", json!({"key": "a", "value": "between"}))
        .await
        .ok();
    let write = json!({"key": "a", "value": "newer", "confirm_token": stale});
    let (code, _) = client.call("changes_set", write).await.error();
    assert_eq!(code, "changed-meanwhile");
    assert_eq!(value(&client, "a").await, "between");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_any_other_call_a_token_is_refused_and_nothing_changes() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let rival = server.tenant("rival").await;
    let colleague = server.limited(&client, Scopes::default()).await;
    let good = token(&client, "a", "new").await;
    let write = |token: &str| json!({"key": "a", "value": "new", "confirm_token": token});
    for (caller, tool, arguments, wanted) in [
        (&rival, "changes_set", write(&good), "confirm-token-unknown"),
        (
            &colleague,
            "changes_set",
            write(&good),
            "confirm-token-other-key",
        ),
        (
            &client,
            "changes_erase",
            json!({"key": "a", "confirm_token": good}),
            "confirm-token-other-tool",
        ),
        (
            &client,
            "changes_set",
            json!({"key": "b", "value": "new", "confirm_token": good}),
            "confirm-token-other-arguments",
        ),
        (
            &client,
            "changes_set",
            write("odc_wrong"),
            "confirm-token-unknown",
        ),
        (
            &client,
            "changes_set",
            json!({"key": "a", "value": "new", "confirm_token": good, "dry_run": true}),
            "confirm-token-with-dry-run",
        ),
        (
            &client,
            "changes_purge",
            json!({"key": "a", "dry_run": true}),
            "invalid-arguments",
        ),
    ] {
        let (code, text) = caller.call(tool, arguments).await.error();
        assert_eq!(code, wanted, "{text}");
    }
    // A call that never reaches the plugin uses nothing up.
    let wrong = json!({"key": "a", "value": 7, "confirm_token": good});
    let (code, _) = client.call("changes_set", wrong).await.error();
    assert_eq!(code, "invalid-arguments");
    let reader = client.at("/readonly");
    let (code, _) = reader.call("changes_set", write(&good)).await.error();
    assert_eq!(code, "read-only-url");

    for key in ["a", "b"] {
        assert_eq!(value(&client, key).await, Value::Null);
    }
    client.call("changes_set", write(&good)).await.ok();

    // Five minutes later; the clock of a whole server cannot be moved, so its rows are.
    let late = token(&client, "a", "late").await;
    let aged = server
        .raw_database()
        .execute(
            "UPDATE confirmations SET expires_at = expires_at - 300001",
            [],
        )
        .unwrap();
    assert_eq!(aged, 1, "a token that was used leaves no row");
    let write = json!({"key": "a", "value": "late", "confirm_token": late});
    let (code, _) = client.call("changes_set", write).await.error();
    assert_eq!(code, "confirm-token-expired");
    assert_eq!(value(&client, "a").await, "new");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_previews_secret_is_not_kept_and_binds_its_token() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let kept = || -> i64 {
        server
            .raw_database()
            .query_row("SELECT count(*) FROM secrets", [], |row| row.get(0))
            .unwrap()
    };
    let preview = json!({"key": "a", "value": "new", "secret": "hush-hush", "dry_run": true});
    let preview = client.call("changes_set", preview).await.ok();
    assert_eq!((preview["sealed"].as_bool(), kept()), (Some(true), 0));
    let write = |secret: &str| json!({"key": "a", "value": "new", "secret": secret, "confirm_token": preview["confirm_token"]});
    let (code, text) = client.call("changes_set", write("another")).await.error();
    assert_eq!(code, "confirm-token-other-arguments");
    assert!(kept() == 0, "{text}");
    client.call("changes_set", write("hush-hush")).await.ok();
    assert_eq!(kept(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_use_a_token_at_once_in_two_processes_exactly_one_wins() {
    let data = tempfile::tempdir().unwrap();
    let server = builder().data(data.path()).start().await;
    let other = builder().data(data.path()).start().await;
    let client = server.tenant("acme").await;
    let there = other.client(client.key());
    for round in 0..10 {
        let new = format!("{round}");
        let good = token(&client, "a", &new).await;
        let write = json!({"key": "a", "value": new, "confirm_token": good});
        let (one, two) = tokio::join!(
            client.call("changes_set", write.clone()),
            there.call("changes_set", write.clone())
        );
        assert!(one.is_error != two.is_error, "{}\n{}", one.text, two.text);
    }
    other.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_that_rests_on_too_much_breaks_the_contract() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let of =
        |bytes: usize| json!({"key": "a", "value": "b", "dry_run": true, "basis_bytes": bytes});
    client.call("changes_set", of(256)).await.ok();
    let refused = client.call("changes_set", of(257)).await;
    assert_eq!(refused.structured["error"]["outcome_unknown"], false);
    assert_eq!(refused.error().0, "plugin-broke-its-contract");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_plugin_may_preview_and_never_pass_a_token_on() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let relay = async |tool: &str, arguments: Value| {
        client
            .call("relay_call", json!({"tool": tool, "arguments": arguments}))
            .await
    };
    let preview = json!({"key": "a", "value": "new", "dry_run": true, "sneak": true});
    let preview = relay("changes_set", preview).await.ok();
    assert_eq!(preview["result"]["refused"], "read-only");
    assert_eq!(preview["result"]["confirm_token"], Value::Null);
    assert_eq!(value(&client, "a").await, Value::Null);

    let good = token(&client, "a", "new").await;
    let write = json!({"key": "a", "value": "new", "confirm_token": good});
    assert_eq!(
        relay("changes_set", write).await.error().0,
        "confirm-token-through-peer"
    );
    let (code, text) = relay("changes_erase", json!({"key": "a"})).await.error();
    assert_eq!(code, "confirmation-through-peer", "{text}");
    relay("changes_set", json!({"key": "a", "value": "plain"}))
        .await
        .ok();
    assert_eq!(value(&client, "a").await, "plain");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_older_era_preview_and_confirm_as_well() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let call = async |arguments: Value| {
        let params = json!({"name": "changes_set", "arguments": arguments});
        client.legacy("tools/call", params).await.tool()
    };
    let preview = call(json!({"key": "a", "value": "new", "dry_run": true}))
        .await
        .ok();
    assert_eq!(value(&client, "a").await, Value::Null);
    let token = &preview["confirm_token"];
    call(json!({"key": "a", "value": "new", "confirm_token": token}))
        .await
        .ok();
    assert_eq!(value(&client, "a").await, "new");
    server.stop().await;
}
