//! Resources, prompts and completion, as clients of both eras meet them.

mod reach;

use end_to_end::{Client, Server, ServerBuilder, assert_snapshot, guest};
use orderdesk_mcp::tenancy::Scopes;
use serde_json::{Value, json};

fn shelf() -> ServerBuilder {
    Server::builder().plugin("shelf", &guest("guest-shelf"), "")
}

#[track_caller]
fn result(answer: &Value) -> &Value {
    assert!(answer["result"].is_object(), "no result: {answer}");
    &answer["result"]
}

#[track_caller]
fn error(answer: &Value) -> (i64, &str) {
    let code = answer["error"]["code"].as_i64();
    let code = code.unwrap_or_else(|| panic!("no error: {answer}"));
    (code, answer["error"]["message"].as_str().unwrap())
}

async fn ask(client: &Client, method: &str, params: Value) -> Value {
    client.request(method, params).await.json()
}

async fn read(client: &Client, uri: &str) -> Value {
    ask(client, "resources/read", json!({ "uri": uri })).await
}

/// The JSON document at a URI.
async fn document(client: &Client, uri: &str) -> Value {
    let answer = read(client, uri).await;
    let contents = &result(&answer)["contents"];
    assert_eq!(contents.as_array().unwrap().len(), 1, "{contents}");
    assert_eq!(contents[0]["uri"], uri);
    assert_eq!(contents[0]["mimeType"], "application/json");
    serde_json::from_str(contents[0]["text"].as_str().unwrap()).unwrap()
}

async fn prompt(client: &Client, name: &str, arguments: Value) -> Value {
    ask(
        client,
        "prompts/get",
        json!({ "name": name, "arguments": arguments }),
    )
    .await
}

async fn complete(
    client: &Client,
    reference: Value,
    name: &str,
    typed: &str,
    given: Value,
) -> Value {
    let params = json!({
        "ref": reference,
        "argument": { "name": name, "value": typed },
        "context": { "arguments": given },
    });
    ask(client, "completion/complete", params).await
}

fn of_template(uri: &str) -> Value {
    json!({ "type": "ref/resource", "uri": uri })
}

#[track_caller]
fn values(answer: &Value) -> Vec<&str> {
    let values = result(answer)["completion"]["values"].as_array().unwrap();
    values.iter().map(|value| value.as_str().unwrap()).collect()
}

