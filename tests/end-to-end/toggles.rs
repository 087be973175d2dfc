//! What no source settles about Order Desk must not matter: the tools answer the same whichever way the simulator decides
//! it. Generated over the simulator's toggles, so a new one is covered by itself.

use std::collections::{BTreeMap, BTreeSet};

use end_to_end::{Client, Server, ToolReply};
use orderdesk_mcp::config::Rate;
use orderdesk_simulator::{RateLimit, SimulatorConfig, Store, Toggles, sample};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// What a toggle may change in the answers. Each stands in `docs/order-desk.md`, with what it means for the user.
const DOCUMENTED: [(&str, &[&str]); 3] = [
    ("source_id_match", &["orders by number/note"]),
    (
        "total_records_inventory",
        &[
            "products/note",
            "products/total",
            "products by code/note",
            "products by code/total",
        ],
    ),
    (
        "end_date_inclusive",
        &[
            "orders added until/orders",
            "orders added until/returned",
            "orders added until/total",
            "orders changed until/orders",
            "orders changed until/returned",
            "orders changed until/total",
        ],
    ),
];

/// Order Desk's own bucket, but quicker to fill: what waits for tokens here waits milliseconds.
const BURST: u32 = 20;
const PER_SECOND: u32 = 50;
const SECOND_KEY: &str = "second-key-9021";

/// The answers of a run, by what was asked.
type Answers = BTreeMap<String, Value>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_toggle_may_have_either_setting() {
    let defaults = Toggles::default();
    let expected = answers(defaults.clone()).await;
    let mut runs = JoinSet::new();
    let mut all = defaults.clone();
    for toggle in defaults.describe() {
        let mut toggles = defaults.clone();
        toggles.set(toggle.name, &toggle.other).unwrap();
        all.set(toggle.name, &toggle.other).unwrap();
        runs.spawn(async move { (Some(toggle.name), answers(toggles).await) });
    }
    runs.spawn(async move { (None, answers(all).await) });
    while let Some(run) = runs.join_next().await {
        let (toggle, answered) = run.unwrap();
        let allowed: BTreeSet<&str> = DOCUMENTED
            .iter()
            .filter(|(name, _)| toggle.is_none_or(|toggle| toggle == *name))
            .flat_map(|(_, places)| places.iter().copied())
            .collect();
        let found = differences(&expected, &answered);
        let places: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            places,
            allowed,
            "{} changed the answers: {found:#?}",
            toggle.unwrap_or("all toggles together")
        );
    }
}

/// One agent's work with two stores, and what it was answered. Only what depends on Order Desk's answers is kept.
async fn answers(toggles: Toggles) -> Answers {
    let (stores, order) = stores();
    let server = Server::builder()
        .simulator(SimulatorConfig {
            toggles,
            rate: Some(RateLimit {
                capacity: BURST,
                per_second: PER_SECOND.into(),
            }),
            ..SimulatorConfig::with_stores(stores)
        })
        .config(|config| {
            config.endpoints.get_mut("orderdesk").unwrap().rate = Some(Rate {
                burst: BURST.try_into().unwrap(),
                per_second: PER_SECOND.try_into().unwrap(),
            });
        })
        .start()
        .await;
    let mut agent = Agent {
        client: server.tenant("acme").await,
        answers: Answers::new(),
    };
    agent.sets_up().await;
    agent.reads_orders(&order).await;
    agent.reads_products().await;
    agent
        .answers
        .insert("a crowd".into(), crowd(&server, &agent.client).await);
    server.stop().await;
    agent.answers
}

/// The sample stores as of a fixed day, and an order of the first; another order's number contains that one's.
fn stores() -> (Vec<Store>, Value) {
    let now = "2026-03-02T17:40:05Z".parse().unwrap();
    let mut stores = sample::stores(7, now);
    let first = stores.remove(0).with_extra_key(SECOND_KEY);
    stores.insert(0, first);
    let store = &mut stores[0];
    let id = store.orders().nth(3).unwrap().id();
    let order = store.order_json(id).unwrap();
    let mut alike = order.clone();
    alike["source_id"] = format!("{}-2", order["source_id"].as_str().unwrap()).into();
    store.add_order(&alike, now).unwrap();
    (stores, order)
}

struct Agent {
    client: Client,
    answers: Answers,
}

impl Agent {
    async fn sets_up(&mut self) {
        let wrong = json!({"store_id": "9021", "api_key": "not-the-right-key"});
        self.asks("wrong key", "stores_register", wrong).await;
        let unknown = json!({"store_id": "4711", "api_key": "not-the-right-key"});
        self.asks("unknown store", "stores_register", unknown).await;
        for (store, key) in [
            (9021, sample::HARBOR_AND_OAK_KEY),
            (9022, sample::NORTH_PIER_KEY),
        ] {
            let arguments = json!({"store_id": store, "api_key": key});
            self.asks(&format!("register {store}"), "stores_register", arguments)
                .await;
        }
        self.asks("stores", "stores_list", json!({})).await;
        for store in ["9022", "Harbor & Oak Supply"] {
            let named = json!({ "identifier": store });
            self.asks(&format!("resolve {store}"), "stores_resolve", named.clone())
                .await;
            self.asks(&format!("use {store}"), "stores_use_store", named)
                .await;
            self.asks(&format!("folders of {store}"), "stores_folders", json!({}))
                .await;
            self.asks(&format!("orders of {store}"), "orders_list", json!({}))
                .await;
        }
    }

