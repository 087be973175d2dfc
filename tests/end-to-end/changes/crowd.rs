//! Agents and people at one order at once: every change that was acknowledged is there at the end, and so is every edit
//! of the store's staff.

use std::collections::BTreeSet;

use end_to_end::{Agent, Installation, rounds};
use orderdesk_simulator::{Clock, Fault, Simulator, SimulatorConfig, Store, Toggles};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

const STORE: u64 = 9100;
const KEY: &str = "key-of-the-crowd";
/// Agents over HTTP, and over each of two stdio processes.
const OVER_HTTP: usize = 64;
const OVER_STDIO: usize = 4;
const AGENTS: usize = OVER_HTTP + 2 * OVER_STDIO;

/// Fields of an order of which each belongs to one agent; the further agents share two maps, by key.
const FIELDS: [&str; 12] = [
    "email",
    "shipping_method",
    "tag_name",
    "customer_id",
    "fulfillment_name",
    "shipping/city",
    "shipping/address1",
    "shipping/company",
    "customer/city",
    "customer/address1",
    "customer/company",
    "return_address/title",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_agents_changes_to_one_order_and_staffs_edits_none_is_lost() {
    for round in 0..rounds(1, 10) {
        // In turn, so that each toggle is on both settings in half of the rounds.
        let toggles = match round % 2 {
            0 => Toggles::default(),
            _ => Toggles::default().reversed(),
        };
        let simulator = simulator(toggles).await;
        let order = simulator
            .with_store(STORE, |store| store.orders().next().unwrap().id())
            .unwrap();
        // Nothing here is about waiting for tokens, nor about the processor: the host that is tested is not optimised, and its
        // work for a plugin counts as the plugin's.
        let installation = Installation::new(&simulator, |config| {
            let endpoint = config["endpoints"]["orderdesk"].as_table_mut().unwrap();
            endpoint.remove("rate");
            config["limits"]["cpu"] = "60s".into();
        });
        let key = installation.tenant("acme").await;
        let ((_http, http), (_one, one), (_two, two)) = tokio::join!(
            installation.serve(&key),
            installation.stdio(&key),
            installation.stdio(&key)
        );
        let registration = json!({"store_id": STORE, "api_key": KEY});
        http.call("stores_register", registration).await.ok();

        let staff = simulator.inject(edit_after_each_put());
        let mut working = JoinSet::new();
        for number in 0..AGENTS {
            let agent = match number {
                0..OVER_HTTP => http.clone(),
                _ if number % 2 == 0 => one.clone(),
                _ => two.clone(),
            };
            working.spawn(changes(agent, order, number));
        }
        let acknowledged: BTreeSet<Change> =
            working.join_all().await.into_iter().flatten().collect();
        // Nobody had to be refused: all could wait for their turn.
        assert_eq!(acknowledged.len(), 2 * AGENTS);

        let now = simulator
            .with_store(STORE, |store| store.order_json(order).unwrap())
            .unwrap();
        let lost: Vec<&Change> = acknowledged
            .iter()
            .filter(|change| !change.is_in(&now))
            .collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}: {now}");
        assert_eq!(notes(&now).len(), AGENTS, "no note is there twice: {now}");
        assert_eq!(staff.hits(), 2 * AGENTS, "one PUT for each change");
        assert_eq!(
            now["order_metadata"]["edits"],
            staff.hits(),
            "an edit of the staff is lost: {now}"
        );
        assert_eq!(recorded(&http, order).await, 2 * AGENTS);
    }
}

/// Somebody in the store counts up after each PUT, before the next agent reads: an edit that is overwritten is missing in
/// the sum.
fn edit_after_each_put() -> Fault {
    let edit = Fault::edit_after_get(|order, now| {
        let edits = order.get("order_metadata").map(|data| &data["edits"]);
        let edits = edits.and_then(Value::as_u64).unwrap_or_default();
        order.edit(&json!({"order_metadata": {"edits": edits + 1}}), now);
    });
    edit.on("PUT", "/orders/*").always()
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Note(String),
    /// A JSON pointer without its first slash, and the value there.
    Field(String, String),
}

impl Change {
    fn is_in(&self, order: &Value) -> bool {
        match self {
            Self::Note(text) => notes(order).contains(&text.as_str()),
            Self::Field(place, value) => order.pointer(&format!("/{place}")) == Some(&json!(value)),
        }
    }
}

fn notes(order: &Value) -> Vec<&str> {
    let notes = order["order_notes"].as_array().unwrap();
    notes
        .iter()
        .map(|note| note["content"].as_str().unwrap())
        .collect()
}

/// One agent's two changes; answers those that were acknowledged.
async fn changes(agent: Agent, order: u64, number: usize) -> Vec<Change> {
    let note = format!("n{number}");
    let place = match FIELDS.get(number) {
        Some(field) => (*field).to_owned(),
        None if number.is_multiple_of(2) => format!("checkout_data/a{number}"),
        None => format!("order_metadata/a{number}"),
    };
    let value = format!("v{number}");
    let remark = json!({"order_id": order, "note": note});
    let update = json!({"order_id": order, "changes": nested(&place, &value)});
    let noted = agent.call("orders_add_note", remark).await;
    let updated = agent.call("orders_update", update).await;
    let mut acknowledged = Vec::new();
    for (answer, change) in [
        (noted, Change::Note(note)),
        (updated, Change::Field(place, value)),
    ] {
        match answer.is_error {
            false => {
                assert_eq!(answer.ok()["changed"], true);
                acknowledged.push(change);
            }
            true => eprintln!("{change:?} was refused: {}", answer.text),
        }
    }
    acknowledged
}

/// `{"shipping": {"city": value}}` for `shipping/city`.
fn nested(place: &str, value: &str) -> Value {
    place.rsplit('/').fold(json!(value), |inner, name| {
        Value::Object(Map::from_iter([(name.to_owned(), inner)]))
    })
}

/// How many changes of the order the journal has.
async fn recorded(agent: &Agent, order: u64) -> usize {
    let mut arguments = json!({"order_id": order, "limit": 50});
    let mut count = 0;
    loop {
        let page = agent.call("orders_changes", arguments.clone()).await.ok();
        count += page["changes"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => return count,
        }
    }
}

async fn simulator(toggles: Toggles) -> Simulator {
    let mut store = Store::new(STORE, KEY, "Crowded");
    let address = json!({"first_name": "Ruth", "last_name": "Okafor", "address1": "14 Harbor Row",
                         "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"});
    let order = json!({"source_id": "WEB-1", "email": "r.okafor@example.com", "shipping": address,
                       "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}]});
    store.add_order(&order, Clock::System.now()).unwrap();
    let config = SimulatorConfig {
        rate: None,
        toggles,
        ..SimulatorConfig::with_stores(vec![store])
    };
    Simulator::start(config).await.unwrap()
}
