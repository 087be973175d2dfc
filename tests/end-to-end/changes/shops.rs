//! Stores that are alike, one for each trial, and arguments for every tool that changes something in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use end_to_end::{Client, Server, ToolReply};
use orderdesk_simulator::{
    Clock, Fault, FaultHandle, Order, RecordedRequest, SimulatorConfig, Store, Toggles,
};
use serde_json::{Value, json};

/// Tools that change nothing in Order Desk, only what this server knows of stores: there is no difference to preview.
const OF_THIS_SERVER: [&str; 4] = [
    "stores_delete",
    "stores_register",
    "stores_use_store",
    "tenant_use_master_key",
];
/// Ways of a tool that go other ways than its usual one; what stands in brackets is not its name.
const WAYS: [&str; 3] = [
    "orders_undo (whole call)",
    "orders_undo (of a delete)",
    "products_undo (whole call)",
];
const FIRST: u64 = 9100;
/// A request that is not answered for so long is lost: long enough for a simulator on a busy machine.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// One server, one tenant, and many stores that are alike.
pub struct Shops {
    server: Server,
    client: Client,
    next: AtomicU64,
}

/// One of the stores; nothing but its trial touches it.
pub struct Shop {
    shops: Arc<Shops>,
    store: u64,
    orders: Vec<u64>,
}

impl Shops {
    /// So many stores, and every tool set in use, of an Order Desk with these answers to what nobody knows.
    pub async fn open(count: u64, toggles: Toggles) -> Arc<Self> {
        let stores = (FIRST..FIRST + count).map(store).collect();
        let server = Server::builder()
            .simulator(SimulatorConfig {
                rate: None,
                toggles,
                ..SimulatorConfig::with_stores(stores)
            })
            .config(|config| {
                let endpoint = config.endpoints.get_mut("orderdesk").unwrap();
                endpoint.rate = None;
                endpoint.read_timeout = READ_TIMEOUT;
                // Many trials at once are one tenant's.
                config.limits.calls = 64;
            })
            .start()
            .await;
        let registry = server.application.host.registry();
        let sets: Vec<&str> = registry.toolsets().into_iter().collect();
        let client = server.tenant("acme").await;
        let client = client.at(&format!("?toolsets={}", sets.join(",")));
        Arc::new(Self {
            server,
            client,
            next: AtomicU64::new(FIRST),
        })
    }

    /// Every tool that changes something in Order Desk, in whichever set, and further ways of them.
    pub fn tools(&self) -> Vec<String> {
        let registry = self.server.application.host.registry();
        let tools = registry.tools().iter().map(|listed| &listed.tool);
        tools
            .filter(|tool| !tool.hints.read_only && !OF_THIS_SERVER.contains(&tool.name.as_str()))
            .map(|tool| tool.name.clone())
            .chain(WAYS.map(str::to_owned))
            .collect()
    }

    /// A store that nobody has touched.
    pub async fn next(self: &Arc<Self>) -> Shop {
        let store = self.next.fetch_add(1, Ordering::Relaxed);
        let registration = json!({"store_id": store, "api_key": key(store)});
        self.client.call("stores_register", registration).await.ok();
        let orders = self
            .server
            .simulator
            .with_store(store, |store| store.orders().map(Order::id).collect());
        Shop {
            shops: self.clone(),
            store,
            orders: orders.expect("more stores are needed"),
        }
    }
}

fn key(store: u64) -> String {
    format!("key-of-store-{store}")
}

/// Two orders with items, notes, data and a shipment each, and two products.
fn store(id: u64) -> Store {
    let now = Clock::System.now();
    let mut store = Store::new(id, &key(id), &format!("Shop {id}"));
    let address = json!({"first_name": "Ruth", "last_name": "Okafor", "address1": "14 Harbor Row",
                         "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"});
    for source_id in ["WEB-1", "WEB-2"] {
        let order = json!({
            "source_id": source_id, "email": "r.okafor@example.com", "shipping": address, "cc_number": "1881",
            "order_metadata": {"risk": "low"}, "order_notes": [{"username": "Dana", "content": "fragile"}],
            "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1},
                            {"name": "Lamp", "code": "L-1", "price": 5, "quantity": 2}],
        });
        let order = store.add_order(&order, now).unwrap();
        let shipment = json!({"tracking_number": format!("T-{source_id}"), "carrier_code": "UPS"});
        store.add_shipment(order, &shipment, now).unwrap();
    }
    for code in ["D-1", "L-1"] {
        let product = json!({"code": code, "name": code, "price": 10, "stock": 8});
        store.add_inventory_item(&product, now).unwrap();
    }
    store
}

