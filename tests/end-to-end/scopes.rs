//! What an access key does not cover does not exist for it, by whatever way it asks. The keys are made by the command.

use end_to_end::{Client, Reply, SERVER_KEY, Server, guest, program, root};
use orderdesk_simulator::sample;
use serde_json::{Value, json};

const NOTHING: &str = "orders_gone";

async fn server() -> (Server, Client) {
    let changes = guest("guest-changes");
    let relay = "prefixes = [\"changes_\", \"relay_\"]\nconsent = \"operator\"\ngrants.tools = [\"orders_list\", \"orders_gone\", \"stores_list\"]\n";
    let server = Server::builder()
        .plugin("changes", &changes, relay)
        .start()
        .await;
    let client = server.tenant("acme").await;
    for (id, key, _) in server.simulator.stores() {
        let registration = json!({"store_id": id, "api_key": key});
        client.call("stores_register", registration).await.ok();
    }
    (server, client)
}

/// A key of the tenant with these limits.
async fn limited(server: &Server, master: &Client, limits: &[&str]) -> Client {
    let mut command = tokio::process::Command::new(program("orderdesk-mcp"));
    command
        .args([
            "keys", "create", "--tenant", "acme", "--name", "limited", "--json",
        ])
        .args(limits)
        .current_dir(root())
        .env("ORDERDESK_MCP_DATA_DIR", server.data_dir())
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env("ORDERDESK_MCP_MASTER_KEY", master.key());
    let output = command.output().await.unwrap();
    let made: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    server.client(made["key"].as_str().unwrap())
}

async fn answer(client: &Client, tool: &str, arguments: Value) -> Reply {
    client
        .request("tools/call", json!({"name": tool, "arguments": arguments}))
        .await
}

/// An answer without the name that was asked for and without its correlation id, which no two answers share.
fn blank(text: &str, name: &str) -> String {
    let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut text = text.replace(name, "NAME");
    let ids: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(is_id)
        .map(str::to_owned)
        .collect();
    for id in ids {
        text = text.replace(&id, "ID");
    }
    text
}

