//! Progress, cancelling, listening: answers that come in pieces.

use std::time::Duration;

use end_to_end::{Client, Server, ServerBuilder, Stream, guest};
use serde_json::{Value, json};

fn builder() -> ServerBuilder {
    Server::builder().plugin("shelf", &guest("guest-shelf"), "")
}

async fn read_aloud(client: &Client, pages: u32, page_ms: u32, meta: Value) -> Stream {
    let arguments = json!({"pages": pages, "page_ms": page_ms});
    let params = json!({"name": "shelf_read_aloud", "arguments": arguments, "_meta": meta});
    client.open("tools/call", params).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_work_in_steps_tells_how_far_it_is_to_those_who_ask_and_ends_with_its_result() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let mut stream = read_aloud(&client, 5, 20, json!({"progressToken": "p"})).await;
    let result = stream.result().await;
    assert_eq!(
        result["result"]["structuredContent"]["title"],
        "5 pages of Emma"
    );
    let progress: Vec<f64> = stream
        .heard
        .iter()
        .filter(|message| message["method"] == "notifications/progress")
        .map(|message| {
            assert_eq!(message["params"]["progressToken"], "p");
            assert_eq!(message["params"]["total"], 5.0, "{message}");
            assert!(message["params"]["message"].is_string());
            message["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert_eq!(progress, [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(stream.heard.last().unwrap().get("result").is_some());
    assert!(
        stream.next().await.is_none(),
        "nothing comes after the result"
    );

    // Without a token, there is nothing but the result.
    let arguments = json!({"pages": 3, "page_ms": 1});
    let reply = client.call("shelf_read_aloud", arguments).await;
    assert!(!reply.raw.contains("notifications/"), "{}", reply.raw);
    reply.ok();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fast_steps_a_client_hears_ten_in_a_second() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let mut stream = read_aloud(&client, 60, 1, json!({"progressToken": 7})).await;
    stream.result().await;
    let told = stream.heard.len() - 1;
    // As many as ten in each second that it took, and it took no time to speak of.
    assert!((10..60).contains(&told), "{told}");
    server.stop().await;
}

/// A client that closes the connection of a long call ends its work at the next step, in either form of answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_connection_ends_the_work_of_a_read() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let mut stream = read_aloud(&client, 100, 200, json!({"progressToken": "p"})).await;
    stream.until("notifications/progress").await;
    drop(stream);
    let plain = tokio::spawn({
        let client = client.clone();
        let arguments = json!({"pages": 100, "page_ms": 200});
        async move { client.call("shelf_read_aloud", arguments).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    plain.abort();
    assert!(plain.await.is_err());
    // Each would have worked for twenty seconds; nothing holds the server now.
    let stopped = tokio::time::timeout(Duration::from_secs(10), server.stop());
    stopped.await.expect("the work went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_what_it_asked_for_and_its_stream_ends_with_a_result() {
    let mut server = builder().start().await;
    let client = server.tenant("acme").await;
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["shelf://about"]});
    let mut stream = Stream::listen(&client, filter).await;
    let acknowledged = &stream.heard[0];
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    let id = "io.modelcontextprotocol/subscriptionId";
    assert!(
        acknowledged["params"]["_meta"].get(id).is_some(),
        "{acknowledged}"
    );
    server.ask_to_stop();
    let result = stream.result().await;
    assert!(result["result"].is_object(), "{result}");
    server.stopped().await;
}
