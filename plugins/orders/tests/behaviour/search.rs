//! The search parameters of `orders_list`: what reaches Order Desk, and what is refused before.

use super::*;

fn refused(arguments: Value, code: &str) -> ToolError {
    let host = holding(vec![order(1)]);
    let error = call(&host, "orders_list", arguments.clone()).unwrap_err();
    assert!(error.has_code(code), "{arguments}: {error}");
    assert!(host.requests().is_empty(), "{arguments} reached Order Desk");
    error
}

#[test]
fn folders_are_taken_one_by_one_as_a_list_or_as_order_desk_writes_them() {
    let host = holding(vec![]);
    for (folders, wanted) in [
        (json!(31001), "31001"),
        (json!("31001"), "31001"),
        (json!("31001, 31002"), "31001,31002"),
        (json!(["31001", 31002]), "31001,31002"),
    ] {
        list(&host, json!({ "folder_id": folders }));
        assert_eq!(sent(&host, "folder_id").as_deref(), Some(wanted));
        host.empty_cache();
    }
}

#[test]
fn an_empty_filter_is_refused_since_order_desk_would_answer_everybodys_orders() {
    for arguments in [
        json!({ "folder_id": [] }),
        json!({ "folder_id": "" }),
        json!({ "folder_id": " , " }),
        json!({ "folder_id": [" "] }),
        json!({ "folder_name": "" }),
        json!({ "email": "  " }),
        json!({ "customer_last_name": "" }),
        json!({ "shipping_phone": "" }),
        json!({ "search": "" }),
        json!({ "order_by": "" }),
        json!({ "source_id": " " }),
        json!({ "customer_id": "" }),
    ] {
        let error = refused(arguments.clone(), "empty-filter");
        let name = arguments.as_object().unwrap().keys().next().unwrap();
        assert!(error.message.contains(&format!("'{name}'")), "{error}");
    }
}

#[test]
fn a_folders_name_given_as_its_id_is_sent_to_the_right_argument() {
    let error = refused(json!({ "folder_id": "New" }), "bad-folder-id");
    assert!(
        error.message.contains("'folder_id'") && error.message.contains("folder_name"),
        "{error}"
    );
}

#[test]
fn a_status_is_refused_whatever_it_is() {
    for status in [json!("open"), json!(1), json!(null), json!(["open"])] {
        let error = refused(json!({ "status": status }), "no-status");
        assert!(
            error
                .message
                .contains("Order Desk has folders: use folder_name"),
            "{error}"
        );
    }
}

#[test]
fn dates_reach_order_desk_in_its_own_form() {
    let host = holding(vec![]);
    for (name, text, wanted) in [
        ("search_start_date", "2026-03-01", "2026-03-01 00:00:00"),
        ("search_end_date", "2026-03-01", "2026-03-01 23:59:59"),
        (
            "modified_start_date",
            "2026-03-01 09:30:00",
            "2026-03-01 09:30:00",
        ),
        (
            "modified_end_date",
            "2026-03-01T09:30:00-05:00",
            "2026-03-01 14:30:00",
        ),
        (
            "search_start_date",
            "2026-02-28T23:30:00.25-02:00",
            "2026-03-01 01:30:00",
        ),
        (
            "search_start_date_local",
            "2026-03-01 09:30:00",
            "2026-03-01 09:30:00",
        ),
        ("search_end_date_local", "2026-03-01", "2026-03-01 23:59:59"),
    ] {
        list(&host, json!({ name: text }));
        assert_eq!(sent(&host, name).as_deref(), Some(wanted), "{name} {text}");
    }
}

#[test]
fn what_is_no_date_is_refused_with_the_argument_and_an_example() {
    for name in [
        "search_start_date",
        "search_end_date",
        "search_start_date_local",
        "search_end_date_local",
        "modified_start_date",
        "modified_end_date",
    ] {
        for text in [
            "yesterday",
            "",
            "2026-13-01",
            "2026-02-30",
            "01/03/2026",
            "20260301",
        ] {
            let error = refused(json!({ name: text }), "bad-date");
            assert!(
                error.message.contains(&format!("'{name}'")) && error.message.contains("Example"),
                "{error}"
            );
        }
    }
}

#[test]
fn the_stores_own_time_takes_no_offset_since_only_order_desk_knows_the_stores_zone() {
    for text in [
        "2026-03-01T09:30:00Z",
        "2026-03-01T09:30:00-05:00",
        "2026-03-01T09:30:00+00:00",
    ] {
        refused(json!({ "search_start_date_local": text }), "bad-date");
    }
}

#[test]
fn history_is_asked_for_only_if_it_is_wanted() {
    let host = holding(vec![but(
        order(1),
        json!({ "order_history": [{ "note": "moved" }] }),
    )]);
    for (arguments, asked) in [
        (json!({ "response_format": "detailed" }), None),
        (
            json!({ "response_format": "detailed", "get_order_history": false }),
            None,
        ),
        (
            json!({ "response_format": "detailed", "get_order_history": true }),
            Some("1"),
        ),
        (json!({ "get_order_history": true }), Some("1")),
        (json!({ "fields": ["order_history"] }), Some("1")),
        (json!({ "fields": ["order_history.note"] }), Some("1")),
    ] {
        let listed = list(&host, arguments.clone());
        assert_eq!(
            sent(&host, "get_order_history").as_deref(),
            asked,
            "{arguments}"
        );
        assert_eq!(
            listed["orders"][0].get("order_history").is_some(),
            asked.is_some(),
            "{arguments}"
        );
        host.empty_cache();
    }
}