    async fn reads_orders(&mut self, order: &Value) {
        let (added, updated) = (&order["date_added"], &order["date_updated"]);
        for (step, arguments) in [
            ("orders by e-mail", json!({"email": order["email"]})),
            (
                "orders by number",
                json!({"source_id": order["source_id"], "response_format": "detailed"}),
            ),
            ("orders of a folder", json!({"folder_name": "New"})),
            ("orders of folders", json!({"folder_id": [31002, 31003]})),
            ("orders added since", json!({"search_start_date": added})),
            ("orders added until", json!({"search_end_date": added})),
            (
                "orders changed until",
                json!({"modified_end_date": updated}),
            ),
            (
                "most orders at once",
                json!({"limit": 500, "fields": ["id"]}),
            ),
            (
                "orders with history",
                json!({"get_order_history": true, "limit": 3, "fields": ["id", "order_history"]}),
            ),
        ] {
            self.asks(step, "orders_list", arguments).await;
        }
        self.pages(
            "orders_list",
            "orders",
            json!({"limit": 25, "fields": ["id"]}),
        )
        .await;
        let id = json!({"order_id": order["id"]});
        self.asks("an order", "orders_get", id).await;
        let unknown = json!({"order_id": 4711});
        self.asks("no such order", "orders_get", unknown).await;
    }

    async fn reads_products(&mut self) {
        self.asks("products", "products_list", json!({})).await;
        let listed = self.answers["products"]["products"].clone();
        let codes = json!({"code": [listed[0]["code"], listed[1]["code"]]});
        self.asks("products by code", "products_list", codes).await;
        let arguments = json!({"limit": 10, "fields": ["id"]});
        self.pages("products_list", "products", arguments).await;
        let id = json!({"product_id": listed[0]["id"]});
        self.asks("a product", "products_get", id).await;
        let unknown = json!({"product_id": 4711});
        self.asks("no such product", "products_get", unknown).await;
    }

    async fn asks(&mut self, step: &str, tool: &str, arguments: Value) {
        let answer = essence(self.client.call(tool, arguments).await);
        let before = self.answers.insert(step.to_owned(), answer);
        assert!(before.is_none(), "two steps are called {step:?}");
    }

    /// Follows the cursor to the end and keeps the ids that it met.
    async fn pages(&mut self, tool: &str, rows: &str, mut arguments: Value) {
        let mut met = Vec::new();
        loop {
            let page = self.client.call(tool, arguments.clone()).await.ok();
            met.extend(page[rows].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(cursor) => arguments["cursor"] = cursor.into(),
                None => break,
            }
        }
        self.answers.insert(format!("all {rows}"), met.into());
    }
}

/// Two tenants, each with a key of its own to one store, ask for more at once than Order Desk's bucket holds.
async fn crowd(server: &Server, client: &Client) -> Value {
    let other = server.tenant("rival").await;
    let key = json!({"store_id": "9021", "api_key": SECOND_KEY});
    other.call("stores_register", key).await.ok();
    let mut calls = JoinSet::new();
    for at in 0..13 {
        for client in [client, &other] {
            let client = client.clone();
            calls.spawn(async move {
                let arguments = json!({"limit": 1, "offset": at, "fields": ["id"]});
                essence(client.call("orders_list", arguments).await)["orders"][0]["id"].clone()
            });
        }
    }
    let mut ids: Vec<String> = calls
        .join_all()
        .await
        .iter()
        .map(Value::to_string)
        .collect();
    ids.sort();
    json!(ids)
}

/// An answer without what differs from run to run: whether it was cached, and the words of an error.
fn essence(reply: ToolReply) -> Value {
    if reply.is_error {
        let error = &reply.structured["error"];
        return json!({"kind": error["kind"], "code": error["code"], "outcome_unknown": error["outcome_unknown"]});
    }
    let mut answer = reply.structured;
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("cached");
    }
    answer
}

/// The places, `step/field`, at which two runs were answered differently, and both answers.
fn differences(left: &Answers, right: &Answers) -> BTreeMap<String, (Value, Value)> {
    let steps: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let mut found = BTreeMap::new();
    for step in steps {
        let fields = |answers: &Answers| match answers.get(step) {
            Some(Value::Object(answer)) => answer.clone(),
            Some(answer) => [("answer".to_owned(), answer.clone())]
                .into_iter()
                .collect(),
            None => serde_json::Map::new(),
        };
        let (left, right) = (fields(left), fields(right));
        let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for name in names {
            let of = |fields: &serde_json::Map<String, Value>| {
                fields.get(name).cloned().unwrap_or_default()
            };
            if left.get(name) != right.get(name) {
                found.insert(format!("{step}/{name}"), (of(&left), of(&right)));
            }
        }
    }
    found
}
