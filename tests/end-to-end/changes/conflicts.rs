//! What an agent reads of a conflict: both sides, whatever they are about.

use end_to_end::Server;
use orderdesk_simulator::{Clock, Order};
use serde_json::json;

const SEEN: &str = "seen.by.the.agent@example.com";
const THEIRS: &str = "typed.by.staff@example.com";
const OURS: &str = "wanted.by.the.agent@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_over_an_address_shows_both_in_both_forms() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let order = server.simulator.with_store(9021, |store| {
        let order = store.orders().next().map(Order::id).unwrap();
        let now = Clock::System.now();
        store
            .order_mut(order)
            .unwrap()
            .edit(&json!({"email": THEIRS}), now);
        order
    });
    let order = order.unwrap();
    let arguments =
        json!({"order_id": order, "changes": {"email": OURS}, "expected": {"email": SEEN}});
    let reply = client.call("orders_update", arguments).await;
    let structured = reply.structured.to_string();
    let (_, text) = reply.error();
    for form in [&structured, &text] {
        assert!(form.contains(THEIRS) && form.contains(OURS), "{form}");
    }
    server.stop().await;
}
