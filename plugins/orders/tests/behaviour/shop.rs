//! A small Order Desk that keeps orders as the real one does (order-desk-api.md §2, §11): a PUT replaces the whole record,
//! blanks what is missing, removes items that are not sent, never touches shipments, cuts notes at 2,000 characters, and
//! the last writer wins.

mod parcels;
mod record;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use orderdesk_plugin::http::{Method, Response};
use orderdesk_plugin::testing::{FakeHost, Received, Reply};
use orderdesk_plugin::{ErrorKind, ToolError};
use serde_json::{Map, Value, json};

use record::{recompute, text};

type Hook = Box<dyn FnOnce(&mut Orders)>;

/// Something that goes wrong with the next request of this method, or happens around it.
pub(crate) enum Fault {
    /// It is carried out, and nobody hears of it.
    LostAfter,
    /// It never arrives, and nobody knows that.
    LostBefore,
    /// It is carried out, and answered with this status and no JSON.
    BrokenAfter(u16),
    /// It is answered with this status and an error.
    Refused(u16),
    /// It is carried out; then this happens.
    Then(Hook),
    /// This happens first; then it is carried out.
    First(Hook),
}

#[derive(Default)]
pub(crate) struct Orders {
    pub(crate) by_id: BTreeMap<String, Map<String, Value>>,
    pub(crate) history: BTreeMap<String, Vec<Value>>,
    faults: Vec<(Method, Fault)>,
    next_id: u64,
    clock: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Shop(Rc<RefCell<Orders>>);

impl Shop {
    /// A store with these orders behind the endpoint.
    pub(crate) fn open(host: &FakeHost, orders: Vec<Value>) -> Self {
        let shop = Self::default();
        for order in orders {
            let order = order.as_object().unwrap().clone();
            let id = order["id"].as_str().unwrap().to_owned();
            let mut state = shop.0.borrow_mut();
            state.next_id = 7_000;
            state.clock = 100;
            state.history.insert(id.clone(), Vec::new());
            state.by_id.insert(id, order);
        }
        let service = shop.clone();
        host.endpoint("orderdesk", move |request| service.serve(request));
        shop
    }

    /// An order as it is stored.
    pub(crate) fn order(&self, id: &str) -> Value {
        Value::Object(self.0.borrow().by_id[id].clone())
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.borrow().by_id.keys().cloned().collect()
    }

    pub(crate) fn history(&self, id: &str) -> Vec<Value> {
        self.0.borrow().history[id].clone()
    }

    /// Somebody edits an order in the web application.
    pub(crate) fn edit(&self, id: &str, fields: Value) {
        self.0.borrow_mut().edit(id, &fields);
    }

    /// Lets this happen to the next request of the method.
    pub(crate) fn fault(&self, method: Method, fault: Fault) {
        self.0.borrow_mut().faults.push((method, fault));
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm(&self) {
        self.0.borrow_mut().faults.clear();
    }

    fn serve(&self, request: &Received) -> Result<Response, ToolError> {
        let fault = {
            let mut state = self.0.borrow_mut();
            let place = state
                .faults
                .iter()
                .position(|(method, _)| *method == request.method);
            place.map(|place| state.faults.remove(place).1)
        };
        let lost = || {
            Err(
                ToolError::new(ErrorKind::Timeout, "request-timeout", "No answer in time.")
                    .with_outcome_unknown(),
            )
        };
        match fault {
            None => self.0.borrow_mut().answer(request),
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => {
                self.0.borrow_mut().answer(request)?;
                lost()
            }
            Some(Fault::BrokenAfter(status)) => {
                self.0.borrow_mut().answer(request)?;
                Reply::bytes(status, "<html>Bad Gateway</html>")
            }
            Some(Fault::Refused(status)) => {
                Reply::json(status, &json!({"status": "error", "message": "Injected"}))
            }
            Some(Fault::Then(hook)) => {
                let answer = self.0.borrow_mut().answer(request);
                hook(&mut self.0.borrow_mut());
                answer
            }
            Some(Fault::First(hook)) => {
                hook(&mut self.0.borrow_mut());
                self.0.borrow_mut().answer(request)
            }
        }
    }
}

impl Orders {
    pub(crate) fn edit(&mut self, id: &str, fields: &Value) {
        for (name, value) in fields.as_object().unwrap() {
            self.by_id
                .get_mut(id)
                .unwrap()
                .insert(name.clone(), value.clone());
        }
        self.touch(id, "Dana", "Order Details Changed");
    }

    fn touch(&mut self, id: &str, who: &str, note: &str) {
        self.clock += 1;
        let date = format!(
            "2026-03-03 10:{:02}:{:02}",
            self.clock / 60,
            self.clock % 60
        );
        if let Some(order) = self.by_id.get_mut(id) {
            recompute(order);
            order.insert("date_updated".to_owned(), json!(date));
        }
        let entry = json!({"source_name": who, "note": note, "date_added": date});
        self.history.entry(id.to_owned()).or_default().push(entry);
    }

