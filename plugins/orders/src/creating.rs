//! The creation of an order: recorded before it is sent, looked for after a lost answer, never sent twice blindly.

use std::time::Duration;

use orderdesk_client::journal::{Change, Intent, State};
use orderdesk_client::likeness::folded;
use orderdesk_client::repeat::{self, Attempt, Ticket};
use orderdesk_client::{ApiRequest, Notice, Store, basis, take_object, take_rows};
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Output, ToolError};

use crate::change::engine::{LEASE, forget};
use crate::change::outcome::until;
use crate::change::{put, reply, resolve, whole};
use crate::fields::HISTORY;
use crate::settings::Settings;
use crate::written::Written;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Orders with a like number that a search may find beside the one wanted.
pub(crate) const CANDIDATES: u32 = 50;
/// What Order Desk calls the source of an order that names none (order-desk-api.md §2.4).
pub(crate) const DEFAULT_SOURCE: &str = "Order Desk";

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

impl Creating<'_> {
    /// What a preview of it rests on.
    pub(crate) fn basis(&self) -> String {
        basis::digest(self.context, &self.body)
    }

    /// Answers what would be created, and creates nothing.
    pub(crate) fn preview(&self) -> Result<Output<Written>, ToolError> {
        if let Some(source_id) = self.given_source_id()
            && let Some(there) = self
                .search(source_id, 0)?
                .into_iter()
                .find(|order| self.is_ours(order))
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

    /// The change of an earlier call that was not seen to end.
    fn interrupted(&self, source_id: &str) -> Option<Change> {
        let open = self.journal().open("order", "").unwrap_or_default();
        open.into_iter()
            .find(|change| resolve::number_of(change) == Some(source_id))
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
        let known = match assigned && self.key.is_none() {
            true => Vec::new(),
            false => self.search(source_id, 1)?,
        };
        if let Some(there) = known.iter().find(|order| self.is_ours(order)) {
            if !again {
                self.forgotten(ticket);
                return Err(self.exists(there));
            }
            warnings.push(
                "The order was created by an earlier call whose answer was lost; nothing was created now.".to_owned(),
            );
            let earlier = self.interrupted(source_id);
            let mut written = self.finish(earlier, there.clone(), warnings, ticket);
            written.changed = false;
            return Ok(written);
        }
        let mut named = self.body.clone();
        named.insert("source_id".to_owned(), json!(source_id));
        let edits = vec![whole::created(&named)];
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
                ErrorKind::Conflict => {
                    let there = self.search(source_id, 0).unwrap_or_default();
                    there.first().map_or(error, |there| self.exists(there))
                }
                _ => error,
            });
        }
        match self.find_out(source_id, &known) {
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

    /// The new order, once a search shows it, or shows for long enough that there is none. `known` were there before; an
    /// order with this number that was not is the new one, whatever source Order Desk filed it under.
    fn find_out(
        &self,
        source_id: &str,
        known: &[Map<String, Value>],
    ) -> Option<Option<Map<String, Value>>> {
        let fresh = |order: &Map<String, Value>| {
            self.is_ours(order) || !known.iter().any(|there| there.get("id") == order.get("id"))
        };
        until(self.context, |settled| {
            let found = self.search(source_id, 0).ok()?.into_iter().find(fresh);
            (found.is_some() || settled).then_some(found)
        })
    }

    /// The orders with exactly this number: a search also finds like ones (order-desk-api.md §2.3).
    fn search(&self, source_id: &str, hold: u8) -> Result<Vec<Map<String, Value>>, ToolError> {
        let request = ApiRequest::get(["orders"])
            .query("source_id", source_id)
            .query("limit", CANDIDATES)
            .hold(hold);
        let mut answer = self.store.client(self.context).send(request)?;
        let mut orders = take_rows(&mut answer, "orders")?;
        orders.retain(|order| order.get("source_id").and_then(Value::as_str) == Some(source_id));
        Ok(orders)
    }

    /// True if an order with the right number is of the same source, too: several shops may count from 1.
    fn is_ours(&self, order: &Map<String, Value>) -> bool {
        let wanted = self.text("source_name").unwrap_or(DEFAULT_SOURCE);
        order
            .get("source_name")
            .and_then(Value::as_str)
            .is_some_and(|name| folded(name) == folded(wanted))
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
        .with_extra(json!({
            "order_id": id, "notice": Notice::TEXT, "theirs": order, "ours": self.body,
        }))
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