impl Shop {
    /// Valid arguments with which this tool makes a difference here; what they rest on is done first.
    pub async fn arguments(&self, tool: &str) -> Value {
        let order = self.orders[0];
        let mut arguments = match tool {
            "orders_update" => json!({"order_id": order, "changes": {
                "email": "new@example.com", "shipping": {"city": "Bath"}, "order_notes": ["call first"],
                "order_metadata": {"risk": null, "checked": "yes"},
                "order_items": [{"code": "D-1", "quantity": 3}, {"action": "remove", "code": "L-1"},
                                {"action": "add", "code": "N-1", "name": "New", "price": 1, "quantity": 1}],
            }}),
            "orders_add_note" => json!({"order_id": order, "note": "call first"}),
            "orders_create" => json!({"order_data": {
                "source_id": "WEB-3", "shipping": {"company": "Acme"},
                "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}],
            }}),
            "orders_delete" => json!({"order_id": order}),
            "orders_move" => {
                json!({"order_id_list": self.orders, "destination_folder_name": "Prepared"})
            }
            "orders_undo" => json!({"change_id": self.change(order).await}),
            "orders_undo (whole call)" => {
                let moved = self.did("orders_move").await;
                json!({"change_id": moved["results"][1]["change_id"], "whole_call": true})
            }
            "orders_undo (of a delete)" => {
                json!({"change_id": self.did("orders_delete").await["change_id"]})
            }
            "products_undo (whole call)" => {
                let adjusted = self.did("products_adjust_stock").await;
                json!({"change_id": adjusted["results"][0]["change_id"], "whole_call": true})
            }
            "orders_add_history" => {
                json!({"order_id": order, "note": "refund promised", "idempotency_key": "refund"})
            }
            "order_items_add" => {
                json!({"order_id": order, "items": [{"code": "N-1", "name": "New", "price": 1, "quantity": 1}]})
            }
            "order_items_update" => {
                json!({"order_id": order, "items": [{"code": "D-1", "quantity": 9}]})
            }
            "order_items_remove" => json!({"order_id": order, "items": [{"code": "D-1"}]}),
            "orders_bulk_update" => {
                json!({"filter": {"folder_name": "New"}, "changes": {"tag_name": "info"}})
            }
            "shipments_add" => {
                json!({"order_id": order, "tracking_number": "T-NEW", "carrier_code": "UPS"})
            }
            "shipments_update" => json!({
                "order_id": order, "shipment_id": self.shipment(order), "changes": {"carrier_code": "FedEx"},
            }),
            "shipments_delete" => json!({"order_id": order, "shipment_id": self.shipment(order)}),
            "shipments_add_batch" => {
                let row = |order: &u64| json!({"order_id": order, "tracking_number": format!("T-{order}")});
                json!({"shipments": self.orders.iter().map(row).collect::<Vec<_>>()})
            }
            "products_create" => {
                json!({"product_data": {"code": "N-1", "name": "New", "price": 1, "stock": 3}})
            }
            "products_update" => json!({"product_id": self.product(), "changes": {"price": 36}}),
            "products_delete" => json!({"product_id": self.product()}),
            "products_undo" => json!({"change_id": self.change_of_product().await}),
            "products_adjust_stock" => json!({
                "adjustments": [{"code": "D-1", "by": -2}, {"code": "L-1", "by": 5}],
                "idempotency_key": "return-481",
            }),
            _ => panic!("{tool} changes something: give arguments for it here"),
        };
        arguments["store_identifier"] = self.store.into();
        arguments
    }

    fn shipment(&self, order: u64) -> Value {
        let simulator = &self.shops.server.simulator;
        let id = simulator.with_store(self.store, |store| {
            store.order(order).unwrap().shipments()[0]["id"].clone()
        });
        id.unwrap()
    }

    fn product(&self) -> Value {
        let simulator = &self.shops.server.simulator;
        let id = simulator.with_store(self.store, |store| {
            store.inventory().by_code("D-1").unwrap()["id"].clone()
        });
        id.unwrap()
    }

    /// A change that can be taken back.
    async fn change(&self, order: u64) -> Value {
        let changes = json!({"shipping": {"city": "Bath"}, "order_notes": ["by mistake"]});
        let arguments =
            json!({"order_id": order, "changes": changes, "store_identifier": self.store});
        self.calls("orders_update", &arguments).await.ok()["change_id"].clone()
    }

