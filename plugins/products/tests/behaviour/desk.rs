//! An Order Desk that keeps an inventory (order-desk-api.md §5), and fails when told to.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use orderdesk_plugin::Outcome;
use orderdesk_plugin::http::{Method, Response};
use orderdesk_plugin::testing::{Invocation, Received};

use super::*;

/// What goes wrong with a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It is carried out, and the answer is lost.
    LostAfter,
    /// It never arrives, and nobody knows.
    LostBefore,
    /// Only the first row of a batch is carried out, and the answer is lost.
    HalfLost,
}

#[derive(Clone)]
pub(crate) struct Desk {
    host: FakeHost,
    world: Rc<World>,
}

#[derive(Default)]
struct World {
    items: RefCell<BTreeMap<u64, Value>>,
    /// For the writes to come, one by one.
    faults: RefCell<VecDeque<Fault>>,
    /// Whether a create shows what it made (newer versions of the API do).
    shows_created: Cell<bool>,
    /// Whether reads fail from the next write on.
    blind_after_write: Cell<bool>,
    blind: Cell<bool>,
    /// What somebody else does right after the next read.
    after_read: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Desk {
    /// A store with the products of these ids; each has the code `ORG-<id>` and a stock of 118.
    pub(crate) fn with(ids: &[u64]) -> Self {
        let desk = Self {
            host: with_store(),
            world: Rc::default(),
        };
        desk.world
            .items
            .replace(ids.iter().map(|id| (*id, product(*id))).collect());
        desk.world.shows_created.set(true);
        let world = desk.world.clone();
        desk.host
            .endpoint("orderdesk", move |request| world.serve(request));
        desk
    }

    pub(crate) fn host(&self) -> &FakeHost {
        &self.host
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.world.faults.borrow_mut().push_back(fault);
    }

    pub(crate) fn shows_created(&self, shows: bool) {
        self.world.shows_created.set(shows);
    }

    pub(crate) fn go_blind(&self) {
        self.world.blind_after_write.set(true);
    }

    pub(crate) fn see_again(&self) {
        self.world.blind_after_write.set(false);
        self.world.blind.set(false);
    }

    pub(crate) fn after_read(&self, work: impl FnOnce() + 'static) {
        self.world.after_read.replace(Some(Box::new(work)));
    }

    pub(crate) fn item(&self, id: u64) -> Value {
        self.world
            .items
            .borrow()
            .get(&id)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn stock(&self, id: u64) -> i64 {
        self.item(id)["stock"].as_i64().unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.world.items.borrow().len()
    }

    /// What somebody does in Order Desk itself.
    pub(crate) fn edit(&self, id: u64, fields: Value) {
        let mut items = self.world.items.borrow_mut();
        let item = items.get_mut(&id).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            item[name] = value.clone();
        }
    }

    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolError> {
        call(&self.host, tool, arguments)
    }

    /// A call of a tool whose result is wanted with everything beside it.
    pub(crate) fn run(&self, invocation: Invocation) -> Result<Outcome, ToolError> {
        testing::run(products::plugin(), &self.host, invocation)
    }

    /// A preview: its result, and what it rests on.
    pub(crate) fn preview(&self, tool: &str, arguments: &Value) -> (Value, String) {
        match self
            .run(Invocation::new(tool, arguments).preview())
            .unwrap()
        {
            Outcome::Complete(output) => (output.structured, output.basis.unwrap()),
            Outcome::Pause(_) => panic!("a preview of {tool} asks nothing"),
        }
    }

    /// The call that confirms a preview.
    pub(crate) fn confirm(
        &self,
        tool: &str,
        arguments: &Value,
        basis: &str,
    ) -> Result<Value, ToolError> {
        match self.run(Invocation::new(tool, arguments).confirming(basis))? {
            Outcome::Complete(output) => Ok(output.structured),
            Outcome::Pause(_) => panic!("{tool} asked once more"),
        }
    }

    pub(crate) fn writes(&self) -> usize {
        let requests = self.host.requests();
        requests
            .iter()
            .filter(|request| !request.method.is_safe())
            .count()
    }

    /// The changes that the journal holds, newest first.
    pub(crate) fn changes(&self) -> Vec<Value> {
        self.host
            .keys("products")
            .iter()
            .filter(|key| key.starts_with("change/"))
            .map(|key| self.host.document("products", key).unwrap().json().unwrap())
            .collect()
    }
}

impl World {
    fn serve(&self, request: &Received) -> Result<Response, ToolError> {
        if request.method.is_safe() {
            if self.blind.get() {
                return Reply::bytes(503, "<html>busy</html>");
            }
            let answer = self.carry_out(request, usize::MAX);
            let work = self.after_read.borrow_mut().take();
            if let Some(work) = work {
                work();
            }
            return answer;
        }
        let fault = self.faults.borrow_mut().pop_front();
        self.blind.set(self.blind_after_write.get());
        let rows = match fault {
            None => return self.carry_out(request, usize::MAX),
            Some(Fault::LostAfter) => usize::MAX,
            Some(Fault::HalfLost) => 1,
            Some(Fault::LostBefore) => 0,
        };
        if rows > 0 {
            self.carry_out(request, rows)?;
        }
        Err(
            ToolError::timeout("no-answer", "Order Desk did not answer in time.")
                .with_outcome_unknown(),
        )
    }

