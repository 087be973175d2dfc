//! SIGTERM: reads end, a write that is under way finishes and its answer arrives.

use end_to_end::Server;
use orderdesk_simulator::Fault;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_cancelled_and_a_write_finishes() {
    let mut server = Server::start().await;
    let client = server.tenant_with_store("acme").await;

    let (read_fault, reading) = Fault::hold();
    server.simulator.inject(read_fault.on("GET", "/orders"));
    let (write_fault, writing) = Fault::hold();
    server
        .simulator
        .inject(write_fault.on("GET", "/store").for_store(9022));
    let read = tokio::spawn({
        let client = client.clone();
        async move { client.call("orders_list", json!({})).await }
    });
    let write = tokio::spawn({
        let client = client.clone();
        async move {
            client
                .call(
                    "stores_register",
                    json!({"store_id": "9022", "api_key": "sandbox-key-9022"}),
                )
                .await
        }
    });
    reading.arrived().await;
    writing.arrived().await;

    server.ask_to_stop();
    assert_eq!(read.await.unwrap().error().0, "cancelled");
    writing.release();
    let written = write.await.unwrap();
    assert!(!written.is_error, "{}", written.text);
    reading.release();
    server.stopped().await;
}
