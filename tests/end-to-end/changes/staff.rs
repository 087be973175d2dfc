//! What somebody in the store does while an agent thinks: at what a tool is about to change, or beside it.

use orderdesk_simulator::{Clock, Store};
use serde_json::{Value, json};

/// What staff do at the very thing that a call with [`crate::shops::Shop::arguments`] changes. None: the call adds something
/// that rests on nothing that is there.
pub fn touches(tool: &str) -> Option<fn(&mut Store, &[u64])> {
    Some(match tool {
        "orders_update" | "orders_undo" => |store, orders| {
            edit(store, orders[0], &json!({"shipping": {"city": "Salem"}}));
        },
        // The same note.
        "orders_add_note" => |store, orders| {
            let mut notes = list(store, orders[0], "order_notes");
            notes.push(json!({"date_added": "2026-01-01 10:00:00", "username": "", "content": "call first"}));
            edit(store, orders[0], &json!({"order_notes": notes}));
        },
        // The shop itself brings the order.
        "orders_create" => |store, _| {
            let order = json!({"source_id": "WEB-3", "shipping": {"company": "Acme"},
                               "order_items": [{"name": "Lamp", "code": "L-1", "price": 5, "quantity": 1}]});
            store.add_order(&order, Clock::System.now()).unwrap();
        },
        "orders_undo (of a delete)" => |store, _| {
            let order = json!({"source_id": "WEB-1", "shipping": {"company": "Acme"},
                               "order_items": [{"name": "Lamp", "code": "L-1", "price": 5, "quantity": 1}]});
            store.add_order(&order, Clock::System.now()).unwrap();
        },
        "orders_delete" => {
            |store, orders| edit(store, orders[0], &json!({"email": "x@example.com"}))
        }
        "orders_move" | "orders_bulk_update" => |store, orders| {
            let folder = store.folders().iter().find(|(_, name)| name == "Closed");
            let folder = folder.unwrap().0;
            edit(store, orders[1], &json!({"folder_id": folder}));
        },
        "order_items_update" | "order_items_remove" => |store, orders| {
            let mut items = list(store, orders[0], "order_items");
            items[0]["quantity"] = json!(7);
            edit(store, orders[0], &json!({"order_items": items}));
        },
        "shipments_add" => |store, orders| {
            let parcel = json!({"tracking_number": "T-NEW", "carrier_code": "UPS"});
            store
                .add_shipment(orders[0], &parcel, Clock::System.now())
                .unwrap();
        },
        "shipments_add_batch" => |store, orders| {
            let parcel = json!({"tracking_number": format!("T-{}", orders[1])});
            store
                .add_shipment(orders[1], &parcel, Clock::System.now())
                .unwrap();
        },
        "shipments_update" | "shipments_delete" => |store, orders| {
            let mut shipments = list(store, orders[0], "order_shipments");
            shipments[0]["carrier_code"] = json!("DHL");
            edit(store, orders[0], &json!({"order_shipments": shipments}));
        },
        "products_create" => |store, _| {
            let product = json!({"code": "N-1", "name": "Another", "price": 2});
            store
                .add_inventory_item(&product, Clock::System.now())
                .unwrap();
        },
        "products_update" | "products_delete" | "products_undo" => {
            |store, _| product(store, "D-1", &json!({"price": 77}))
        }
        "products_adjust_stock" | "products_undo (whole call)" => {
            |store, _| product(store, "L-1", &json!({"stock": 3}))
        }
        // They stand beside whatever there is.
        "orders_add_history" | "order_items_add" => return None,
        // What somebody changed since stays, order by order, and is told.
        "orders_undo (whole call)" => return None,
        _ => panic!("{tool} changes something: say here what staff may do to that"),
    })
}

/// What staff do elsewhere: to another field, or where the whole thing counts, to another one.
pub fn elsewhere(tool: &str) -> fn(&mut Store, &[u64]) {
    match tool {
        "orders_delete" | "orders_undo (of a delete)" => {
            |store, orders| edit(store, orders[1], &json!({"ip_address": "203.0.113.9"}))
        }
        "products_delete" => |store, _| product(store, "L-1", &json!({"location": "Aisle 9"})),
        _ if tool.starts_with("products_") => {
            |store, _| product(store, "D-1", &json!({"location": "Aisle 9"}))
        }
        _ => |store, orders| {
            for order in orders {
                edit(store, *order, &json!({"ip_address": "203.0.113.9"}));
            }
        },
    }
}

fn edit(store: &mut Store, order: u64, patch: &Value) {
    let order = store.order_mut(order).unwrap();
    order.edit(patch, Clock::System.now());
}

fn list(store: &Store, order: u64, field: &str) -> Vec<Value> {
    let order = store.order(order).unwrap();
    order.get(field).unwrap().as_array().unwrap().clone()
}

fn product(store: &mut Store, code: &str, fields: &Value) {
    let id = store.inventory().by_code(code).unwrap()["id"]
        .as_u64()
        .unwrap();
    let fields = fields.as_object().unwrap();
    assert!(store.inventory_mut().edit(id, fields, Clock::System.now()));
}
