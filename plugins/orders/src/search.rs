//! Every search parameter that Order Desk documents (order-desk-api.md §2.3), and `search`, which is seen in live use.

use std::fmt;

use orderdesk_client::ApiRequest;
use orderdesk_plugin::{Id, ToolError, serde_json};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::dates::{self, End, Zone};

/// What to search for; everything must match.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Search {
    /// One folder's id, or several.
    folder_id: Option<FolderIds>,
    /// A folder's exact name.
    folder_name: Option<String>,
    /// The shop's own order number.
    pub(crate) source_id: Option<Id>,
    /// Where the order came from, such as "Shopify".
    source_name: Option<String>,
    /// Added at or after, UTC.
    search_start_date: Option<String>,
    /// Added until, UTC.
    search_end_date: Option<String>,
    /// Added at or after, in the store's time zone.
    search_start_date_local: Option<String>,
    /// Added until, in the store's time zone.
    search_end_date_local: Option<String>,
    /// Changed at or after, UTC.
    modified_start_date: Option<String>,
    /// Changed until, UTC.
    modified_end_date: Option<String>,
    /// The customer's e-mail address.
    email: Option<String>,
    /// The customer's id in the shop.
    customer_id: Option<Id>,
    customer_first_name: Option<String>,
    customer_last_name: Option<String>,
    customer_company: Option<String>,
    customer_address1: Option<String>,
    customer_phone: Option<String>,
    shipping_first_name: Option<String>,
    shipping_last_name: Option<String>,
    shipping_company: Option<String>,
    shipping_address1: Option<String>,
    shipping_phone: Option<String>,
    /// Free text (undocumented by Order Desk).
    search: Option<String>,
    /// With each order's history; slow.
    get_order_history: Option<bool>,
    /// Any order field; default date_added.
    order_by: Option<String>,
    /// Default DESC.
    order: Option<Direction>,
    /// Not supported: Order Desk has folders, use folder_name.
    #[schemars(extend("deprecated" = true))]
    status: Option<serde_json::Value>,
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

/// One id, several as a list, or several as Order Desk writes them: `1004,1009`.
#[derive(Deserialize)]
#[serde(untagged)]
enum FolderIds {
    One(Id),
    Several(Vec<Id>),
}

impl JsonSchema for FolderIds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FolderIds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer", "array"],
            "items": { "type": ["string", "integer"] },
        })
    }
}

impl fmt::Display for FolderIds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => id.fmt(formatter),
            Self::Several(ids) => {
                let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
                formatter.write_str(&ids.join(","))
            }
        }
    }
}

impl Search {
    /// The request for this search, without paging.
    ///
    /// # Errors
    /// A date that is none, an empty filter, or `status`, which Order Desk does not have.
    pub(crate) fn request(&self) -> Result<ApiRequest, ToolError> {
        if self.status.is_some() {
            return Err(ToolError::invalid_input(
                "no-status",
                "'status' does not exist: Order Desk has folders: use folder_name (stores_folders lists them).",
            ));
        }
        let date = |name: &str, value: &Option<String>, end, zone| {
            value
                .as_deref()
                .map(|text| dates::read(name, text, end, zone))
                .transpose()
        };
        let (utc, local) = (Zone::Utc, Zone::Store);
        let mut request = ApiRequest::get(["orders"])
            .query_opt("folder_id", self.folder_id.as_ref())
            .query_opt("source_id", self.source_id.as_ref())
            .query_opt("customer_id", self.customer_id.as_ref())
            .query_opt(
                "search_start_date",
                date(
                    "search_start_date",
                    &self.search_start_date,
                    End::Start,
                    utc,
                )?,
            )
            .query_opt(
                "search_end_date",
                date("search_end_date", &self.search_end_date, End::End, utc)?,
            )
            .query_opt(
                "search_start_date_local",
                date(
                    "search_start_date_local",
                    &self.search_start_date_local,
                    End::Start,
                    local,
                )?,
            )
            .query_opt(
                "search_end_date_local",
                date(
                    "search_end_date_local",
                    &self.search_end_date_local,
                    End::End,
                    local,
                )?,
            )
            .query_opt(
                "modified_start_date",
                date(
                    "modified_start_date",
                    &self.modified_start_date,
                    End::Start,
                    utc,
                )?,
            )
            .query_opt(
                "modified_end_date",
                date("modified_end_date", &self.modified_end_date, End::End, utc)?,
            )
            .query_opt("order_by", self.order_by.as_ref())
            .query_opt("order", self.order)
            .query_opt(
                "get_order_history",
                self.get_order_history.filter(|wanted| *wanted).map(|_| 1),
            );
        for (name, value) in self.texts() {
            match value.as_deref().map(str::trim) {
                None => {}
                // Order Desk ignores an empty filter and would answer everybody's orders.
                Some("") => {
                    return Err(ToolError::invalid_input(
                        "empty-filter",
                        format!("'{name}' is empty: leave it out, or say what to look for."),
                    ));
                }
                Some(text) => request = request.query(name, text),
            }
        }
        Ok(request)
    }

    fn texts(&self) -> [(&'static str, &Option<String>); 14] {
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
        ]
    }
}