    fn answer(&mut self, request: &Received) -> Result<Response, ToolError> {
        let path: Vec<&str> = request.path.split('/').skip(1).collect();
        let body = request.json();
        match (request.method, path.as_slice()) {
            (Method::Get, ["store"]) => Reply::json(
                200,
                &json!({"status": "success", "store": {"id": "9021", "name": "Alpha", "settings": {},
                        "folders": {"31001": "New", "31002": "Prepared", "31003": "Closed"}}}),
            ),
            (Method::Get, ["orders"]) => self.list(request),
            (Method::Post, ["orders"]) => self.create(&body),
            (Method::Post, ["move-orders"]) => self.move_orders(&body),
            (_, ["orders", id, ..]) if !self.by_id.contains_key(*id) => Reply::json(
                404,
                &json!({"status": "error", "message": format!("Order {id} Not Found")}),
            ),
            (Method::Post, ["batch-shipments"]) => self.add_parcels(&body),
            (method, ["orders", id, "shipments"]) => self.shipments(method, id, None, &body),
            (method, ["orders", id, "shipments", parcel]) => {
                self.shipments(method, id, Some(parcel), &body)
            }
            (Method::Get, ["orders", id]) => self.shown(id, 200, false),
            (Method::Put, ["orders", id]) => {
                self.replace(id, &body);
                self.shown(id, 200, false)
            }
            (Method::Delete, ["orders", id]) => {
                self.by_id.remove(*id);
                Reply::json(
                    200,
                    &json!({"status": "success", "message": format!("Order {id} Deleted")}),
                )
            }
            (Method::Post, ["orders", id, "order-history"]) => {
                let (who, note) = (text(&body, "source_name"), text(&body, "note"));
                self.touch(id, &who, &note);
                self.shown(id, 200, true)
            }
            _ => Reply::json(404, &json!({"status": "error", "message": "Unknown Path"})),
        }
    }

    fn shown(&self, id: &str, status: u16, history: bool) -> Result<Response, ToolError> {
        let mut order = self.by_id[id].clone();
        if history {
            order.insert("order_history".to_owned(), json!(self.history[id]));
        }
        Reply::json(
            status,
            &json!({"status": "success", "execution_time": "0.0100 seconds", "order": order}),
        )
    }

    fn list(&self, request: &Received) -> Result<Response, ToolError> {
        let history = request.parameter("get_order_history") == Some("1");
        let found: Vec<Value> = self
            .by_id
            .iter()
            .filter(|(_, order)| {
                ["source_id", "email", "folder_id"].iter().all(|name| {
                    request.parameter(name).is_none_or(|wanted| {
                        let has = order[*name]
                            .as_str()
                            .map_or_else(|| order[*name].to_string(), str::to_owned);
                        // As loosely as Order Desk is known to match the shop's number.
                        has == wanted || (*name == "source_id" && has.contains(wanted))
                    })
                })
            })
            .map(|(id, order)| {
                let mut order = order.clone();
                if history {
                    order.insert("order_history".to_owned(), json!(self.history[id]));
                }
                Value::Object(order)
            })
            .collect();
        let number = |name: &str, default: usize| {
            request
                .parameter(name)
                .map_or(default, |text| text.parse().unwrap())
        };
        let (offset, limit) = (number("offset", 0), number("limit", 50));
        let page: Vec<&Value> = found.iter().skip(offset).take(limit).collect();
        Reply::json(
            200,
            &json!({"status": "success", "total_records": found.len(), "records_returned": page.len(),
                    "offset": offset, "limit": limit, "orders": page}),
        )
    }

    fn create(&mut self, body: &Value) -> Result<Response, ToolError> {
        let duplicate = self.by_id.values().find(|order| {
            !text(body, "source_id").is_empty() && order["source_id"] == body["source_id"]
        });
        if let Some(order) = duplicate {
            let message = format!("Duplicate of order {}", text(&json!(order), "id"));
            return Reply::json(400, &json!({"status": "error", "message": message}));
        }
        self.next_id += 1;
        let id = self.next_id.to_string();
        self.by_id.insert(
            id.clone(),
            Map::from_iter([
                ("id".to_owned(), json!(id)),
                ("folder_id".to_owned(), json!(31001)),
            ]),
        );
        self.replace(&id, body);
        let order = self.by_id.get_mut(&id).unwrap();
        for (name, default) in [
            ("source_name", "Order Desk"),
            ("payment_status", "Captured"),
        ] {
            if order[name] == "" {
                order.insert(name.to_owned(), json!(default));
            }
        }
        let source_id = text(body, "source_id");
        order.insert(
            "source_id".to_owned(),
            json!(if source_id.is_empty() {
                &id
            } else {
                &source_id
            }),
        );
        order.insert("date_added".to_owned(), json!("2026-03-03 10:00:00"));
        self.shown(&id, 201, false)
    }

    fn move_orders(&mut self, body: &Value) -> Result<Response, ToolError> {
        let folder = body["destination_folder_id"].as_u64().unwrap();
        let mut results = Vec::new();
        for id in body["order_id_list"].as_array().unwrap() {
            let key = id.to_string();
            match self.by_id.get_mut(&key) {
                Some(order) => {
                    let original = order["folder_id"].clone();
                    order.insert("folder_id".to_owned(), json!(folder));
                    self.touch(&key, "API", "Order Moved");
                    results.push(json!({"order_id": id, "message": "Order Moved", "original_folder_id": original}));
                }
                None => results.push(json!({"order_id": id, "message": "Order Not Found"})),
            }
        }
        Reply::json(
            200,
            &json!({"status": "success", "message": "Orders Moved", "results": results}),
        )
    }
}
