//! `GET /orders`: filters, sorting and paging (order-desk-api.md §2.3, §11.20).

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::order::Order;
use crate::query::Query;
use crate::rejection::Rejection;
use crate::store::Store;
use crate::toggles::{OverLimit, TextMatch, Toggles};
use crate::{dates, loose};

/// Records per page unless the client asks otherwise.
const DEFAULT_LIMIT: usize = 50;
/// The most records per page.
const MAX_LIMIT: usize = 500;

/// Filters on a text field of the order itself.
const FIELD_FILTERS: [&str; 3] = ["source_name", "email", "customer_id"];
/// Filters on a part of an address, named `customer_…` and `shipping_…`.
const ADDRESS_FILTERS: [&str; 5] = ["first_name", "last_name", "company", "address1", "phone"];

/// A page of matching orders with its counters.
pub(crate) struct Page<'a> {
    pub(crate) orders: Vec<&'a Order>,
    pub(crate) total_records: usize,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// Where a list starts and how much of it is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl Window {
    /// Reads `limit` and `offset`. What is no number counts as absent.
    ///
    /// # Errors
    /// With `limit` above 500, when the toggle says so.
    pub(crate) fn read(query: &Query, toggles: &Toggles) -> Result<Self, Rejection> {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit")
            .filter(|limit| *limit > 0)
            .unwrap_or(DEFAULT_LIMIT);
        if limit > MAX_LIMIT && toggles.limit_over_500 == OverLimit::Error {
            return Err(Rejection::invalid(
                "Invalid Limit",
                format!("limit {limit} is above {MAX_LIMIT}"),
            ));
        }
        Ok(Self {
            offset: number("offset").unwrap_or_default(),
            limit: limit.min(MAX_LIMIT),
        })
    }
}

/// Finds the orders that a query asks for. All filters must hold; unknown parameters are ignored.
///
/// # Errors
/// As [`Window::read`].
pub(crate) fn find<'a>(
    store: &'a Store,
    query: &Query,
    toggles: &Toggles,
) -> Result<Page<'a>, Rejection> {
    let window = Window::read(query, toggles)?;
    let filters = Filters::read(store, query, toggles);
    let mut found: Vec<&Order> = store
        .orders()
        .filter(|order| filters.accept(order))
        .collect();
    sort(&mut found, query);
    let total_records = found.len();
    let orders = found
        .into_iter()
        .skip(window.offset)
        .take(window.limit)
        .collect();
    Ok(Page {
        orders,
        total_records,
        offset: window.offset,
        limit: window.limit,
    })
}

/// A range of moments; an end that is not given, or is no date, is open (an assumption for the latter).
struct Range {
    field: &'static str,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

struct Filters<'a> {
    folders: Option<Vec<i64>>,
    source_id: Option<&'a str>,
    source_id_match: TextMatch,
    fields: Vec<(&'static str, &'a str)>,
    addresses: Vec<(&'static str, &'static str, &'a str)>,
    ranges: Vec<Range>,
    end_inclusive: bool,
    search: Option<String>,
}

impl<'a> Filters<'a> {
    fn read(store: &Store, query: &'a Query, toggles: &Toggles) -> Self {
        let local = store.timezone();
        let range = |field, start: &str, end: &str, zone: &TimeZone| {
            let moment = |name: &str| query.get(name).and_then(|text| dates::parse(text, zone));
            Range {
                field,
                start: moment(start),
                end: moment(end),
            }
        };
        let mut addresses = Vec::new();
        for side in ["customer", "shipping"] {
            for part in ADDRESS_FILTERS {
                addresses.extend(
                    query
                        .get(&format!("{side}_{part}"))
                        .map(|wanted| (side, part, wanted)),
                );
            }
        }
        Self {
            folders: folders(store, query),
            source_id: query.get("source_id"),
            source_id_match: toggles.source_id_match,
            fields: FIELD_FILTERS
                .iter()
                .filter_map(|name| query.get(name).map(|wanted| (*name, wanted)))
                .collect(),
            addresses,
            ranges: vec![
                // UTC since 2023, whatever the 2018 docs say; the `_local` variants take the store's zone.
                range(
                    "date_added",
                    "search_start_date",
                    "search_end_date",
                    &TimeZone::UTC,
                ),
                range(
                    "date_added",
                    "search_start_date_local",
                    "search_end_date_local",
                    &local,
                ),
                range(
                    "date_updated",
                    "modified_start_date",
                    "modified_end_date",
                    &TimeZone::UTC,
                ),
            ],
            end_inclusive: toggles.end_date_inclusive,
            search: query.get("search").map(str::to_lowercase),
        }
    }

