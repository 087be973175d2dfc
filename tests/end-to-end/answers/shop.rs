//! A shop in which everything is large, and arguments for each tool with which it works there.

use end_to_end::{Client, Server};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, Store};
use serde_json::{Value, json};

const STORE: u64 = 9021;
pub const ALL: &str =
    "?toolsets=stores,orders,products,shipments,items,history,bulk,stock,audit,settings";

/// What the texts of an order may be.
pub const SHAPES: [&str; 5] = ["prose", "Japanese", "base64", "emoji", "escapes"];

pub struct Shop {
    pub server: Server,
    pub client: Client,
    /// Orders, of each shape one.
    pub orders: Vec<u64>,
    pub products: Vec<u64>,
}

/// So many letters of a shape.
fn text(shape: &str, letters: usize) -> String {
    let pattern = match shape {
        "prose" => "Please call before delivery, and do not leave the parcel at the door. ",
        "Japanese" => "配達前にお電話ください。玄関先に置かないでください。",
        "emoji" => "🎁🎉😀👩‍👩‍👧‍👦🏳️‍🌈",
        "escapes" => "\u{1}\"\\\n\t\u{2028}",
        _ => {
            let mut state = 0x2545_F491_4F6C_DD1D_u64;
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            return (0..letters)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    char::from(alphabet[usize::try_from(state >> 58).unwrap()])
                })
                .collect();
        }
    };
    pattern.chars().cycle().take(letters).collect()
}

fn large_order(shape: &str) -> Value {
    let item = |number: usize| {
        json!({
            "id": (90_000 + number).to_string(), "name": text(shape, 60), "price": 24.5, "quantity": 2, "weight": 0.4,
            "code": format!("ORG-WAL-{number}"), "delivery_type": "ship", "category_code": "DESK",
            "variation_list": {"Finish": text(shape, 20)}, "metadata": {"engraving": text(shape, 120)},
        })
    };
    let shipment = |number: usize| {
        json!({
            "id": (70_000 + number).to_string(), "tracking_number": format!("1ZX4420A03900{number:05}"), "carrier_code": "UPS",
            "shipment_method": text(shape, 30), "weight": "1.5", "cost": "7.20", "status": "", "tracking_url": "",
            "date_shipped": "2026-03-02 10:00:00", "date_added": "2026-03-02 10:00:00",
        })
    };
    json!({
        "order_items": (0..400).map(item).collect::<Vec<_>>(),
        "order_shipments": (0..300).map(shipment).collect::<Vec<_>>(),
        "checkout_data": {"Message": text(shape, 20_000)},
        "order_metadata": (0..300).map(|it| (format!("field {it}"), text(shape, 90).into())).collect::<serde_json::Map<_, _>>(),
        "order_notes": (0..6).map(|it| json!({"id": it, "content": text(shape, 60)})).collect::<Vec<_>>(),
        "shipping": {"first_name": text(shape, 200), "city": text(shape, 100), "country": "US"},
    })
}

/// Four hundred, as a caller gives them.
fn new_items() -> Vec<Value> {
    let item = |number: usize| json!({"name": text("prose", 60), "code": format!("ORG-WAL-{number}"), "price": 24.5, "quantity": 2});
    (0..400).map(item).collect()
}

impl Shop {
    /// With sample data alone.
    pub async fn sample() -> Self {
        Self::open(false).await
    }

    /// With orders of hundreds of items, long texts, folders and settings by the hundred.
    pub async fn large() -> Self {
        Self::open(true).await
    }

    async fn open(large: bool) -> Self {
        let mut config = SimulatorConfig::sample(7, Clock::System);
        config.rate = None;
        let server = Server::builder()
            .config(|config| {
                config.endpoints.get_mut("orderdesk").unwrap().rate = None;
                // How long answers are is asked here, on whatever machine; not how long they take.
                config.limits.cpu = std::time::Duration::from_secs(60);
            })
            .simulator(config)
            .start()
            .await;
        let client = server.tenant_with_store("acme").await.at(ALL);
        let (orders, products) = fill(&server.simulator, large);
        Self {
            server,
            client,
            orders,
            products,
        }
    }

