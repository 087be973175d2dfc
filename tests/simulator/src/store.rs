//! One Order Desk store: who may call it, its folders and settings, its orders and inventory.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::ids::Ids;
use crate::inventory::Inventory;
use crate::order::address::Normalisation;
use crate::order::{self, Order, Writing};
use crate::rejection::Rejection;
use crate::toggles::Toggles;
use crate::{loose, shipment};

/// One store. Build it with [`Store::new`] and the `with_` methods, then hand it to
/// [`SimulatorConfig`](crate::SimulatorConfig); while the simulator runs, reach it with
/// [`Simulator::with_store`](crate::Simulator::with_store).
#[derive(Clone, Debug)]
pub struct Store {
    id: u64,
    name: String,
    api_keys: Vec<String>,
    folders: Vec<(i64, String)>,
    settings: Map<String, Value>,
    orders: BTreeMap<u64, Order>,
    inventory: Inventory,
    ids: Ids,
}

impl Store {
    /// A store with the folders New, Prepared, Closed and Canceled (ids `store id * 10 + 1` and up), the zone
    /// `America/New_York`, and settings that include the API key and an SMTP password.
    pub fn new(id: u64, api_key: &str, name: &str) -> Self {
        let first = i64::try_from(id).unwrap_or(i64::MAX / 100) * 10 + 1;
        let names = ["New", "Prepared", "Closed", "Canceled"];
        Self {
            id,
            name: name.to_owned(),
            api_keys: vec![api_key.to_owned()],
            folders: (first..).zip(names.map(str::to_owned)).collect(),
            settings: default_settings(id, api_key, name),
            orders: BTreeMap::new(),
            inventory: Inventory::default(),
            ids: Ids::of_store(id),
        }
    }

    /// Replaces the folders; the first is where new orders go.
    #[must_use]
    pub fn with_folders(mut self, folders: &[(i64, &str)]) -> Self {
        self.folders = folders
            .iter()
            .map(|(id, name)| (*id, (*name).to_owned()))
            .collect();
        self
    }

    /// Sets the zone of `*_local` filters, an IANA name. An unknown one counts as UTC.
    #[must_use]
    pub fn with_timezone(self, zone: &str) -> Self {
        self.with_setting("timezone", json!(zone))
    }

