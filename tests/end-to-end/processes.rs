//! Two stdio processes and an HTTP server on one data directory, all busy: they are one service.

use std::collections::BTreeSet;

use end_to_end::{Agent, Installation, rounds};
use orderdesk_simulator::{Clock, Fault, RateLimit, Simulator, SimulatorConfig, Store, sample};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Agents that work through each process at once.
const AGENTS: u64 = 4;
/// Order Desk's own bucket, but quicker to fill.
const BURST: u32 = 20;
const PER_SECOND: u32 = 30;
/// Requests that may overtake each other on their way: the simulator counts them when they arrive. A bucket of its own for
/// each of three processes would be 40 too many.
const UNDER_WAY: u32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_acknowledges_all_others_see_and_they_share_one_bucket() {
    let simulator = simulator(3 * AGENTS).await;
    let installation = Installation::new(&simulator, |config| {
        let rate = toml::Table::from_iter([
            ("burst".to_owned(), toml::Value::from(BURST)),
            ("per_second".to_owned(), PER_SECOND.into()),
        ]);
        config["endpoints"]["orderdesk"]["rate"] = rate.into();
    });
    let key = installation.tenant("acme").await;
    // All start at once, and the first of them makes the tenant's rows while the others look for them.
    let ((_a, a), (_b, b), (_c, c)) = tokio::join!(
        installation.stdio(&key),
        installation.stdio(&key),
        installation.serve(&key)
    );
    let processes = [a, b, c];
    let shared =
        json!({"store_id": sample::HARBOR_AND_OAK_ID, "api_key": sample::HARBOR_AND_OAK_KEY});
    processes[0].call("stores_register", shared).await.ok();

    let mut working = JoinSet::new();
    for number in 0..3 * AGENTS {
        let at = usize::try_from(number).unwrap();
        let worker = Worker {
            number,
            own: processes[at % 3].clone(),
            other: processes[(at + 1) % 3].clone(),
        };
        working.spawn(worker.works(rounds(4, 40)));
    }
    let mut expected: BTreeSet<String> = working.join_all().await.into_iter().flatten().collect();
    expected.insert(sample::HARBOR_AND_OAK_ID.to_string());

    let (_late, late) = installation.stdio(&key).await;
    for agent in processes.iter().chain([&late]) {
        let listed = agent.call("stores_list", json!({})).await.ok();
        let found: BTreeSet<String> = listed["stores"]
            .as_array()
            .unwrap()
            .iter()
            .map(|store| store["store_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, expected);
    }
    let throttled = simulator
        .requests()
        .iter()
        .filter(|request| request.status == Some(429))
        .count();
    assert_eq!(throttled, 0, "of {} requests", simulator.requests().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_changes_no_other_keeps_as_it_was() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System));
    let simulator = simulator.await.unwrap();
    let installation = Installation::new(&simulator, |_| {});
    let key = installation.tenant("acme").await;
    let ((_one, one), (_other, other)) =
        tokio::join!(installation.stdio(&key), installation.stdio(&key));
    let shared =
        json!({"store_id": sample::HARBOR_AND_OAK_ID, "api_key": sample::HARBOR_AND_OAK_KEY});
    one.call("stores_register", shared).await.ok();
    let order = simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store.orders().next().unwrap().id()
        })
        .unwrap();
    let read = |agent: &Agent| {
        let agent = agent.clone();
        tokio::spawn(async move {
            let read = agent.call("orders_get", json!({"order_id": order})).await;
            read.ok()
        })
    };
    let tag = async |tag: &str| {
        let changes = json!({"order_id": order, "changes": {"tag_name": tag}});
        one.call("orders_update", changes).await.ok()
    };
    read(&other).await.unwrap();
    assert_eq!(read(&other).await.unwrap()["cached"], true);
    tag("info").await;
    let fresh = read(&other).await.unwrap();
    assert_eq!(
        (&fresh["cached"], &fresh["order"]["tag_name"]),
        (&json!(false), &json!("info"))
    );
    assert_eq!(read(&other).await.unwrap()["cached"], true);

    // A read that was under way while it changed is answered as it was, and is not kept.
    tag("warning").await;
    let (fault, reading) = Fault::hold_after_commit();
    simulator.inject(fault.on("GET", "/orders/*"));
    let slow = read(&other);
    reading.arrived().await;
    tag("success").await;
    reading.release();
    assert_eq!(slow.await.unwrap()["order"]["tag_name"], "warning");
    let fresh = read(&other).await.unwrap();
    assert_eq!(
        (&fresh["cached"], &fresh["order"]["tag_name"]),
        (&json!(false), &json!("success"))
    );
}

/// The first sample store, and one for each agent.
async fn simulator(agents: u64) -> Simulator {
    let own =
        (0..agents).map(|number| Store::new(store_of(number), &key_of(number), &name_of(number)));
    let shared = sample::store(7, Clock::System.now());
    Simulator::start(SimulatorConfig {
        rate: Some(RateLimit {
            capacity: BURST + UNDER_WAY,
            per_second: PER_SECOND.into(),
        }),
        ..SimulatorConfig::with_stores(own.chain([shared]).collect())
    })
    .await
    .unwrap()
}

fn store_of(agent: u64) -> u64 {
    9100 + agent
}

fn key_of(agent: u64) -> String {
    format!("key-of-agent-{agent}")
}

fn name_of(agent: u64) -> String {
    format!("Shop of agent {agent}")
}

/// An agent that registers and deletes a store of its own, and looks at the result through another process.
struct Worker {
    number: u64,
    own: Agent,
    other: Agent,
}

impl Worker {
    /// Answers the store if it is registered at the end.
    async fn works(self, rounds: usize) -> Option<String> {
        let store = store_of(self.number).to_string();
        let named = json!({ "identifier": name_of(self.number) });
        for round in 0..rounds {
            let label = format!("round {round}");
            let registration =
                json!({"store_id": store, "api_key": key_of(self.number), "label": label});
            self.own.call("stores_register", registration).await.ok();
            assert_eq!(self.label_seen_by_the_other(&store).await, label);
            self.other
                .call("stores_use_store", named.clone())
                .await
                .ok();
            self.reads(round).await;
            if round + 1 == rounds && self.number.is_multiple_of(2) {
                return Some(store);
            }
            let deletion = json!({ "store_id": store });
            self.own.call("stores_delete", deletion).await.ok();
            let gone = self.other.call("stores_resolve", named.clone()).await;
            assert_eq!(gone.error().0, "store-not-found");
        }
        None
    }

    async fn label_seen_by_the_other(&self, store: &str) -> Value {
        let listed = self.other.call("stores_list", json!({})).await.ok();
        let stores = listed["stores"].as_array().unwrap();
        let found = stores.iter().find(|found| found["store_id"] == store);
        found.unwrap_or_else(|| panic!("{store} is lost: {listed}"))["label"].clone()
    }

    /// A read that no cache holds, of the store that all read.
    async fn reads(&self, round: usize) {
        let arguments = json!({
            "store_identifier": sample::HARBOR_AND_OAK_ID,
            "limit": 1,
            "offset": self.number,
            "search_start_date": format!("2020-01-01 00:{:02}:00", round % 60),
        });
        self.own.call("orders_list", arguments).await.ok();
    }
}
