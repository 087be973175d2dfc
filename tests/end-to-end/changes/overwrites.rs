//! The window that no client of Order Desk can close: an edit between reading an order and writing it.

use std::time::Duration;

use end_to_end::{Client, Server};
use orderdesk_simulator::{Clock, Fault, ManualClock, Order, SimulatorConfig};
use serde_json::{Value, json};

/// Between two changes.
const SECONDS: Duration = Duration::from_secs(5);

struct Shop {
    server: Server,
    client: Client,
    order: u64,
    /// Order Desk's: its history counts whole seconds, and what happens within one cannot be told apart.
    clock: ManualClock,
}

async fn start(verify: bool) -> Shop {
    let clock = ManualClock::starting_at("2026-03-02T17:40:05Z".parse().unwrap());
    let server = Server::builder()
        .simulator(SimulatorConfig::sample(7, Clock::Manual(clock.clone())))
        .config(move |config| {
            let orders = config.plugins.get_mut("orders").unwrap();
            let setting = ("verify_overwrites".to_owned(), verify.into());
            orders.settings.extend([setting]);
        })
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    let order = server
        .simulator
        .with_store(9021, |store| store.orders().next().map(Order::id));
    Shop {
        server,
        client,
        order: order.flatten().unwrap(),
        clock,
    }
}

/// Somebody in the store changes the tag, as Order Desk tells it in the history, after the agent's read.
fn edit_in_between() -> Fault {
    Fault::edit_after_get(|order, now| {
        order.edit(&json!({"tag_name": "error"}), now);
        order.add_history("Dana", "Tag changed", now);
    })
}

impl Shop {
    async fn change(&self, city: &str) -> Value {
        self.clock.advance(SECONDS.try_into().unwrap());
        let changes = json!({"shipping": {"city": city}});
        let arguments = json!({"order_id": self.order, "changes": changes});
        self.client.call("orders_update", arguments).await.ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_edit_in_the_window_is_reported_where_that_is_looked_for() {
    let shop = start(true).await;
    for (round, edited) in [false, true, true, false].into_iter().enumerate() {
        if edited {
            shop.server.simulator.inject(edit_in_between());
        }
        let written = shop.change(&format!("Bath {round}")).await;
        let wanted = if edited { "possible" } else { "none seen" };
        assert_eq!(written["overwrites"], wanted, "round {round}: {written}");
        let warned = written["warnings"].to_string().contains("Tag changed");
        assert_eq!(warned, edited, "round {round}: {written}");
    }
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_it_was_not_looked_for_is_said_too() {
    let shop = start(false).await;
    shop.server.simulator.inject(edit_in_between());
    let written = shop.change("Bath").await;
    assert_eq!(written["overwrites"], "not looked at");
    shop.server.stop().await;
}
