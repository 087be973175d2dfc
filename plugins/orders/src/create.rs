//! `orders_create`, and the creation that takes a deletion back: safe to repeat, never a blind second POST.

use std::time::Duration;

use orderdesk_client::journal::{Change, Intent, State};
use orderdesk_client::repeat::{self, Attempt, Ticket};
use orderdesk_client::{
    ApiRequest, Store, WriteArguments, agreed_basis, basis, changed_since, take_object, take_rows,
};
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::engine::{LEASE, forget};
use crate::change::outcome::until;
use crate::change::{draft, put, reply, whole};
use crate::fields::HISTORY;
use crate::settings::Settings;
use crate::written::Written;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Orders with a like number that a search may find beside the one wanted.
const CANDIDATES: u32 = 50;
/// What Order Desk calls the source of an order that names none (order-desk-api.md §2.4).
const DEFAULT_SOURCE: &str = "Order Desk";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The order, with Order Desk's field names: order_items (name, code, price, quantity, weight, variation_list, metadata)
    /// and shipping or customer (first_name and last_name, or company; address1, city, state, postal_code, country, phone,
    /// …) are needed; source_id is the shop's own number.
    order_data: Map<String, Value>,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key creates it only once; default: source_name and source_id.
    idempotency_key: Option<String>,
}

/// An order about to be created.
pub(crate) struct Creating<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) settings: &'a Settings,
    pub(crate) tool: &'a str,
    /// What is sent, but for what is set here.
    pub(crate) body: Map<String, Value>,
    pub(crate) key: Option<String>,
    pub(crate) undoes: Option<&'a str>,
}

pub(crate) fn create(
    arguments: Arguments,
    context: &Context,
) -> Result<Output<Written>, ToolError> {
    let body = draft::read(&arguments.order_data)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let creating = Creating {
        context,
        store: &store,
        settings: &settings,
        tool: "orders_create",
        body,
        key: arguments.idempotency_key,
        undoes: None,
    };
    if arguments.write.preview(context) {
        return creating.preview();
    }
    if agreed_basis(context)?.is_some_and(|agreed| agreed != creating.basis()) {
        return Err(changed_since(
            "The order to create",
            Value::Null,
            json!(creating.body),
        ));
    }
    creating.make().map(Output::new)
}

