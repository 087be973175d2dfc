//! Every search parameter that Order Desk documents (order-desk-api.md §2.3), and `search`, which is seen in live use.

use std::fmt;

use orderdesk_client::{ApiRequest, Several, TextOrNumber, filter_text};
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::dates::{self, End, Zone};

/// What to search for; everything must match.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Search {
    /// One folder id, or several.
    folder_id: Option<Several>,
    /// Folder's exact name.
    folder_name: Option<String>,
    /// Shop's own order number.
    source_id: Option<TextOrNumber>,
    /// Origin, such as "Shopify".
    source_name: Option<String>,
    /// Added since, UTC: 2026-03-01, 2026-03-01 09:30:00 or RFC 3339.
    search_start_date: Option<String>,
    /// Added until, UTC.
    search_end_date: Option<String>,
    /// Added since, store's time zone.
    search_start_date_local: Option<String>,
    /// Added until, store's time zone.
    search_end_date_local: Option<String>,
    /// Changed since, UTC.
    modified_start_date: Option<String>,
    /// Changed until, UTC.
    modified_end_date: Option<String>,
    /// Customer's e-mail address.
    email: Option<String>,
    /// Customer's id in the shop.
    customer_id: Option<TextOrNumber>,
    /// Customer's first name.
    customer_first_name: Option<String>,
    /// Customer's last name.
    customer_last_name: Option<String>,
    /// Customer's company.
    customer_company: Option<String>,
    /// Customer's street.
    customer_address1: Option<String>,
    /// Customer's phone.
    customer_phone: Option<String>,
    /// Receiver's first name.
    shipping_first_name: Option<String>,
    /// Receiver's last name.
    shipping_last_name: Option<String>,
    /// Receiver's company.
    shipping_company: Option<String>,
    /// Receiver's street.
    shipping_address1: Option<String>,
    /// Receiver's phone.
    shipping_phone: Option<String>,
    /// Free text.
    search: Option<String>,
    /// With each order's history; slow.
    pub(crate) get_order_history: Option<bool>,
    /// Any order field; default date_added.
    order_by: Option<String>,
    /// Default DESC.
    order: Option<Direction>,
    /// Refused: use folder_name.
    #[serde(default, deserialize_with = "given")]
    #[schemars(extend("deprecated" = true))]
    status: Option<Value>,
}

/// Whatever it is, null too: it was written down.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Sort order.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Direction {
    /// Smallest first.
    #[serde(rename = "ASC")]
    Ascending,
    /// Largest first.
    #[serde(rename = "DESC")]
    Descending,
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ascending => "ASC",
            Self::Descending => "DESC",
        })
    }
}

impl Search {
    /// The request for this search, without paging and history.
    ///
    /// # Errors
    /// `no-status`, `bad-date`, `bad-folder-id`, `empty-filter`; each names the argument.
    pub(crate) fn request(&self) -> Result<ApiRequest, ToolError> {
        if self.status.is_some() {
            return Err(ToolError::invalid_input(
                "no-status",
                "'status' does not exist: Order Desk has folders: use folder_name (stores_folders lists them).",
            ));
        }
        let mut request = ApiRequest::get(["orders"])
            .query_opt("folder_id", self.folders()?)
            .query_opt("order", self.order);
        for (name, text, end, zone) in self.dates() {
            if let Some(text) = text {
                request = request.query(name, dates::read(name, text, end, zone)?);
            }
        }
        for (name, id) in [
            ("source_id", &self.source_id),
            ("customer_id", &self.customer_id),
        ] {
            let text = id.as_ref().map(TextOrNumber::text);
            request = request.query_opt(name, filter_text(name, text.as_deref())?);
        }
        for (name, text) in self.texts() {
            request = request.query_opt(name, filter_text(name, text.as_deref())?);
        }
        Ok(request)
    }

    /// True if it narrows nothing: every order of the store would be meant.
    pub(crate) fn is_empty(&self) -> bool {
        let filters = self
            .texts()
            .into_iter()
            .filter(|(name, text)| *name != "order_by" && text.is_some())
            .count();
        filters == 0
            && self.folder_id.is_none()
            && self.source_id.is_none()
            && self.customer_id.is_none()
            && self.dates().iter().all(|(_, date, _, _)| date.is_none())
    }

    /// False for an order that Order Desk found although its number only resembles the one asked for
    /// (order-desk-api.md §2.3).
    pub(crate) fn matches(&self, order: &Map<String, Value>) -> bool {
        self.source_id.as_ref().is_none_or(|wanted| {
            order.get("source_id").and_then(Value::as_str) == Some(wanted.text().trim())
        })
    }

    fn folders(&self) -> Result<Option<String>, ToolError> {
        let Some(folders) = &self.folder_id else {
            return Ok(None);
        };
        let ids = folders.values("folder_id")?;
        let no_number = |id: &&String| !id.bytes().all(|byte| byte.is_ascii_digit());
        match ids.iter().find(no_number) {
            Some(name) => Err(ToolError::invalid_input(
                "bad-folder-id",
                format!(
                    "'folder_id' takes numbers, such as 31001 or [31001, 31002]: received \"{}\". Use folder_name for a \
                     folder's name; stores_folders lists both.",
                    name.chars().take(60).collect::<String>()
                ),
            )),
            None => Ok(Some(ids.join(","))),
        }
    }

    fn dates(&self) -> [(&'static str, &Option<String>, End, Zone); 6] {
        let (utc, local) = (Zone::Utc, Zone::Store);
        [
            (
                "search_start_date",
                &self.search_start_date,
                End::Start,
                utc,
            ),
            ("search_end_date", &self.search_end_date, End::End, utc),
            (
                "search_start_date_local",
                &self.search_start_date_local,
                End::Start,
                local,
            ),
            (
                "search_end_date_local",
                &self.search_end_date_local,
                End::End,
                local,
            ),
            (
                "modified_start_date",
                &self.modified_start_date,
                End::Start,
                utc,
            ),
            ("modified_end_date", &self.modified_end_date, End::End, utc),
        ]
    }

    fn texts(&self) -> [(&'static str, &Option<String>); 15] {
        [
            ("folder_name", &self.folder_name),
            ("source_name", &self.source_name),
            ("email", &self.email),
            ("customer_first_name", &self.customer_first_name),
            ("customer_last_name", &self.customer_last_name),
            ("customer_company", &self.customer_company),
            ("customer_address1", &self.customer_address1),
            ("customer_phone", &self.customer_phone),
            ("shipping_first_name", &self.shipping_first_name),
            ("shipping_last_name", &self.shipping_last_name),
            ("shipping_company", &self.shipping_company),
            ("shipping_address1", &self.shipping_address1),
            ("shipping_phone", &self.shipping_phone),
            ("search", &self.search),
            ("order_by", &self.order_by),
        ]
    }
}