    fn carry_out(&self, request: &Received, rows: usize) -> Result<Response, ToolError> {
        let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let mut items = self.items.borrow_mut();
        let id = path
            .get(1)
            .and_then(|id| id.parse::<u64>().ok())
            .unwrap_or_default();
        match (request.method, path.as_slice()) {
            (Method::Get, ["inventory-items"]) => {
                let codes = request.parameter("code").unwrap_or_default().to_lowercase();
                let found: Vec<&Value> = items
                    .values()
                    .filter(|item| {
                        let code = item["code"].as_str().unwrap().to_lowercase();
                        codes.split(',').any(|wanted| wanted == code)
                    })
                    .collect();
                Reply::json(
                    200,
                    &json!({ "status": "success", "total_records": "0", "inventory_items": found }),
                )
            }
            (Method::Get, ["inventory-items", _]) => match items.get(&id) {
                Some(item) => {
                    Reply::json(200, &json!({ "status": "success", "inventory_item": item }))
                }
                None => not_found(),
            },
            (Method::Post, ["inventory-items"]) => {
                let id = items.keys().max().unwrap_or(&0) + 1;
                let item = written(id, &request.json());
                items.insert(id, item.clone());
                let mut answer = json!({ "status": "success", "message": "Inventory Item Added" });
                if self.shows_created.get() {
                    answer["inventory_item"] = item;
                }
                Reply::json(201, &answer)
            }
            (Method::Put, ["inventory-items", _]) if items.contains_key(&id) => {
                items.insert(id, written(id, &request.json()));
                Reply::json(
                    200,
                    &json!({ "status": "success", "message": "Inventory Item Updated" }),
                )
            }
            (Method::Put, ["batch-inventory-items"]) => {
                for row in request.json().as_array().unwrap().iter().take(rows) {
                    let id = row["id"].as_u64().unwrap();
                    if items.contains_key(&id) {
                        items.insert(id, written(id, row));
                    }
                }
                Reply::json(
                    200,
                    &json!({ "status": "success", "message": "Inventory Items Updated" }),
                )
            }
            (Method::Delete, ["inventory-items", _]) if items.remove(&id).is_some() => Reply::json(
                200,
                &json!({ "status": "success", "message": format!("Inventory Item {id} Deleted") }),
            ),
            _ => not_found(),
        }
    }
}

/// What is stored of what was sent: all that is left out is blank.
fn written(id: u64, sent: &Value) -> Value {
    let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| {
        if sent[name].is_number() {
            sent[name].clone()
        } else {
            json!(0)
        }
    };
    let map = |name: &str| match &sent[name] {
        Value::Object(map) if !map.is_empty() => sent[name].clone(),
        _ => json!([]),
    };
    let sku = text("manufacturer_sku");
    json!({
        "id": id, "name": text("name"), "code": text("code"), "price": number("price"), "cost": number("cost"),
        "weight": number("weight"), "stock": number("stock"), "update_source": text("update_source"),
        "location": text("location"), "manufacturer_sku": if sku.is_empty() { Value::Null } else { json!(sku) },
        "metadata": map("metadata"), "variation_list": map("variation_list"),
        "date_added": "2025-11-20 09:15:33", "date_updated": "2026-03-02 17:40:00",
    })
}

fn not_found() -> Result<Response, ToolError> {
    Reply::json(
        404,
        &json!({ "status": "error", "message": "Inventory Item Not Found" }),
    )
}