    /// What this tool answers to its arguments here.
    async fn did(&self, tool: &str) -> Value {
        let arguments = Box::pin(self.arguments(tool)).await;
        let confirmed = self.confirmed(tool, &arguments).await;
        self.calls(tool, &confirmed).await.ok()
    }

    /// Likewise, of a product.
    async fn change_of_product(&self) -> Value {
        let changes = json!({"price": 36, "metadata": {"own": "by mistake"}});
        let arguments = json!({"product_id": self.product(), "changes": changes, "store_identifier": self.store});
        self.calls("products_update", &arguments).await.ok()["change_id"].clone()
    }

    /// What somebody does in Order Desk itself.
    pub fn staff(&self, work: impl FnOnce(&mut Store, &[u64])) {
        let simulator = &self.shops.server.simulator;
        simulator.with_store(self.store, |store| work(store, &self.orders));
    }

    pub async fn calls(&self, tool: &str, arguments: &Value) -> ToolReply {
        let name = tool.split_once(' ').map_or(tool, |(name, _)| name);
        self.shops.client.call(name, arguments.clone()).await
    }

    /// The same arguments with the token of a preview.
    pub async fn confirmed(&self, tool: &str, arguments: &Value) -> Value {
        let preview = self.previews(tool, arguments).await;
        with(
            arguments,
            "confirm_token",
            preview.ok()["confirm_token"].clone(),
        )
    }

    pub async fn previews(&self, tool: &str, arguments: &Value) -> ToolReply {
        self.calls(tool, &with(arguments, "dry_run", json!(true)))
            .await
    }

    /// The orders that are there from the start, by the shop's number.
    pub fn orders(&self) -> &[u64] {
        &self.orders
    }

    /// Puts a fault in the way of the `nth` request from now on.
    pub fn inject(&self, fault: Fault, nth: usize) -> FaultHandle {
        let fault = fault.for_store(self.store).nth(nth);
        self.shops.server.simulator.inject(fault)
    }

    /// What was asked of Order Desk for this store.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        let id = self.store.to_string();
        let mut requests = self.shops.server.simulator.requests();
        requests.retain(|request| request.store_id.as_deref() == Some(id.as_str()));
        requests
    }

    /// Everything that counts of the orders and then of the products here, by the shop's number: without dates and without ids, which a repetition
    /// may choose anew.
    pub fn state(&self) -> Value {
        let simulator = &self.shops.server.simulator;
        let state = simulator.with_store(self.store, |store| {
            let ids: Vec<u64> = store.orders().map(Order::id).collect();
            let mut orders: Vec<Value> = ids
                .iter()
                .map(|id| essence(store.order_json(*id).unwrap(), store.order(*id).unwrap()))
                .collect();
            orders.sort_by_key(|order| order["source_id"].to_string());
            let mut products: Vec<Value> = store.inventory().iter().cloned().collect();
            products.sort_by_key(|product| product["code"].to_string());
            for product in &mut products {
                forget(product, &["id", "date_added", "date_updated"]);
            }
            orders.extend(products);
            Value::Array(orders)
        });
        state.unwrap()
    }
}

fn essence(mut order: Value, whole: &Order) -> Value {
    forget(
        &mut order,
        &["id", "date_added", "date_updated", "folder_id"],
    );
    for shipment in order["order_shipments"].as_array_mut().unwrap() {
        let of_its_order = ["id", "order_id", "store_id", "date_added", "date_shipped"];
        forget(shipment, &of_its_order);
        // The numbers of some begin with their order's.
        for field in ["tracking_number", "tracking_url"] {
            let text = shipment[field].as_str().unwrap();
            shipment[field] = text.replace(&whole.id().to_string(), "ORDER").into();
        }
    }
    for item in order["order_items"].as_array_mut().unwrap() {
        forget(item, &["id"]);
    }
    for note in order["order_notes"].as_array_mut().unwrap() {
        forget(note, &["date_added"]);
    }
    let remarks = whole.history().iter();
    let remarks = remarks.filter(|entry| entry["note"] == "refund promised");
    order["remarks"] = remarks.count().into();
    // The numbers of folders begin with their store's.
    order["folder"] = (whole.folder_id() % 10).into();
    order
}

fn forget(value: &mut Value, fields: &[&str]) {
    let value = value.as_object_mut().unwrap();
    value.retain(|field, _| !fields.contains(&field.as_str()));
}

pub fn with(arguments: &Value, name: &str, value: Value) -> Value {
    let mut arguments = arguments.clone();
    arguments[name] = value;
    arguments
}
