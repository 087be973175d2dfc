//! What a plugin must not be able to do, tried by one that does its best.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod by_hand;
mod declarations;
mod imitations;
mod limits;
mod loading;
mod neighbours;
mod offers;
mod program;
mod reach;
mod secrets;

use end_to_end::{Client, Server, ServerBuilder, guest};
use serde_json::{Value, json};

/// The configuration that ships, an ordinary stranger's plugin, and the hostile one with these lines below its source.
fn with_hostile(lines: &str) -> ServerBuilder {
    Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .plugin("hostile", &guest("guest-hostile"), lines)
}

/// What the hostile plugin is granted in most tests: to read orders, and the store whose settings hold the key.
const READS: &str = r#"grants.http = [{ endpoint = "orderdesk", allow = ["GET /orders/*", "GET /store", "GET /echo"] }]"#;

async fn code(client: &Client, tool: &str, arguments: Value) -> String {
    client.call(tool, arguments).await.error().0
}

/// Whatever the hostile plugin did, others go on as before.
async fn others_still_work(client: &Client) {
    let said = client
        .call("echo_say", json!({"message": "still here"}))
        .await
        .ok();
    assert_eq!(said["message"], "still here");
    assert!(client.call("stores_list", json!({})).await.ok()["stores"].is_array());
}
