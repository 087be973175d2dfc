//! An Order Desk that keeps shipments (order-desk-api.md §4), and fails when told to.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use orderdesk_plugin::http::{Method, Response};

use super::*;

/// What goes wrong with a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It is carried out, and the answer is lost.
    LostAfter,
    /// It never arrives, and nobody knows.
    LostBefore,
    /// It is carried out, and a proxy answers with a page of its own.
    PageAfter,
    /// A proxy answers, and it never arrives.
    PageBefore,
}

#[derive(Clone)]
pub(crate) struct Desk {
    host: FakeHost,
    world: Rc<World>,
}

struct World {
    orders: RefCell<BTreeMap<String, Vec<Value>>>,
    next_id: Cell<u64>,
    /// For the writes to come, one by one.
    faults: RefCell<VecDeque<Option<Fault>>>,
    /// HTTP status of `Shipment Not Added`.
    dup_status: Cell<u16>,
    /// Whether reads fail from the next write on.
    blind_after_write: Cell<bool>,
    blind: Cell<bool>,
    /// What every request takes, in milliseconds.
    takes: Cell<u64>,
}

impl Desk {
    /// A store with these orders, without shipments.
    pub(crate) fn with_orders(ids: &[u64]) -> Self {
        let host = with_stores(&[("9021", "Alpha")]);
        let orders = ids.iter().map(|id| (id.to_string(), Vec::new())).collect();
        let desk = Self {
            host: host.clone(),
            world: Rc::new(World {
                orders: RefCell::new(orders),
                next_id: Cell::new(40_877),
                faults: RefCell::default(),
                dup_status: Cell::new(200),
                blind_after_write: Cell::new(false),
                blind: Cell::new(false),
                takes: Cell::new(0),
            }),
        };
        let (world, clock) = (desk.world.clone(), host.clone());
        host.endpoint("orderdesk", move |request| {
            clock.advance(Duration::from_millis(world.takes.get()));
            world.serve(request)
        });
        desk
    }

    pub(crate) fn host(&self) -> &FakeHost {
        &self.host
    }

    /// The next writes fail so, one by one.
    pub(crate) fn fail(&self, faults: &[Option<Fault>]) {
        self.world.faults.borrow_mut().extend(faults);
    }

    /// Every request takes this many milliseconds.
    pub(crate) fn slow_down(&self, milliseconds: u64) {
        self.world.takes.set(milliseconds);
    }

    pub(crate) fn dup_status(&self, status: u16) {
        self.world.dup_status.set(status);
    }

    /// Reads fail after the next write.
    pub(crate) fn go_blind(&self) {
        self.world.blind_after_write.set(true);
    }

    pub(crate) fn see_again(&self) {
        self.world.blind_after_write.set(false);
        self.world.blind.set(false);
    }

    pub(crate) fn shipments(&self, order: u64) -> Vec<Value> {
        self.world.orders.borrow()[&order.to_string()].clone()
    }

    /// What somebody does in Order Desk itself.
    pub(crate) fn edit(&self, order: u64, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut orders = self.world.orders.borrow_mut();
        edit(orders.get_mut(&order.to_string()).unwrap());
    }

    /// A shipment that somebody entered in Order Desk itself; answers its id.
    pub(crate) fn enter(&self, order: u64, fields: Value) -> String {
        let shipment = self.world.stored(&order.to_string(), &fields, None);
        let id = shipment["id"].as_str().unwrap().to_owned();
        self.edit(order, |shipments| shipments.push(shipment));
        id
    }
}

impl World {
    fn serve(&self, request: &Received) -> Result<Response, ToolError> {
        if request.method.is_safe() {
            if self.blind.get() {
                return Reply::bytes(503, "<html>busy</html>");
            }
            return self.carry_out(request);
        }
        let fault = self.faults.borrow_mut().pop_front().flatten();
        self.blind.set(self.blind_after_write.get());
        if matches!(fault, None | Some(Fault::LostAfter | Fault::PageAfter)) {
            let answer = self.carry_out(request);
            if fault.is_none() {
                return answer;
            }
        }
        match fault {
            Some(Fault::PageAfter | Fault::PageBefore) => {
                Reply::bytes(502, "<html>Bad Gateway</html>")
            }
            _ => Err(
                ToolError::timeout("no-answer", "Order Desk did not answer in time.")
                    .with_outcome_unknown(),
            ),
        }
    }