    /// Sets one entry of `settings`.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: Value) -> Self {
        self.settings.insert(name.to_owned(), value);
        self
    }

    /// Accepts another API key beside the first (for `rate_scope`; real stores show a single one, §1.1).
    #[must_use]
    pub fn with_extra_key(mut self, api_key: &str) -> Self {
        self.api_keys.push(api_key.to_owned());
        self
    }

    /// The store id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first API key, which `settings.api_key` shows as well.
    pub fn api_key(&self) -> &str {
        self.api_keys.first().map_or("", String::as_str)
    }

    /// Replaces all keys by a new one, as somebody does in the store's settings.
    pub fn rotate_key(&mut self, api_key: &str) {
        self.api_keys = vec![api_key.to_owned()];
        self.settings.insert("api_key".to_owned(), json!(api_key));
    }

    /// Folder ids and names, in the store's order.
    pub fn folders(&self) -> &[(i64, String)] {
        &self.folders
    }

    /// One entry of `settings`.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }

    /// An order by its id.
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// An order by its id, to change it as somebody in the web application would.
    pub fn order_mut(&mut self, id: u64) -> Option<&mut Order> {
        self.orders.get_mut(&id)
    }

    /// All orders, oldest id first.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// An order as the API shows it, without its history.
    pub fn order_json(&self, id: u64) -> Option<Value> {
        self.orders.get(&id).map(|order| self.render(order, false))
    }

    /// Adds an order without HTTP; `input` is the body of `POST /orders`. Returns the new id.
    ///
    /// # Errors
    /// As the route: no items, or no valid name.
    pub fn add_order(&mut self, input: &Value, now: Timestamp) -> Result<u64, Rejection> {
        let toggles = Toggles {
            duplicate_order: None,
            ..Toggles::default()
        };
        self.create_order(fields(input), now, &toggles)
    }

    /// Adds a shipment without HTTP; `input` is the body of `POST /orders/{id}/shipments`.
    ///
    /// # Errors
    /// As the route: no such order, no tracking number, or one that the order has already.
    pub fn add_shipment(
        &mut self,
        order_id: u64,
        input: &Value,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let order = self
            .orders
            .get_mut(&order_id)
            .ok_or_else(|| order_not_found(order_id))?;
        shipment::add(order, self.id, fields(input), &mut self.ids, now)
    }

    /// Removes an order without HTTP. False when there is none.
    pub fn remove_order(&mut self, id: u64) -> bool {
        self.orders.remove(&id).is_some()
    }

    /// The inventory.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The inventory, to change it behind the API's back.
    pub fn inventory_mut(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    /// Adds an inventory item; `input` is the body of `POST /inventory-items`. Returns it as stored.
    ///
    /// # Errors
    /// Without name or code, or when the code is taken.
    pub fn add_inventory_item(
        &mut self,
        input: &Value,
        now: Timestamp,
    ) -> Result<Value, Rejection> {
        let id = self.ids.next_inventory();
        self.inventory.add(id, fields(input), now)
    }

    pub(crate) fn accepts_key(&self, api_key: &str) -> bool {
        self.api_keys.iter().any(|known| known == api_key)
    }

    pub(crate) fn timezone(&self) -> TimeZone {
        let name = loose::text(&self.settings, "timezone");
        TimeZone::get(&name).unwrap_or(TimeZone::UTC)
    }

    /// `GET /store`: folders as id-to-name map (`[]` without folders, §7.2), settings with their secrets (§1.5).
    pub(crate) fn to_json(&self) -> Value {
        let folders: Map<String, Value> = self
            .folders
            .iter()
            .map(|(id, name)| (id.to_string(), json!(name)))
            .collect();
        let folders = if folders.is_empty() {
            json!([])
        } else {
            Value::Object(folders)
        };
        json!({"id": self.id.to_string(), "name": self.name, "settings": self.settings, "folders": folders})
    }

    pub(crate) fn folder_named(&self, name: &str) -> Option<i64> {
        self.folders
            .iter()
            .find(|(_, known)| known == name)
            .map(|(id, _)| *id)
    }

    pub(crate) fn folder_name(&self, id: i64) -> Option<&str> {
        self.folders
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, name)| name.as_str())
    }

    pub(crate) fn render(&self, order: &Order, with_history: bool) -> Value {
        let email = order.text("email").to_lowercase();
        let same =
            |other: &&Order| !email.is_empty() && other.text("email").to_lowercase() == email;
        order.to_json(self.orders.values().filter(same).count(), with_history)
    }

    /// As [`Store::render`] for many orders, counting e-mails once.
    pub(crate) fn render_all(&self, orders: &[&Order], with_history: bool) -> Value {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for order in self.orders.values() {
            *counts
                .entry(order.text("email").to_lowercase())
                .or_default() += 1;
        }
        counts.remove("");
        let count = |order: &Order| {
            counts
                .get(&order.text("email").to_lowercase())
                .copied()
                .unwrap_or_default()
        };
        orders
            .iter()
            .map(|order| order.to_json(count(order), with_history))
            .collect()
    }

    pub(crate) fn find_order(&mut self, id: u64) -> Result<(&mut Order, &mut Ids), Rejection> {
        let order = self
            .orders
            .get_mut(&id)
            .ok_or_else(|| order_not_found(id))?;
        Ok((order, &mut self.ids))
    }

    pub(crate) fn create_order(
        &mut self,
        input: &Map<String, Value>,
        now: Timestamp,
        toggles: &Toggles,
    ) -> Result<u64, Rejection> {
        if toggles.duplicate_order.is_some()
            && let Some(existing) = self.duplicate_of(input)
        {
            return Err(Rejection::DuplicateOrder { existing });
        }
        let folders = self.folder_ids();
        let normalisation = self.normalisation();
        let mut writing = Writing {
            now,
            toggles,
            ids: &mut self.ids,
            normalisation,
            folders: &folders,
        };
        let order = order::create(input, &mut writing)?;
        let id = order.id();
        self.orders.insert(id, order);
        Ok(id)
    }

    pub(crate) fn replace_order(
        &mut self,
        id: u64,
        input: &Map<String, Value>,
        now: Timestamp,
        toggles: &Toggles,
    ) -> Result<(), Rejection> {
        let folders = self.folder_ids();
        let normalisation = self.normalisation();
        let order = self
            .orders
            .get_mut(&id)
            .ok_or_else(|| order_not_found(id))?;
        let mut writing = Writing {
            now,
            toggles,
            ids: &mut self.ids,
            normalisation,
            folders: &folders,
        };
        order::replace(order, input, &mut writing);
        Ok(())
    }

    pub(crate) fn delete_order(&mut self, id: u64) -> Result<(), Rejection> {
        self.orders
            .remove(&id)
            .map(|_| ())
            .ok_or_else(|| order_not_found(id))
    }

    /// An order with the same, given `source_name` and `source_id` (§8.5). Without a `source_id` of its own
    /// nothing is a duplicate.
    fn duplicate_of(&self, input: &Map<String, Value>) -> Option<u64> {
        let source_id = loose::text(input, "source_id");
        let source_name = match loose::text(input, "source_name") {
            name if name.is_empty() => "Order Desk".to_owned(),
            name => name,
        };
        let same = |order: &&Order| {
            order.text("source_id") == source_id && order.text("source_name") == source_name
        };
        if source_id.is_empty() {
            return None;
        }
        self.orders.values().find(same).map(Order::id)
    }

    fn folder_ids(&self) -> Vec<i64> {
        self.folders.iter().map(|(id, _)| *id).collect()
    }

    fn normalisation(&self) -> Normalisation {
        let on = |name: &str| loose::text(&self.settings, name) == "1";
        Normalisation {
            capitalization: on("normalize_capitalization"),
            phone_numbers: on("normalize_phone_numbers"),
        }
    }
}

