//! Bad input: a clear error from which a model can mend its call, before anything is done.

use end_to_end::Server;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_wrong_argument_is_named_with_rule_value_and_example() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let before = server.simulator.requests().len();
    for (tool, arguments, wanted) in [
        (
            "orders_get",
            json!({}),
            &["'order_id' is missing", "5512034"][..],
        ),
        (
            "orders_get",
            json!({"order_id": true}),
            &["'order_id'", "a boolean", "Example"],
        ),
        (
            "orders_list",
            json!({"limit": 9999}),
            &["'limit'", "500", "9999"],
        ),
        (
            "orders_list",
            json!({"limit": "ten"}),
            &["'limit' must be an integer", "\"ten\""],
        ),
        (
            "orders_list",
            json!({"emial": "a"}),
            &["did you mean 'email'?"],
        ),
        (
            "orders_list",
            json!({"response_format": "short"}),
            &["response_format", "concise", "detailed"],
        ),
        (
            "stores_list",
            json!({"all": true}),
            &["'all'", "takes none"],
        ),
    ] {
        let reply = client.call(tool, arguments).await;
        assert!(reply.is_error, "{tool}");
        assert_eq!(reply.structured["error"]["kind"], "invalid-input");
        for text in wanted {
            assert!(
                reply.text.contains(text),
                "{tool}: {text} in {}",
                reply.text
            );
        }
    }
    assert_eq!(server.simulator.requests().len(), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_tools_are_answered_with_the_nearest_and_dotted_names_work() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let reply = client
        .request("tools/call", json!({"name": "order_list", "arguments": {}}))
        .await;
    let error = &reply.json()["error"];
    assert_eq!(error["code"], -32602);
    assert!(
        error["message"].as_str().unwrap().contains("orders_list"),
        "{error}"
    );
    assert!(client.call("stores.list", json!({})).await.ok()["stores"].is_array());
    server.stop().await;
}
