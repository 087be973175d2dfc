//! Inventory items (order-desk-api.md §5). Their id is the only main id that is a number (§11.5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::rejection::Rejection;
use crate::{dates, loose, php_json};

/// The inventory of a store, by id.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    items: BTreeMap<u64, Value>,
}

impl Inventory {
    /// An item by its id.
    pub fn get(&self, id: u64) -> Option<&Value> {
        self.items.get(&id)
    }

    /// An item by its code.
    pub fn by_code(&self, code: &str) -> Option<&Value> {
        self.items.values().find(|item| code_of(item) == code)
    }

    /// All items, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.items.values()
    }

    /// Adds an item. Returns it as stored.
    ///
    /// # Errors
    /// Without name or code, or when the code is taken: codes are unique in a store (§5).
    pub(crate) fn add(
        &mut self,
        id: u64,
        input: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Value, Rejection> {
        require_name_and_code(input, "Inventory Item Not Added")?;
        self.check_code(input, None, "Inventory Item Not Added")?;
        let added = dates::normalised(&loose::text(input, "date_added"))
            .unwrap_or_else(|| dates::stamp(now));
        let item = written(id, input, &added, now);
        self.items.insert(id, item.clone());
        Ok(item)
    }

    /// Replaces an item: fields that the request leaves out become blank (§5, §11.24).
    ///
    /// # Errors
    /// When there is no such item, or its new code is taken.
    pub(crate) fn replace(
        &mut self,
        id: u64,
        input: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let current = self.items.get(&id).ok_or_else(|| not_found(id))?;
        self.check_code(input, Some(id), "Inventory Item Not Updated")?;
        let added = current
            .get("date_added")
            .map(loose::as_text)
            .unwrap_or_default();
        self.items.insert(id, written(id, input, &added, now));
        Ok(())
    }

    /// Removes an item.
    ///
    /// # Errors
    /// When there is no such item.
    pub(crate) fn delete(&mut self, id: u64) -> Result<(), Rejection> {
        self.items
            .remove(&id)
            .map(|_| ())
            .ok_or_else(|| not_found(id))
    }

    /// Changes single fields behind the API's back, as the web application does. False without such an item.
    pub fn edit(&mut self, id: u64, changes: &Map<String, Value>, now: Timestamp) -> bool {
        let Some(Value::Object(fields)) = self.items.get_mut(&id) else {
            return false;
        };
        for (name, value) in changes {
            fields.insert(name.clone(), value.clone());
        }
        fields.insert("date_updated".to_owned(), json!(dates::stamp(now)));
        true
    }

    /// Items for `GET /inventory-items`, newest first: `code` takes a comma list, `search` any part of name or
    /// code.
    pub(crate) fn find(&self, codes: Option<&str>, search: Option<&str>) -> Vec<&Value> {
        let codes: Option<Vec<&str>> = codes.map(|list| list.split(',').map(str::trim).collect());
        let search = search.map(str::to_lowercase);
        let matches = |item: &&Value| {
            let code = code_of(item);
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            codes
                .as_ref()
                .is_none_or(|codes| codes.iter().any(|wanted| wanted.eq_ignore_ascii_case(code)))
                && search
                    .as_ref()
                    .is_none_or(|wanted| format!("{name}\n{code}").to_lowercase().contains(wanted))
        };
        self.iter().rev().filter(matches).collect()
    }

    fn check_code(
        &self,
        input: &Map<String, Value>,
        own: Option<u64>,
        message: &str,
    ) -> Result<(), Rejection> {
        let code = loose::text(input, "code");
        let taken = self
            .items
            .iter()
            .any(|(id, item)| Some(*id) != own && code_of(item) == code);
        if taken && !code.is_empty() {
            return Err(Rejection::invalid(
                message,
                format!("code `{code}` belongs to another inventory item"),
            ));
        }
        Ok(())
    }
}

/// `name` and `code` are required on create and in the batch update (§5).
pub(crate) fn require_name_and_code(
    input: &Map<String, Value>,
    message: &str,
) -> Result<(), Rejection> {
    let missing: Vec<String> = ["name", "code"]
        .iter()
        .filter(|field| loose::is_blank(input, field))
        .map(|field| format!("{field} is required"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Rejection::Invalid {
        message: message.to_owned(),
        errors: missing,
    })
}

pub(crate) fn not_found(id: u64) -> Rejection {
    Rejection::NotFound(format!("Inventory Item {id}"))
}

fn code_of(item: &Value) -> &str {
    item.get("code").and_then(Value::as_str).unwrap_or_default()
}

fn written(id: u64, input: &Map<String, Value>, added: &str, now: Timestamp) -> Value {
    let number = |field: &str| loose::number(loose::amount(input, field), 4);
    // The one field that is null when unset (§11.8).
    let manufacturer_sku = match loose::text(input, "manufacturer_sku") {
        sku if sku.is_empty() => Value::Null,
        sku => Value::String(sku),
    };
    json!({
        "id": id,
        "name": loose::text(input, "name"),
        "code": loose::text(input, "code"),
        "price": number("price"),
        "cost": number("cost"),
        "weight": number("weight"),
        "stock": loose::integer(input, "stock"),
        "update_source": loose::text(input, "update_source"),
        "location": loose::text(input, "location"),
        "manufacturer_sku": manufacturer_sku,
        "metadata": php_json::map(input.get("metadata")),
        "variation_list": php_json::map(input.get("variation_list")),
        "date_added": added,
        "date_updated": dates::stamp(now),
    })
}