    fn carry_out(&self, request: &Received) -> Result<Response, ToolError> {
        let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method, path.as_slice()) {
            (Method::Get, ["orders", order, "shipments"]) => match self.orders.borrow().get(*order)
            {
                Some(shipments) => Reply::json(
                    200,
                    &json!({ "status": "success", "total_records": shipments.len(), "shipments": shipments }),
                ),
                None => not_found(&format!("Order {order} Not Found")),
            },
            (Method::Get, ["orders", order]) => match self.orders.borrow().get(*order) {
                Some(shipments) => Reply::json(
                    200,
                    &json!({ "status": "success", "order": { "id": order, "order_shipments": shipments } }),
                ),
                None => not_found(&format!("Order {order} Not Found")),
            },
            (Method::Post, ["orders", order, "shipments"]) => {
                match self.add(order, &request.json()) {
                    Ok(()) => success("Shipment Added"),
                    Err(message) => error(self.dup_status.get(), &message),
                }
            }
            (Method::Put, ["orders", order, "shipments", id]) => {
                let stored = self.stored(order, &request.json(), Some(id));
                let found = self.change(order, id, |shipments, place| shipments[place] = stored);
                found.unwrap_or_else(|| not_found("Shipment Not Found"))
            }
            (Method::Delete, ["orders", order, "shipments", id]) => {
                let found = self.change(order, id, |shipments, place| {
                    shipments.remove(place);
                });
                found.unwrap_or_else(|| not_found("Shipment Not Found"))
            }
            (Method::Post, ["batch-shipments"]) => {
                let rows = request.json();
                let results: Vec<Value> = rows
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| match self.add(&row["order_id"].to_string(), row) {
                        Ok(()) => json!({ "status": "success", "message": "Shipment Added" }),
                        Err(message) => json!({ "status": "error", "message": message }),
                    })
                    .collect();
                Reply::json(200, &json!({ "status": "success", "results": results }))
            }
            _ => not_found("Unknown Path"),
        }
    }

    fn add(&self, order: &str, fields: &Value) -> Result<(), String> {
        let shipment = self.stored(order, fields, None);
        let mut orders = self.orders.borrow_mut();
        let shipments = orders
            .get_mut(order)
            .ok_or_else(|| format!("Order {order} Not Found"))?;
        let number = &shipment["tracking_number"];
        if number != "n/a" && shipments.iter().any(|it| it["tracking_number"] == *number) {
            return Err("Shipment Not Added".to_owned());
        }
        shipments.push(shipment);
        Ok(())
    }

    fn change(
        &self,
        order: &str,
        id: &str,
        change: impl FnOnce(&mut Vec<Value>, usize),
    ) -> Option<Result<Response, ToolError>> {
        let mut orders = self.orders.borrow_mut();
        let shipments = orders.get_mut(order)?;
        let place = shipments.iter().position(|it| it["id"] == id)?;
        change(shipments, place);
        Some(success("Done"))
    }

    /// Numbers as text, and what is left out guessed or blank.
    fn stored(&self, order: &str, fields: &Value, id: Option<&str>) -> Value {
        let text = |name: &str| match &fields[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let number = text("tracking_number");
        let url = match text("tracking_url") {
            url if url.is_empty() => format!("https://carrier.example.com/track?n={number}"),
            url => url,
        };
        let id = id.map_or_else(
            || {
                self.next_id.set(self.next_id.get() + 1);
                (self.next_id.get() - 1).to_string()
            },
            str::to_owned,
        );
        json!({
            "id": id, "order_id": order, "store_id": "9021", "tracking_number": number,
            "carrier_code": text("carrier_code"), "shipment_method": text("shipment_method"),
            "weight": text("weight"), "cost": text("cost"), "status": text("status"), "tracking_url": url,
            "print_status": "0", "order_items": "", "date_shipped": "2026-03-02", "date_added": "2026-03-02 17:40:00",
        })
    }
}

fn success(message: &str) -> Result<Response, ToolError> {
    Reply::json(200, &json!({ "status": "success", "message": message }))
}

fn error(status: u16, message: &str) -> Result<Response, ToolError> {
    Reply::json(status, &json!({ "status": "error", "message": message }))
}

fn not_found(message: &str) -> Result<Response, ToolError> {
    error(404, message)
}