const LISTS: [(&str, &str); 3] = [
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
    ("prompts/list", "prompts"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_are_the_ones_that_are_checked_in() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let mut lists = serde_json::Map::new();
    for (method, key) in LISTS {
        let answer = ask(&client, method, json!({})).await;
        lists.insert(key.to_owned(), result(&answer)[key].clone());
    }
    let lists = serde_json::to_string_pretty(&lists).unwrap() + "\n";
    assert_snapshot("offers.json", &lists);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_eras_list_read_and_complete() {
    let server = shelf().start().await;
    let client = server.tenant("acme").await;
    let uri = "shelf://books/Emma/17";
    let typing = json!({
        "ref": of_template("shelf://books/{book}/{number}"),
        "argument": { "name": "book", "value": "e" },
    });
    let recommend = json!({ "name": "shelf_recommend", "arguments": { "topic": "bees" } });
    for (method, params) in [
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/read", json!({ "uri": uri })),
        ("prompts/get", recommend),
        ("completion/complete", typing),
    ] {
        let modern = ask(&client, method, params.clone()).await;
        let legacy = client.legacy(method, params).await.json();
        let (modern, legacy) = (result(&modern), result(&legacy));
        let who = &modern["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(who["name"], "orderdesk-mcp", "{method}: {modern}");
        assert_eq!(modern["resultType"], "complete", "{method}");
        assert!(
            legacy["resultType"].is_null() && legacy["_meta"].is_null(),
            "{legacy}"
        );
        if method.ends_with("list") {
            assert!(modern["ttlMs"].as_u64().unwrap() > 0, "{method}: {modern}");
        }
        if method.starts_with("resources") || method.ends_with("list") {
            assert_eq!(modern["cacheScope"], "private", "{method}");
            assert!(modern["ttlMs"].is_u64(), "{method}: {modern}");
        }
        for key in [
            "resources",
            "resourceTemplates",
            "prompts",
            "contents",
            "messages",
            "completion",
        ] {
            assert_eq!(modern[key], legacy[key], "{method}");
        }
    }
    for (method, _) in LISTS {
        let answer = ask(&client, method, json!({ "cursor": "x" })).await;
        assert_eq!(error(&answer).0, -32602);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capabilities_are_declared_where_a_plugin_has_what_they_stand_for() {
    let declared = |server: &Server, client: &Client| {
        let client = client.clone();
        let loaded = server.application.host.clone();
        async move {
            assert!(loaded.loaded(std::time::Duration::from_secs(60)).await);
            let modern = ask(&client, "server/discover", json!({})).await;
            let hello = json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "end-to-end", "version": "1" },
            });
            let legacy = client.legacy("initialize", hello).await.json();
            let modern = result(&modern)["capabilities"].clone();
            let mut as_legacy = modern.clone();
            // Changes are told to those who listen, which clients of that era cannot.
            if let Some(Value::Object(resources)) = as_legacy.get_mut("resources") {
                assert_eq!(resources.remove("subscribe"), Some(json!(true)));
            }
            assert_eq!(as_legacy, result(&legacy)["capabilities"]);
            modern
        }
    };
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let capabilities = declared(&server, &client).await;
    assert_eq!(
        capabilities["resources"],
        json!({ "subscribe": true, "listChanged": true })
    );
    assert_eq!(capabilities["prompts"], json!({ "listChanged": true }));
    assert!(capabilities["completions"].is_object());
    server.stop().await;

    let server = Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .config(|config| config.plugins.retain(|name, _| name == "echo"))
        .start()
        .await;
    let client = server.tenant("acme").await;
    let capabilities = declared(&server, &client).await;
    for none in ["resources", "prompts", "completions"] {
        assert!(capabilities[none].is_null(), "{capabilities}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_folders_and_products_read_as_their_tools_tell_them() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let stores = document(&client, "orderdesk://stores").await;
    assert_eq!(stores, client.call("stores_list", json!({})).await.ok());
    let (store, name) = (
        &stores["stores"][0]["store_id"],
        &stores["stores"][0]["store_name"],
    );
    let (store, name) = (
        store.as_str().unwrap(),
        name.as_str().unwrap().replace(' ', "%20"),
    );

    let listed = client.call("orders_list", json!({ "limit": 1 })).await.ok();
    let id = listed["orders"][0]["id"].as_str().unwrap();
    let told = client
        .call("orders_get", json!({ "order_id": id }))
        .await
        .ok();
    let before = server.simulator.requests().len();
    for store in [store, &name] {
        let order = document(&client, &format!("orderdesk://{store}/orders/{id}")).await;
        assert_eq!(order["order"], told["order"]);
        assert_eq!(order["cached"], true, "the tool's answer was not used");
        assert_eq!(order["notice"], told["notice"]);
    }
    assert_eq!(server.simulator.requests().len(), before);

    let folders = document(&client, &format!("orderdesk://{store}/folders")).await;
    let told = client.call("stores_folders", json!({})).await.ok();
    assert_eq!(folders["folders"], told["folders"]);

    let listed = client
        .call("products_list", json!({ "limit": 1 }))
        .await
        .ok();
    let code = listed["products"][0]["code"].as_str().unwrap();
    let product = document(&client, &format!("orderdesk://{store}/products/{code}")).await;
    assert_eq!(product["product"]["code"], code);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_has_the_code_of_its_era_and_no_contents() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    for uri in [
        "orderdesk://9021/orders/99999999",
        "orderdesk://9999/orders/1",
        "orderdesk://9021/products/NO-SUCH",
        "orderdesk://9021/nothing/1",
        "orderdesk://9021/orders/..",
        "orderdesk://9021/orders/%2e%2e",
        "orderdesk://9021/orders/1?x=1",
        "orderdesk://../folders",
        "file:///etc/passwd",
        "https://app.orderdesk.me/api/v2/orders/1",
        "stores",
        "",
    ] {
        let modern = read(&client, uri).await;
        assert_eq!(error(&modern).0, -32602, "{uri}: {modern}");
        assert!(modern["result"].is_null());
        let legacy = client
            .legacy("resources/read", json!({ "uri": uri }))
            .await
            .json();
        assert_eq!(error(&legacy).0, -32002, "{uri}: {legacy}");
    }
    let answer = read(&client, "orderdesk://9021/orders/WEB-1").await;
    assert_eq!(error(&answer).0, -32602);
    assert_eq!(answer["error"]["data"]["code"], "bad-order-id");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_bytes_and_several_pieces_are_read_and_nothing_is_written() {
    let server = shelf().start().await;
    let client = server.tenant("acme").await;
    let answer = read(&client, "shelf://cover").await;
    let cover = &result(&answer)["contents"][0];
    assert_eq!(cover["blob"], "iVBORw==");
    assert_eq!(cover["mimeType"], "image/png");
    let answer = read(&client, "shelf://both").await;
    let both = &result(&answer)["contents"];
    assert_eq!(
        (&both[0]["uri"], &both[0]["text"]),
        (&json!("shelf://both"), &json!("Two."))
    );
    assert_eq!(
        (&both[1]["uri"], &both[1]["blob"]),
        (&json!("shelf://cover"), &json!("AQID"))
    );
    let answer = read(&client, "shelf://written").await;
    assert_eq!(error(&answer).0, -32603);
    assert_eq!(answer["error"]["data"]["code"], "read-only");
    assert!(answer["error"]["data"]["correlation_id"].is_string());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_in_a_tools_result_leads_there_and_the_result_stands_beside_it() {
    let server = shelf().start().await;
    let client = server.tenant("acme").await;
    let params = json!({ "name": "shelf_find", "arguments": {} });
    let answer = ask(&client, "tools/call", params).await;
    let content = &result(&answer)["content"];
    assert_eq!(content[0]["text"], "{\"title\":\"Emma\"}");
    assert_eq!(content[1]["type"], "resource_link");
    let answer = read(&client, content[1]["uri"].as_str().unwrap()).await;
    let text = result(&answer)["contents"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("Page 1 of Emma"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_take_what_they_declare() {
    let server = shelf().start().await;
    let client = server.tenant_with_store("acme").await;
    let wish = json!({ "topic": "bees", "liked": "Emma" });
    let answer = prompt(&client, "shelf_recommend", wish).await;
    let script = result(&answer);
    assert_eq!(script["description"], "Books, from the shelf");
    let messages = &script["messages"];
    assert_eq!(
        messages[0]["content"]["text"],
        "Recommend me a book about bees."
    );
    assert_eq!(
        (&messages[0]["role"], &messages[1]["role"]),
        (&json!("user"), &json!("assistant"))
    );
    assert_eq!(messages[2]["content"]["type"], "resource_link");
    assert_eq!(messages[2]["content"]["uri"], "shelf://books/Emma/1");
    for (name, arguments) in [
        ("shelf_recommend", json!({})),
        ("shelf_recommend", json!({ "topic": " " })),
        (
            "shelf_recommend",
            json!({ "topic": "bees", "shelf": "top" }),
        ),
        ("shelf_recommend", json!({ "topic": ["bees"] })),
        ("shelf_recomend", json!({ "topic": "bees" })),
    ] {
        let answer = prompt(&client, name, arguments).await;
        assert_eq!(error(&answer).0, -32602, "{answer}");
    }
    // Some clients send numbers as they are.
    let answer = prompt(&client, "orders_why_late", json!({ "order_id": 17 })).await;
    let messages = &result(&answer)["messages"];
    assert!(
        messages[0]["content"]["text"]
            .as_str()
            .unwrap()
            .contains("\"17\"")
    );
    assert_eq!(messages[1]["content"]["uri"], "orderdesk://9021/orders/17");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completion_knows_what_was_given_before_and_has_bounds() {
    let server = shelf().start().await;
    let client = server.tenant_with_store("acme").await;
    let page = || of_template("shelf://books/{book}/{number}");
    let answer = complete(&client, page(), "book", "e", json!({})).await;
    assert_eq!(values(&answer), ["Emma", "Evelina"]);
    let answer = complete(&client, page(), "number", "", json!({ "book": "Emma" })).await;
    let completion = &result(&answer)["completion"];
    assert_eq!(values(&answer).len(), 100);
    assert_eq!(
        (&completion["total"], &completion["hasMore"]),
        (&json!(300), &json!(true))
    );
    let recommend = || json!({ "type": "ref/prompt", "name": "shelf_recommend" });
    assert_eq!(
        values(&complete(&client, recommend(), "liked", "m", json!({})).await),
        ["Middlemarch"]
    );
    // Nothing helps with this one.
    assert!(values(&complete(&client, recommend(), "topic", "b", json!({})).await).is_empty());
    for (reference, name) in [
        (recommend(), "shelf"),
        (page(), "page"),
        (of_template("shelf://books/{book}"), "book"),
        (json!({ "type": "ref/prompt", "name": "nothing" }), "topic"),
    ] {
        let answer = complete(&client, reference, name, "", json!({})).await;
        assert_eq!(error(&answer).0, -32602, "{answer}");
    }

    let orders = || of_template("orderdesk://{store}/orders/{id}");
    let stores = complete(&client, orders(), "store", "har", json!({})).await;
    assert_eq!(values(&stores), ["Harbor & Oak Supply"]);
    let given = json!({ "store": values(&stores)[0] });
    let ids = complete(&client, orders(), "id", "", given.clone()).await;
    let first = values(&ids)[0].to_owned();
    // While somebody types on, Order Desk is not asked again.
    let before = server.simulator.requests().len();
    let answer = complete(&client, orders(), "id", &first, given.clone()).await;
    assert_eq!(values(&answer), [first.as_str()]);
    assert_eq!(server.simulator.requests().len(), before);
    let products = of_template("orderdesk://{store}/products/{code}");
    let codes = complete(&client, products, "code", "", given).await;
    assert!(!values(&codes).is_empty());
    server.stop().await;
}
