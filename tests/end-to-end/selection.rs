//! Which tools are in use: sets that somebody chose, and those who may only read.

use end_to_end::{Client, ServerBuilder};
use orderdesk_mcp::tenancy::Scopes;
use serde_json::{Value, json};

use crate::previews;

fn builder() -> ServerBuilder {
    // Only the plugins of this test: what the others list is theirs.
    previews::builder().config(|config| {
        config
            .plugins
            .retain(|name, _| ["changes", "relay"].contains(&name.as_str()));
    })
}

async fn names(client: &Client) -> Vec<String> {
    let tools = client.tools().await;
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn refused(client: &Client, tool: &str, arguments: Value) -> String {
    let (code, text) = client.call(tool, arguments).await.error();
    format!("{code}: {text}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_are_chosen_by_url_and_what_is_outside_is_neither_listed_nor_callable() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let find = json!({"key": "a"});
    let set = json!({"key": "a", "value": "b"});
    let by_default = [
        "changes_get",
        "changes_set",
        "changes_erase",
        "changes_purge",
        "changes_hand_over",
        "changes_give_away",
        "relay_call",
    ];
    assert_eq!(names(&client).await, by_default);
    let text = refused(&client, "changes_find", find.clone()).await;
    assert!(
        text.starts_with("toolset-not-in-use")
            && text.contains("'rare'")
            && text.contains("/mcp?toolsets=changes,rare"),
        "{text}"
    );

    let rare = client.at("?toolsets=rare");
    assert_eq!(
        names(&rare).await,
        ["changes_get", "changes_find", "relay_call"]
    );
    rare.call("changes_find", find).await.ok();
    let text = refused(&rare, "changes_set", set.clone()).await;
    assert!(
        text.starts_with("toolset-not-in-use") && text.contains("/mcp?toolsets=rare,changes"),
        "{text}"
    );
    let both = client.at("?toolsets=changes,rare");
    assert_eq!(names(&both).await.len(), 8);

    // Sets are for agents: what one plugin asks of another is the operator's grant.
    let relayed = json!({"tool": "changes_set", "arguments": set});
    rare.call("relay_call", relayed).await.ok();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_there_is_not_is_an_error_that_names_those_that_there_are() {
    let server = builder().start().await;
    let client = server.tenant("acme").await.at("?toolsets=changes,rarer");
    for (method, params) in [
        ("tools/list", json!({})),
        (
            "tools/call",
            json!({"name": "changes_get", "arguments": {"key": "a"}}),
        ),
    ] {
        let reply = client.request(method, params).await.json();
        assert_eq!(reply["error"]["code"], -32602, "{reply}");
        assert_eq!(
            reply["error"]["message"],
            "there is no tool set 'rarer'; known: audit, changes, rare"
        );
    }
    let typo = server.tenant("other").await.at("?toolset=changes");
    let reply = typo.request("tools/list", json!({})).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_i64()),
        (400, Some(-32602))
    );
    for path in ["/read-only", "/readonly/x", "/x"] {
        let lost = server.tenant(&path.replace('/', "-")).await.at(path);
        assert_eq!(
            lost.request("tools/list", json!({})).await.status,
            404,
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_sets_hold_until_a_client_chooses() {
    let server = builder()
        .config(|config| config.mcp.toolsets = vec!["rare".into(), "not-there".into()])
        .start()
        .await;
    let client = server.tenant("acme").await;
    assert_eq!(
        names(&client).await,
        ["changes_get", "changes_find", "relay_call"]
    );
    let changes = client.at("?toolsets=changes");
    assert!(names(&changes).await.contains(&"changes_set".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_sees_no_tool_that_writes_and_cannot_call_one() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let reading = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let key = server.limited(&client, reading).await;
    let url = client.at("/readonly");
    let operator = builder()
        .config(|config| config.mcp.read_only = true)
        .start()
        .await;
    let config = operator.tenant("acme").await;
    let set = json!({"key": "a", "value": "b"});
    let preview = json!({"key": "a", "value": "b", "dry_run": true});
    for (reader, code) in [
        (&key, "read-only-key"),
        (&url, "read-only-url"),
        (&config, "read-only-config"),
        (&config.at("?toolsets=changes"), "read-only-config"),
    ] {
        assert_eq!(names(reader).await, ["changes_get"], "{code}");
        reader.call("changes_get", json!({"key": "a"})).await.ok();
        for arguments in [&set, &preview] {
            let text = refused(reader, "changes_set", arguments.clone()).await;
            assert!(
                text.starts_with(code) && text.contains("nothing was changed"),
                "{text}"
            );
        }
    }
    let both = url.at("?toolsets=rare");
    assert_eq!(names(&both).await, ["changes_get", "changes_find"]);
    let legacy = url
        .legacy(
            "tools/call",
            json!({"name": "changes_set", "arguments": set}),
        )
        .await;
    assert_eq!(legacy.tool().error().0, "read-only-url");
    assert_eq!(previews::value(&client, "a").await, Value::Null);
    operator.stop().await;
    server.stop().await;
}
