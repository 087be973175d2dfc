//! When Order Desk is slow, wrong or gone: a cause, whether a repetition is safe, and never an empty list.

use end_to_end::{Client, Server};
use orderdesk_simulator::Fault;
use serde_json::json;

async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    (server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_an_error_with_its_cause_and_is_not_kept() {
    let (server, client) = start().await;
    let address = server.simulator.address().to_string();
    let faults: [(Fault, &str); 5] = [
        (Fault::not_json(), "orderdesk-not-json"),
        (
            Fault::answer(
                200,
                &[],
                r#"{"status":"error","message":"Something is wrong"}"#,
            ),
            "orderdesk-error",
        ),
        (
            Fault::answer(200, &[], r#"{"status":"success","orders":"none"}"#),
            "orderdesk-unexpected",
        ),
        (
            Fault::answer(200, &[], r#"{"status":"success"}"#),
            "orderdesk-part-missing",
        ),
        (
            Fault::answer(400, &[], r#"{"status":"error","message":"Invalid limit"}"#),
            "orderdesk-refused",
        ),
    ];
    for (fault, wanted) in faults {
        let fault = server.simulator.inject(fault.on("GET", "/orders").always());
        let reply = client.call("orders_list", json!({})).await;
        assert!(
            reply.is_error && !reply.raw.contains(&address),
            "{wanted}: {}",
            reply.raw
        );
        let (code, text) = reply.error();
        assert_eq!(code, wanted, "{text}");
        fault.cancel();
        server.simulator.clear_faults();
    }
    assert_eq!(
        client.call("orders_list", json!({})).await.ok()["cached"],
        false
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_trouble_of_a_read_is_waited_out() {
    let (server, client) = start().await;
    for (limit, fault) in [
        Fault::status(503),
        Fault::disconnect(),
        Fault::throttled(Some(1)),
    ]
    .into_iter()
    .enumerate()
    {
        let fault = server.simulator.inject(fault.on("GET", "/orders"));
        let listed = client
            .call("orders_list", json!({"limit": limit + 1}))
            .await;
        assert!(!listed.is_error, "{}", listed.text);
        assert_eq!(fault.hits(), 1);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_stops_the_upstream_work() {
    let (server, client) = start().await;
    let (fault, held) = Fault::hold();
    server.simulator.inject(fault.on("GET", "/orders"));
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call("orders_list", json!({})).await }
    });
    held.arrived().await;
    call.abort();
    assert!(call.await.is_err());
    // The server is free again: had it waited for the held answer, shutting down would too.
    server.stop().await;
}
