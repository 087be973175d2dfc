//! A plain client, and a simulator with one store and one order to use it on.

use std::time::Duration;

use jiff::Timestamp;
use orderdesk_simulator::{Clock, ManualClock, Simulator, SimulatorConfig, Store};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub(crate) const STORE: u64 = 9021;
pub(crate) const KEY: &str = "test-key-9021";
pub(crate) const START: &str = "2026-03-02T17:40:05Z";

/// A running simulator whose clock a test moves, with a client for its first store.
pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) clock: ManualClock,
    pub(crate) api: Api,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A client that goes straight to where it is told and follows nothing.
pub(crate) fn http_client() -> reqwest::Client {
    // reqwest is built without a TLS provider of its own; another test may have installed one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    store_id: String,
    key: String,
}

impl Api {
    pub(crate) fn new(simulator: &Simulator, store_id: u64, key: &str) -> Self {
        Self {
            http: http_client(),
            base: simulator.base_url(),
            store_id: store_id.to_string(),
            key: key.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path)
            .header("ORDERDESK-STORE-ID", &self.store_id)
            .header("ORDERDESK-API-KEY", &self.key)
    }

    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        send(self.request(Method::DELETE, path)).await
    }

    /// The order as GET shows it.
    pub(crate) async fn order(&self, id: &str) -> Value {
        self.get(&format!("/orders/{id}")).await.json()["order"].clone()
    }

    /// Ids that a list query finds, in its order.
    pub(crate) async fn found(&self, query: &str) -> Vec<String> {
        let reply = self.get(&format!("/orders?{query}")).await.json();
        let orders = reply["orders"].as_array().unwrap();
        orders
            .iter()
            .map(|order| order["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Creates an order and returns its id.
    pub(crate) async fn create(&self, order: &Value) -> String {
        let reply = self.post("/orders", order).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["order"]["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

/// A store with the folders of the reference's examples.
pub(crate) fn store() -> Store {
    Store::new(STORE, KEY, "Test Store").with_folders(&[
        (31001, "New"),
        (31002, "Prepared"),
        (31003, "Packing"),
    ])
}

/// A simulator with that store and no rate limit.
pub(crate) async fn bench() -> Bench {
    bench_with(|_| {}).await
}

pub(crate) async fn bench_with(adjust: impl FnOnce(&mut SimulatorConfig)) -> Bench {
    let clock = ManualClock::starting_at(START.parse::<Timestamp>().unwrap());
    let mut config = SimulatorConfig::with_stores(vec![store()]);
    config.clock = Clock::Manual(clock.clone());
    config.rate = None;
    adjust(&mut config);
    let simulator = Simulator::start(config).await.unwrap();
    let api = Api::new(&simulator, STORE, KEY);
    Bench {
        simulator,
        clock,
        api,
    }
}

/// The create request of the reference's §10.1, shortened.
pub(crate) fn order_input() -> Value {
    json!({
        "source_id": "WEB-10482", "source_name": "Order Desk", "email": "r.okafor@example.com",
        "shipping_method": "Ground", "shipping_total": 9.75, "handling_total": 1.5, "tax_total": 7.05,
        "payment_type": "Visa", "payment_status": "Captured", "cc_number": "1881", "cc_exp": "11/2029",
        "folder_id": 31001,
        "shipping": {
            "first_name": "Ruth", "last_name": "Okafor", "company": "", "address1": "14 Harbor Row",
            "address2": "Unit 6", "address3": "", "address4": "", "city": "Portland", "state": "ME",
            "postal_code": "04101", "country": "US", "phone": "207-555-0144"
        },
        "checkout_data": {"Gift Message": "Enjoy the new desk"},
        "order_metadata": {"cart_order_id": "8841200", "risk_score": 12},
        "discount_list": [{"name": "Spring", "code": "SPRING10", "amount": 9.4}],
        "order_items": [
            {"name": "Walnut Desk Organizer", "code": "ORG-WAL", "price": 34.5, "quantity": 2, "weight": 1.8,
             "category_code": "DESK", "variation_list": {"Finish": "Oil", "Size": "Large"},
             "metadata": {"print_sku": "ORG-WAL-L", "image": "https://cdn.example.com/org-wal.png"}},
            {"name": "Brass Label Holder", "code": "LBL-BRS", "price": 6.25, "quantity": 4, "weight": 0.15,
             "variation_list": {}, "metadata": {}}
        ]
    })
}

/// That order with some fields set differently.
pub(crate) fn order_with(changes: &Value) -> Value {
    let mut input = order_input();
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

/// That order without some fields.
pub(crate) fn order_without(fields: &[&str]) -> Value {
    let mut input = order_input();
    for field in fields {
        input.as_object_mut().unwrap().remove(*field);
    }
    input
}