impl Creating<'_> {
    fn basis(&self) -> String {
        basis::digest(self.context, &self.body)
    }

    /// Answers what would be created, and creates nothing.
    pub(crate) fn preview(&self) -> Result<Output<Written>, ToolError> {
        if let Some(source_id) = self.given_source_id()
            && let Some(there) = self.search(source_id, 0)?
        {
            return Err(self.exists(&there));
        }
        let mut written = Written::preview(self.store, &[whole::created(&self.body)]);
        if self.given_source_id().is_none() {
            written
                .warnings
                .push("Without a source_id, one is set: \"odm-\" and 12 characters.".to_owned());
        }
        Ok(Output::new(written).resting_on(self.basis()))
    }

    /// Creates it, unless it was created before.
    pub(crate) fn make(&self) -> Result<Written, ToolError> {
        let source_name = self.text("source_name").unwrap_or(DEFAULT_SOURCE);
        let key = match (&self.key, self.given_source_id()) {
            (Some(key), _) => Some(key.clone()),
            // Another tool's key cannot look like this one: a key given by a caller stands alone.
            (None, Some(source_id)) => Some(format!("source {}", json!([source_name, source_id]))),
            (None, None) => None,
        };
        let Some(key) = key else {
            let source_id = self.new_source_id(None)?;
            return self.post(&source_id, None, false);
        };
        let name = repeat::lock_name(self.context, self.store, self.tool, &key);
        let wait = self.context.session().time_left() / 2;
        let _lock = self.context.locks().acquire(&name, wait, LEASE)?;
        let keep = self.settings.writing.keep();
        // A key that a caller chose stands for these very arguments; the shop's number stands for an order.
        let digest = self.key.as_ref().map_or_else(String::new, |_| self.basis());
        let key_of_record = match self.key {
            // Its record has another name than any given key.
            None => digest_of(self.context, &key),
            Some(_) => key.clone(),
        };
        let source_id = match self.given_source_id() {
            Some(source_id) => source_id.to_owned(),
            None => self.new_source_id(Some(&key))?,
        };
        match repeat::begin(
            self.context,
            self.store,
            self.tool,
            &key_of_record,
            &digest,
            keep,
        )? {
            Attempt::Done(result, ticket) => match self.still_there(result)? {
                Some(written) => Ok(written),
                None => self.post(&source_id, Some(&ticket), false),
            },
            Attempt::First(ticket) => self.post(&source_id, Some(&ticket), false),
            Attempt::Again(ticket) => self.post(&source_id, Some(&ticket), true),
        }
    }

    /// The result of an earlier call with the same key, if its order is still there.
    fn still_there(&self, result: Value) -> Result<Option<Written>, ToolError> {
        let mut written: Written = serde_json::from_value(result).map_err(|error| {
            ToolError::internal(
                "document-malformed",
                format!("The earlier result cannot be read: {error}"),
            )
        })?;
        let id = written
            .order
            .as_ref()
            .and_then(|order| order.get("id")?.as_str())
            .unwrap_or_default()
            .to_owned();
        let read = self
            .store
            .client(self.context)
            .send(ApiRequest::get(["orders", &id]));
        let order = match read {
            Ok(mut answer) => take_object(&mut answer, "order")?,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let same =
            written.diff.first().map(|difference| &difference.after) == Some(&json!(self.body));
        if !same {
            return Err(self.exists(&order));
        }
        written.changed = false;
        written.warnings = vec![format!(
            "This order was created before by the same call: it is the order {id}, and nothing was created now. For another \
             order give another source_id."
        )];
        Ok(Some(written.with_order(self.context, order)))
    }

    fn post(
        &self,
        source_id: &str,
        ticket: Option<&Ticket>,
        again: bool,
    ) -> Result<Written, ToolError> {
        let mut warnings = Vec::new();
        let assigned = self.given_source_id().is_none();
        if assigned {
            warnings.push(format!(
                "No source_id was given, so the order got {source_id:?}: give one to make the call safe to repeat."
            ));
        }
        // Before anything is sent; only a number that was made up just now cannot be there already.
        if (!assigned || self.key.is_some())
            && let Some(there) = self.search(source_id, 1)?
        {
            if !again {
                self.forgotten(ticket);
                return Err(self.exists(&there));
            }
            warnings.push(
                "The order was created by an earlier call whose answer was lost; nothing was created now.".to_owned(),
            );
            return Ok(self.finish(None, there, warnings, ticket));
        }
        let edits = vec![whole::created(&self.body)];
        let mut change = self.journal().intend(Intent {
            tool: self.tool,
            kind: "order",
            thing_id: "",
            edits,
            before: None,
            undoes: self.undoes.map(str::to_owned),
            call_id: None,
        })?;
        let mut body = put::dated(self.body.clone(), self.context.clock().now_ms());
        body.insert("source_id".to_owned(), json!(source_id));
        let request = ApiRequest::post(["orders"], put::body(&body)).timeout(TIMEOUT);
        forget(self.context, []);
        let answer = self.store.client(self.context).send(request);
        forget(self.context, []);
        let error = match answer {
            Ok(mut answer) => match take_object(&mut answer, "order") {
                Ok(order) => return Ok(self.finish(Some(change), order, warnings, ticket)),
                Err(error) => error.with_outcome_unknown(),
            },
            Err(error) => error,
        };
        if !error.outcome_unknown {
            change.state = State::NotMade;
            drop(self.journal().settle(&change));
            self.forgotten(ticket);
            return Err(match error.kind {
                ErrorKind::Conflict => match self.search(source_id, 0) {
                    Ok(Some(there)) => self.exists(&there),
                    _ => error,
                },
                _ => error,
            });
        }
        match self.find_out(source_id) {
            Some(Some(there)) => {
                warnings.push(
                    "Order Desk's answer was lost, and a search by source_id shows that the order was created.".to_owned(),
                );
                Ok(self.finish(Some(change), there, warnings, ticket))
            }
            Some(None) => {
                change.state = State::NotMade;
                drop(self.journal().settle(&change));
                Err(ToolError {
                    message: format!(
                        "Order Desk's answer was lost, and a search by source_id {source_id:?} shows that no order was \
                         created. It is safe to repeat it with that source_id. ({})",
                        error.message
                    ),
                    outcome_unknown: false,
                    ..error
                }
                .with_extra(json!({ "source_id": source_id })))
            }
            None => {
                change.state = State::Unknown;
                drop(self.journal().settle(&change));
                Err(ToolError {
                    message: format!(
                        "{} Nobody knows yet whether the order was created. Search for it in a minute: orders_list with \
                         {{\"source_id\": {source_id:?}}}; repeating the call with that source_id looks first and creates \
                         no second one.",
                        error.message
                    ),
                    outcome_unknown: true,
                    ..error
                }
                .with_extra(json!({ "source_id": source_id, "change_id": change.change_id })))
            }
        }
    }

    fn finish(
        &self,
        change: Option<Change>,
        mut order: Map<String, Value>,
        mut warnings: Vec<String>,
        ticket: Option<&Ticket>,
    ) -> Written {
        order.remove(HISTORY);
        let checked = reply::check_created(&self.body, &order);
        let mut written = Written::preview(self.store, &[whole::created(&self.body)]);
        written.dry_run = None;
        written.changed = change.is_some();
        written.normalised = checked.normalised;
        warnings.extend(checked.warnings);
        if let Some(mut change) = change {
            change.state = State::Made;
            change.thing_id = order
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            change.after = Some(Value::Object(order.clone()));
            warnings.extend(self.journal().settle(&change));
            written.change_id = Some(change.change_id);
        }
        written.warnings = warnings;
        let written = written.with_order(self.context, order);
        if let Some(ticket) = ticket {
            ticket.done(
                self.context,
                &serde_json::to_value(&written).unwrap_or_default(),
            );
        }
        written
    }

    /// The order with this number, once a search shows it, or shows for long enough that there is none.
    fn find_out(&self, source_id: &str) -> Option<Option<Map<String, Value>>> {
        until(self.context, |settled| match self.search(source_id, 0) {
            Ok(Some(order)) => Some(Some(order)),
            Ok(None) if settled => Some(None),
            _ => None,
        })
    }

    /// The order with exactly this number and this source: a search also finds like ones (order-desk-api.md §2.3).
    fn search(&self, source_id: &str, hold: u8) -> Result<Option<Map<String, Value>>, ToolError> {
        let source_name = self.text("source_name").unwrap_or(DEFAULT_SOURCE);
        let request = ApiRequest::get(["orders"])
            .query("source_id", source_id)
            .query("limit", CANDIDATES)
            .hold(hold);
        let mut answer = self.store.client(self.context).send(request)?;
        let is = |order: &Map<String, Value>, name: &str, wanted: &str| {
            order.get(name).and_then(Value::as_str) == Some(wanted)
        };
        Ok(take_rows(&mut answer, "orders")?.into_iter().find(|order| {
            is(order, "source_id", source_id) && is(order, "source_name", source_name)
        }))
    }

    fn exists(&self, order: &Map<String, Value>) -> ToolError {
        let id = order.get("id").and_then(Value::as_str).unwrap_or_default();
        ToolError::conflict(
            "order-exists",
            format!(
                "The order {id} has this source_name and source_id already. Nothing was created. Change it with \
                 orders_update, or give the new order another source_id."
            ),
        )
        .with_extra(json!({ "order_id": id }))
    }

    fn forgotten(&self, ticket: Option<&Ticket>) {
        if let Some(ticket) = ticket {
            ticket.forget(self.context);
        }
    }

    fn journal(&self) -> orderdesk_client::journal::Journal<'_> {
        orderdesk_client::journal::Journal::new(
            self.context,
            self.store,
            self.settings.writing.keep(),
        )
    }

    fn given_source_id(&self) -> Option<&str> {
        self.text("source_id")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A number for an order that has none: by chance, or from the idempotency key, so that a repetition finds it.
    fn new_source_id(&self, key: Option<&str>) -> Result<String, ToolError> {
        let seed = match key {
            Some(key) => format!("{} {key}", self.store.id()).into_bytes(),
            None => self.context.crypto().random(32)?,
        };
        let digits: String = self
            .context
            .crypto()
            .sha256_hex(&seed)
            .chars()
            .take(12)
            .collect();
        Ok(format!("odm-{digits}"))
    }
}

fn digest_of(context: &Context, key: &str) -> String {
    format!("derived {}", context.crypto().sha256_hex(key.as_bytes()))
}
