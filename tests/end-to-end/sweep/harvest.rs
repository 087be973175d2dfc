//! Doing a bit of everything as a tenant, and collecting what can be named of it.

use std::collections::BTreeMap;

use end_to_end::{Client, Server};
use serde_json::{Value, json};

/// What belongs to a tenant, by kind.
#[derive(Default)]
pub(super) struct Harvest(pub(super) BTreeMap<&'static str, Vec<String>>);

impl Harvest {
    pub(super) fn one(&self, kind: &str) -> String {
        let all = self.0.get(kind);
        all.and_then(|all| all.first().cloned())
            .unwrap_or_else(|| panic!("nothing of the kind '{kind}' was made"))
    }

    pub(super) fn add(&mut self, kind: &'static str, value: impl Into<String>) {
        self.0.entry(kind).or_default().push(value.into());
    }
}

async fn next_cursor(client: &Client, tool: &str, more: Value) -> String {
    let mut arguments = json!({"limit": 1});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let listed = client.call(tool, arguments).await.ok();
    let cursor = listed["next_cursor"].as_str();
    cursor
        .unwrap_or_else(|| panic!("{tool}: {listed}"))
        .to_owned()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Does a bit of everything as a tenant, and collects what can be named of it.
pub(super) async fn harvest(
    server: &Server,
    client: &Client,
    store: u64,
    key: &str,
    name: &str,
) -> Harvest {
    let mut all = Harvest::default();
    let registration = json!({"store_id": store, "api_key": key});
    client.call("stores_register", registration).await.ok();
    all.add("store", store.to_string());
    all.add("store", name);
    all.add("subject", format!("store:{store}"));
    all.add("key", client.key());
    let (orders, codes, folders) = server
        .simulator
        .with_store(store, |store| {
            let orders: Vec<Value> = store
                .orders()
                .map(|it| store.order_json(it.id()).unwrap())
                .collect();
            let folders: Vec<String> = store.folders().iter().map(|it| it.0.to_string()).collect();
            let codes: Vec<(String, String)> = store
                .inventory()
                .iter()
                .map(|it| (text(&it["id"]), text(&it["code"])))
                .collect();
            (orders, codes, folders)
        })
        .unwrap();
    all.add("order", text(&orders[0]["id"]));
    // The first numbers are the same in both shops.
    all.add("source", text(&orders[orders.len() - 1]["source_id"]));
    all.add("e-mail", text(&orders[0]["email"]));
    all.add("customer", "7734211");
    all.add("folder", folders[0].clone());
    all.add("product", codes[0].0.clone());
    all.add("product code", codes[0].1.clone());
    let shipped =
        json!({"order_id": text(&orders[0]["id"]), "tracking_number": format!("1Z{store}")});
    let shipped = client.call("shipments_add", shipped).await.ok();
    all.add("shipment", text(&shipped["shipment"]["id"]));
    for turn in 0..2 {
        let note = json!({"order_id": text(&orders[0]["id"]), "note": format!("A note {turn}")});
        let noted = client.call("orders_add_note", note).await.ok();
        all.add("change", text(&noted["change_id"]));
    }
    let second =
        json!({"order_id": text(&orders[0]["id"]), "tracking_number": format!("2Z{store}")});
    client.call("shipments_add", second).await.ok();
    for turn in 0..2 {
        let entry = json!({"order_id": text(&orders[0]["id"]), "note": format!("An entry {turn}")});
        client.call("orders_add_history", entry).await.ok();
        let priced = json!({"product_id": codes[0].0, "changes": {"price": 20 + turn}});
        client.call("products_update", priced).await.ok();
    }
    let preview = json!({"order_id": text(&orders[0]["id"]), "note": "Later", "dry_run": true});
    let preview = client.call("orders_add_note", preview).await.ok();
    all.add("token", text(&preview["confirm_token"]));
    for (tool, kind) in [
        ("orders_list", "cursor of orders_list"),
        ("orders_changes", "cursor of orders_changes"),
        ("products_list", "cursor of products_list"),
        ("products_changes", "cursor of products_changes"),
        ("audit_list", "cursor of audit_list"),
    ] {
        all.add(kind, next_cursor(client, tool, json!({})).await);
    }
    for (tool, kind) in [
        ("orders_history", "cursor of orders_history"),
        ("shipments_list", "cursor of shipments_list"),
    ] {
        let about = json!({"order_id": text(&orders[0]["id"])});
        all.add(kind, next_cursor(client, tool, about).await);
    }
    all
}