    fn accept(&self, order: &Order) -> bool {
        self.folders
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&order.folder_id()))
            && self
                .source_id
                .is_none_or(|wanted| self.source_id_matches(order, wanted))
            && self
                .fields
                .iter()
                .all(|(field, wanted)| same(&order.text(field), wanted))
            && self
                .addresses
                .iter()
                .all(|(side, part, wanted)| same(&address_text(order, side, part), wanted))
            && self.ranges.iter().all(|range| self.in_range(order, range))
            && self
                .search
                .as_ref()
                .is_none_or(|wanted| contains(order, wanted))
    }

    fn source_id_matches(&self, order: &Order, wanted: &str) -> bool {
        let source_id = order.text("source_id");
        match self.source_id_match {
            TextMatch::Exact => same(&source_id, wanted),
            TextMatch::Loose => source_id.to_lowercase().contains(&wanted.to_lowercase()),
        }
    }

    fn in_range(&self, order: &Order, range: &Range) -> bool {
        if range.start.is_none() && range.end.is_none() {
            return true;
        }
        let Some(moment) = dates::parse(&order.text(range.field), &TimeZone::UTC) else {
            return false;
        };
        let before_end = |end: Timestamp| {
            if self.end_inclusive {
                moment <= end
            } else {
                moment < end
            }
        };
        range.start.is_none_or(|start| moment >= start) && range.end.is_none_or(before_end)
    }
}

/// `folder_id` as a comma list and `folder_name` exactly; an unknown name matches no order.
fn folders(store: &Store, query: &Query) -> Option<Vec<i64>> {
    let by_id: Option<Vec<i64>> = query.get("folder_id").map(|list| {
        list.split(',')
            .filter_map(|id| id.trim().parse().ok())
            .collect()
    });
    let by_name: Option<Vec<i64>> = query
        .get("folder_name")
        .map(|name| store.folder_named(name).into_iter().collect());
    match (by_id, by_name) {
        (Some(ids), Some(named)) => Some(ids.into_iter().filter(|id| named.contains(id)).collect()),
        (ids, named) => ids.or(named),
    }
}

/// Text filters compare whole values without regard to case (an assumption, §2.3).
fn same(value: &str, wanted: &str) -> bool {
    value.to_lowercase() == wanted.to_lowercase()
}

fn address_text(order: &Order, side: &str, part: &str) -> String {
    order
        .get(side)
        .and_then(|address| address.get(part))
        .map(loose::as_text)
        .unwrap_or_default()
}

/// `search`: any text anywhere in the order, as the search box of the web application (an assumption).
fn contains(order: &Order, wanted: &str) -> bool {
    let name = |side| {
        format!(
            "{} {}",
            address_text(order, side, "first_name"),
            address_text(order, side, "last_name")
        )
    };
    if [name("shipping"), name("customer")]
        .iter()
        .any(|name| name.to_lowercase().contains(wanted))
    {
        return true;
    }
    const SEARCHED: [&str; 11] = [
        "id",
        "source_id",
        "email",
        "customer_id",
        "processor_response",
        "shipping",
        "customer",
        "checkout_data",
        "order_metadata",
        "order_notes",
        "order_items",
    ];
    SEARCHED
        .iter()
        .filter_map(|field| order.get(field))
        .any(|value| value_contains(value, wanted))
}

fn value_contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(|entry| value_contains(entry, wanted)),
        Value::Object(entries) => entries.values().any(|entry| value_contains(entry, wanted)),
        scalar => loose::as_text(scalar).to_lowercase().contains(wanted),
    }
}

/// Sorts by any order field, or a part of an address like `shipping_last_name`; ids break ties. What is no field
/// sorts by `date_added`, the default (an assumption).
fn sort(orders: &mut [&Order], query: &Query) {
    let wanted = query.get("order_by").unwrap_or("date_added");
    let field = match orders.first() {
        Some(order) if sort_value(order, wanted).is_none() => "date_added",
        _ => wanted,
    };
    let ascending = query
        .get("order")
        .is_some_and(|order| order.eq_ignore_ascii_case("asc"));
    orders.sort_by(|left, right| {
        let order = compare(sort_value(left, field), sort_value(right, field))
            .then(left.id().cmp(&right.id()));
        if ascending { order } else { order.reverse() }
    });
}

fn sort_value<'a>(order: &'a Order, field: &str) -> Option<&'a Value> {
    order
        .get(field)
        .filter(|value| !value.is_array() && !value.is_object())
        .or_else(|| {
            let (side, part) = field.split_once('_')?;
            order.get(side)?.get(part)
        })
}

/// Numbers, also as text like ids, compare by size and stand before other text, which compares without regard to
/// case.
fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    let text = |value: Option<&Value>| value.map(loose::as_text).unwrap_or_default();
    let (left, right) = (text(left), text(right));
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Sorting panics or goes astray on an order that is not total.
        #[test]
        fn comparing_is_transitive(texts in proptest::collection::vec("[0-9a-c.]{0,3}", 3)) {
            let values: Vec<Value> = texts.into_iter().map(Value::String).collect();
            let at_most = |left: usize, right: usize| {
                compare(Some(&values[left]), Some(&values[right])) != Ordering::Greater
            };
            prop_assert!(!(at_most(0, 1) && at_most(1, 2)) || at_most(0, 2));
            prop_assert_eq!(
                compare(Some(&values[0]), Some(&values[1])),
                compare(Some(&values[1]), Some(&values[0])).reverse()
            );
        }
    }
}