    /// Arguments of a call that works, about this order and product where it is about one.
    pub async fn arguments(&self, tool: &str, order: u64, product: u64) -> Value {
        let client = &self.client;
        match tool {
            "tenant_use_master_key" => json!({"master_key": client.key()}),
            "stores_register" => {
                let stores = self.server.simulator.stores();
                json!({"store_id": stores[0].0, "api_key": stores[0].1, "replace": true})
            }
            "stores_use_store" | "stores_resolve" => json!({"identifier": STORE.to_string()}),
            "stores_delete" => json!({"store_id": STORE}),
            "stores_list" | "stores_folders" | "stores_settings" | "orders_list"
            | "orders_changes" | "products_changes" | "products_list" | "audit_list" => json!({}),
            "orders_get" | "shipments_list" | "orders_history" | "orders_delete" => {
                json!({"order_id": order})
            }
            "orders_update" => json!({"order_id": order, "changes": {"email": "new@example.com"}}),
            "orders_add_note" => json!({"order_id": order, "note": "call first"}),
            "orders_add_history" => json!({"order_id": order, "note": "refund promised"}),
            "orders_create" => json!({"order_data": {
                "source_id": "WEB-LARGE", "shipping": {"company": "Acme"}, "order_items": new_items(),
            }}),
            "orders_move" => {
                let orders: Vec<u64> = self.all_orders().into_iter().take(50).collect();
                json!({"order_id_list": orders, "destination_folder_name": "Prepared"})
            }
            "orders_undo" => {
                let changed = json!({"order_id": order, "note": "to be undone"});
                let changed = client.call("orders_add_note", changed).await.ok();
                json!({"change_id": changed["change_id"]})
            }
            "order_items_add" => {
                json!({"order_id": order, "items": [{"code": "N-1", "name": "New", "price": 1, "quantity": 1}]})
            }
            "order_items_update" => {
                json!({"order_id": order, "items": [{"id": self.item(order), "quantity": 9}]})
            }
            "order_items_remove" => {
                json!({"order_id": order, "items": [{"id": self.item(order)}]})
            }
            "orders_bulk_update" => {
                json!({"filter": {"folder_name": "New"}, "changes": {"customer_id": "4711"}})
            }
            "shipments_add" => {
                json!({"order_id": order, "tracking_number": "T-NEW", "carrier_code": "UPS"})
            }
            "shipments_update" | "shipments_delete" => {
                let shipped = json!({"order_id": order, "tracking_number": format!("FOR-{tool}")});
                let shipped = client.call("shipments_add", shipped).await.ok();
                let mut arguments =
                    json!({"order_id": order, "shipment_id": shipped["shipment"]["id"]});
                if tool == "shipments_update" {
                    arguments["changes"] = json!({"carrier_code": "FedEx"});
                }
                arguments
            }
            "shipments_add_batch" => {
                let row = |order: &u64| json!({"order_id": order, "tracking_number": format!("T-{order}")});
                json!({"shipments": self.all_orders().iter().map(row).collect::<Vec<_>>()})
            }
            "products_get" | "products_delete" => json!({"product_id": product}),
            "products_create" => json!({"product_data": {
                "code": "N-1", "name": "New", "price": 1, "stock": 3,
                "metadata": {"text": text("Japanese", 60_000)},
            }}),
            "products_update" => json!({"product_id": product, "changes": {"price": 36}}),
            "products_undo" => {
                let changed = json!({"product_id": product, "changes": {"cost": 1.5}});
                let changed = client.call("products_update", changed).await.ok();
                json!({"change_id": changed["change_id"]})
            }
            "products_adjust_stock" => {
                let codes = self.codes();
                let by = |code: &String| json!({"code": code, "by": 1});
                json!({"adjustments": codes.iter().map(by).collect::<Vec<_>>()})
            }
            _ => panic!("{tool}: say here with which arguments it works"),
        }
    }

    fn all_orders(&self) -> Vec<u64> {
        self.with_store(|store| store.orders().map(|order| order.id()).collect())
    }

    fn codes(&self) -> Vec<String> {
        let code = |it: &Value| it["code"].as_str().unwrap().to_owned();
        self.with_store(|store| store.inventory().iter().map(code).collect())
    }

    fn item(&self, order: u64) -> Value {
        self.with_store(|store| store.order_json(order).unwrap()["order_items"][0]["id"].clone())
    }

    fn with_store<R>(&self, look: impl FnOnce(&mut Store) -> R) -> R {
        self.server.simulator.with_store(STORE, look).unwrap()
    }
}

fn fill(simulator: &Simulator, large: bool) -> (Vec<u64>, Vec<u64>) {
    let now = simulator.now();
    let fill = |store: &mut Store| {
        let orders: Vec<u64> = store
            .orders()
            .map(|order| order.id())
            .take(SHAPES.len())
            .collect();
        let products: Vec<u64> = store
            .inventory()
            .iter()
            .map(|it| {
                it["id"]
                    .as_str()
                    .map_or_else(|| it["id"].as_u64().unwrap(), |id| id.parse().unwrap())
            })
            .take(SHAPES.len())
            .collect();
        if !large {
            return (orders, products);
        }
        for (shape, (order, product)) in SHAPES.iter().zip(orders.iter().zip(&products)) {
            let order = store.order_mut(*order).unwrap();
            order.edit(&large_order(shape), now);
            for number in 0..200 {
                order.add_history("Rule", &format!("{number}: {}", text(shape, 1_500)), now);
            }
            let changes =
                json!({"name": text(shape, 400), "metadata": {"text": text(shape, 20_000)}});
            let edited = store
                .inventory_mut()
                .edit(*product, changes.as_object().unwrap(), now);
            assert!(edited, "no product {product}");
        }
        (orders, products)
    };
    simulator.with_store(STORE, fill).unwrap()
}