pub(crate) fn order_not_found(id: u64) -> Rejection {
    Rejection::NotFound(format!("Order {id}"))
}

/// The object in a request body; anything else counts as an empty one.
fn fields(input: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    input.as_object().unwrap_or(&EMPTY)
}

/// The settings of the official sample (§1.5), types included: flags are mostly text, some counts are ints.
fn default_settings(id: u64, api_key: &str, name: &str) -> Map<String, Value> {
    let settings = json!({
        "app_version": "2", "locale_code": "en_US", "timezone": "America/New_York", "store_country": "US",
        "store_email": format!("store-{id}@example.com"), "admin_email": format!("admin-{id}@example.com"),
        "normalize_capitalization": "", "normalize_phone_numbers": "",
        "date_format": "M j, Y g:i a", "short_date_format": "M j, Y", "orders_per_page": 50,
        "report_frequency": "", "dashboard_report_type": "sales", "store_url": "https://shop.example.com",
        "custom_css": "", "security_po_box_warn": "1", "security_different_address_warn": "",
        "security_different_country_warn": "", "security_quantity_warn": 10,
        "limit_address_field_char_length": 0, "country_name_format": "code", "all_orders_name": "All Orders",
        "api_key": api_key, "all_orders_column_view": ["order_id", "date_added", "shipping_name", "order_total"],
        "shipping_methods": ["Ground", "Two Day", "Overnight"], "default_checkout_data_fields": [],
        "smtp_port": "587", "smtp_host": "smtp.example.com", "smtp_username": format!("mailer-{id}"),
        "smtp_password": format!("smtp-password-{id}"), "smtp_encryption": "tls",
        "smtp_headers": format!("X-Store: {name}"), "auto_update_stock_count": "0",
        "auto_create_inventory_items": "0", "normalizeCapitalization": 0,
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    }
}
