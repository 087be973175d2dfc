//! `stores_folders`.

use std::time::Duration;

use super::*;

#[test]
fn folders_come_in_order_desks_order_and_are_kept_for_five_minutes() {
    let host = two_stores();
    let before = host.requests().len();
    let ask = || {
        call(
            &host,
            "stores_folders",
            json!({ "store_identifier": "beta" }),
        )
        .unwrap()
    };
    assert_eq!(
        ask(),
        json!({
            "store": { "store_id": "9022", "store_name": "Beta" },
            "folders": [{ "id": "31002", "name": "Prepared" }, { "id": "31001", "name": "New" }],
            "cached": false
        })
    );
    assert_eq!(ask()["cached"], true);
    assert_eq!(ask()["folders"][1]["name"], "New");
    host.advance(Duration::from_secs(300));
    assert_eq!(ask()["cached"], false);
    assert_eq!(host.requests().len(), before + 2);
}

#[test]
fn a_store_without_folders_has_an_empty_list() {
    let host = two_stores();
    host.endpoint("orderdesk", |_| {
        Reply::json(
            200,
            &json!({ "status": "success", "store": { "id": "9021", "folders": [] } }),
        )
    });
    let answer = call(
        &host,
        "stores_folders",
        json!({ "store_identifier": "9021" }),
    )
    .unwrap();
    assert_eq!(answer["folders"], json!([]));
}

#[test]
fn a_new_key_makes_the_kept_folders_stale() {
    let host = two_stores();
    let ask = || {
        call(
            &host,
            "stores_folders",
            json!({ "store_identifier": "9021" }),
        )
        .unwrap()
    };
    ask();
    let key = seal(&host, "new-key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": key, "replace": true });
    call(&host, "stores_register", arguments).unwrap();
    assert_eq!(ask()["cached"], false);
}

#[test]
fn without_a_name_the_active_store_is_meant() {
    let host = two_stores();
    let error = call(&host, "stores_folders", json!({})).unwrap_err();
    assert!(error.has_code("store-not-named"));
    call(&host, "stores_use_store", json!({ "identifier": "9022" })).unwrap();
    let answer = call(&host, "stores_folders", json!({})).unwrap();
    assert_eq!(answer["store"]["store_id"], "9022");
}

#[test]
fn an_answer_without_folders_is_an_error_and_not_an_empty_list() {
    let host = two_stores();
    host.endpoint("orderdesk", |_| {
        Reply::json(
            200,
            &json!({ "status": "success", "store": { "id": "9021" } }),
        )
    });
    let error = call(
        &host,
        "stores_folders",
        json!({ "store_identifier": "9021" }),
    )
    .unwrap_err();
    assert!(error.has_code("orderdesk-part-missing"));
}