/// The error's code and text, without the name and without the hint which names are close, since that depends on the name.
fn said(reply: &Reply, name: &str) -> (u16, Value, String) {
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let message = message.split(';').next().unwrap_or_default();
    (
        reply.status,
        error["code"].clone(),
        message.replace(name, "NAME"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_tools_do_not_exist_for_a_key_for_some() {
    let (server, master) = server().await;
    let client = limited(&server, &master, &["--tools", "orders_list,relay_call"]).await;
    let mut names: Vec<_> = client
        .tools()
        .await
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["orders_list", "relay_call"]);
    let listed = client
        .call(
            "orders_list",
            json!({"store_identifier": "9021", "limit": 1}),
        )
        .await
        .ok();
    assert_eq!(listed["returned"], 1);

    // Every tool that the master key sees, so that a new one is covered by itself.
    let nothing = answer(&client, NOTHING, json!({})).await;
    let mut tried = 0;
    for tool in master.tools().await {
        let name = tool["name"].as_str().unwrap();
        if ["orders_list", "relay_call"].contains(&name) {
            continue;
        }
        let refused = answer(&client, name, json!({})).await;
        assert_eq!(said(&refused, name), said(&nothing, NOTHING));
        tried += 1;
    }
    assert!(tried >= 15, "{tried}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_calls_others_with_its_callers_rights_only() {
    let (server, master) = server().await;
    let relay = |tool: &str, arguments: Value| json!({"tool": tool, "arguments": arguments});
    let client = limited(
        &server,
        &master,
        &[
            "--tools",
            "relay_call,orders_list",
            "--subjects",
            "store:9021",
        ],
    )
    .await;
    let one = json!({"store_identifier": "9021", "limit": 1});
    let listed = client
        .call("relay_call", relay("orders_list", one))
        .await
        .ok();
    assert_eq!(listed["result"]["returned"], 1);
    let other = json!({"store_identifier": "9022", "limit": 1});
    assert!(
        client
            .call("relay_call", relay("orders_list", other))
            .await
            .is_error
    );

    let (code, said) = client
        .call("relay_call", relay("stores_list", json!({})))
        .await
        .error();
    let nothing = client
        .call("relay_call", relay(NOTHING, json!({})))
        .await
        .error();
    assert_eq!(
        (code, blank(&said, "stores_list")),
        (nothing.0, blank(&nothing.1, NOTHING))
    );
    assert!(
        !master
            .call("relay_call", relay("stores_list", json!({})))
            .await
            .is_error
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_stores_do_not_exist_for_a_key_for_one() {
    let (server, master) = server().await;
    let client = limited(&server, &master, &["--subjects", "store:9021"]).await;
    let stores = client.call("stores_list", json!({})).await.ok();
    let ids: Vec<_> = stores["stores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["store_id"].clone())
        .collect();
    assert_eq!(ids, ["9021"]);

    let order = first_order(&server, 9022);
    for (tool, arguments) in [
        ("stores_resolve", json!({"identifier": "STORE"})),
        ("stores_use_store", json!({"identifier": "STORE"})),
        ("stores_folders", json!({"store_identifier": "STORE"})),
        ("stores_delete", json!({"store_id": "STORE"})),
        ("orders_list", json!({"store_identifier": "STORE"})),
        (
            "orders_get",
            json!({"store_identifier": "STORE", "order_id": order}),
        ),
        (
            "orders_update",
            json!({"store_identifier": "STORE", "order_id": order, "changes": {"email": "a@b.example"}}),
        ),
        ("products_list", json!({"store_identifier": "STORE"})),
    ] {
        let of = |store: &str| -> Value {
            serde_json::from_str(&arguments.to_string().replace("STORE", store)).unwrap()
        };
        let (code, said) = client.call(tool, of("9022")).await.error();
        let nothing = client.call(tool, of("9020")).await.error();
        assert_eq!(
            (code, blank(&said, "9022")),
            (nothing.0, blank(&nothing.1, "9020")),
            "{tool}"
        );
    }
    for uri in ["orderdesk://9022/orders/1", "orderdesk://9022/folders"] {
        let read = async |uri: String| client.request("resources/read", json!({"uri": uri})).await;
        let (there, nowhere) = (
            read(uri.to_owned()).await,
            read(uri.replace("9022", "9020")).await,
        );
        assert_eq!(there.status, nowhere.status);
        assert_eq!(blank(&there.text, "9022"), blank(&nowhere.text, "9020"));
    }
    // Registering a store out of reach is refused, and leaves nothing behind.
    let (id, key) = (9022, sample_key(&server, 9022));
    let replace = json!({"store_id": id, "api_key": key, "replace": true});
    assert!(client.call("stores_register", replace).await.is_error);
    assert!(
        !master
            .call("orders_list", json!({"store_identifier": "9022"}))
            .await
            .is_error
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_only_reads_writes_by_no_way() {
    let (server, master) = server().await;
    let client = limited(&server, &master, &["--read-only"]).await;
    let order = first_order(&server, sample::HARBOR_AND_OAK_ID);
    let arguments = json!({"store_identifier": "9021", "order_id": order});
    client.call("orders_get", arguments.clone()).await.ok();
    let mut change = arguments;
    change["changes"] = json!({"email": "a@b.example"});
    let refused = answer(&client, "orders_update", change.clone()).await;
    assert!(refused.text.contains("error"), "{}", refused.text);
    let relayed =
        json!({"tool": "orders_list", "arguments": {"store_identifier": "9021", "limit": 1}});
    let relay = answer(&client, "relay_call", relayed).await;
    assert!(relay.status == 200);
    let writes = server
        .simulator
        .requests()
        .into_iter()
        .filter(|request| request.method != "GET")
        .count();
    assert_eq!(writes, 0);

    // Nor does it make a hook.
    let hook = [
        "webhooks",
        "create",
        "--tenant",
        "acme",
        "--plugin",
        "orders",
        "--subject",
        "store:9021",
    ];
    let output = tokio::process::Command::new(program("orderdesk-mcp"))
        .args(hook)
        .current_dir(root())
        .env("ORDERDESK_MCP_DATA_DIR", server.data_dir())
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env("ORDERDESK_MCP_MASTER_KEY", client.key())
        .output()
        .await
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("may only read"),
        "{output:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_has_ended_is_answered_like_one_that_never_was() {
    let (server, master) = server().await;
    let client = limited(&server, &master, &["--expires", "1h"]).await;
    assert_eq!(client.request("tools/list", json!({})).await.status, 200);
    server
        .raw_database()
        .execute(
            "UPDATE access_keys SET expires_at = 1 WHERE expires_at IS NOT NULL",
            [],
        )
        .unwrap();
    let ended = client.request("tools/list", json!({})).await;
    let never = server
        .client("odm_aaaaaaaaaaaa_x")
        .request("tools/list", json!({}))
        .await;
    assert_eq!((ended.status, &ended.text), (401, &never.text));
    assert_eq!(
        ended.headers.get("www-authenticate"),
        never.headers.get("www-authenticate")
    );
    server.stop().await;
}

fn first_order(server: &Server, store: u64) -> u64 {
    server
        .simulator
        .with_store(store, |store| store.orders().next().unwrap().id())
        .unwrap()
}

fn sample_key(server: &Server, store: u64) -> String {
    let stores = server.simulator.stores();
    stores.into_iter().find(|(id, ..)| *id == store).unwrap().1
}
