//! Which store a call is about.

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::testing::Reply;

use super::*;

fn shop(stores: &[(&str, &str)]) -> FakeHost {
    let host = FakeHost::new();
    for (store_id, store_name) in stores {
        register(&host, store_id, store_name);
    }
    host.endpoint("orderdesk", |request| {
        Reply::json(
            200,
            &json!({ "status": "success", "asked_for": request.header("orderdesk-store-id") }),
        )
    });
    host
}

fn store_of(answer: &Value) -> &str {
    assert_eq!(answer["store"]["store_id"], answer["answer"]["asked_for"]);
    answer["store"]["store_id"].as_str().unwrap()
}

const TWO: &[(&str, &str)] = &[("9021", "Alpha"), ("9022", "Straße")];

#[test]
fn a_store_is_named_by_id_or_by_name_in_any_letter_case() {
    let host = shop(TWO);
    for identifier in [
        json!("9022"),
        json!(9022),
        json!("straße"),
        json!(" STRAßE "),
    ] {
        let answer = call(&host, "read", json!({ "store_identifier": identifier })).unwrap();
        assert_eq!(store_of(&answer), "9022");
        assert_eq!(answer["store"]["store_name"], "Straße");
    }
    assert!(
        host.subjects()
            .iter()
            .all(|subject| subject == "store:9022")
    );
}

#[test]
fn an_id_wins_over_a_name() {
    let host = shop(&[("9021", "9022"), ("9022", "Beta")]);
    let answer = call(&host, "read", json!({ "store_identifier": "9022" })).unwrap();
    assert_eq!(store_of(&answer), "9022");
}

#[test]
fn the_only_store_needs_no_name() {
    let host = shop(&[("9021", "Alpha")]);
    assert_eq!(store_of(&call(&host, "read", json!({})).unwrap()), "9021");
    assert_eq!(store_of(&call(&host, "write", json!({})).unwrap()), "9021");
}

#[test]
fn the_active_store_serves_reads_but_not_writes() {
    let host = shop(TWO);
    make_active(&host, "9022");
    assert_eq!(store_of(&call(&host, "read", json!({})).unwrap()), "9022");

    let error = call(&host, "write", json!({})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.has_code("store-not-named"));
    for part in ["store_identifier", "\"Alpha\" (9021)", "\"Straße\" (9022)"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn the_active_store_serves_writes_where_a_process_serves_one_client() {
    let host = shop(TWO);
    make_active(&host, "9022");
    host.change_caller(|caller| caller.single_client = true);
    assert_eq!(store_of(&call(&host, "write", json!({})).unwrap()), "9022");
}

#[test]
fn a_read_of_several_stores_without_an_active_one_asks_which() {
    let host = shop(TWO);
    let error = call(&host, "read", json!({})).unwrap_err();
    assert!(error.has_code("store-not-named"));
    assert!(error.message.contains("stores_use_store"));
}

#[test]
fn an_active_store_that_was_deleted_counts_as_none() {
    let host = shop(TWO);
    make_active(&host, "9099");
    let error = call(&host, "read", json!({})).unwrap_err();
    assert!(error.has_code("store-not-named"));
}

#[test]
fn an_unknown_store_is_answered_with_the_likely_one_and_all_there_are() {
    let host = shop(TWO);
    let error = call(&host, "read", json!({ "store_identifier": "Alhpa" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.has_code("store-not-found"));
    assert!(
        error.message.contains("Did you mean \"Alpha\" (9021)?"),
        "{}",
        error.message
    );
    assert!(error.message.contains("\"Straße\" (9022)"));
}

#[test]
fn without_any_store_the_way_to_one_is_told() {
    for identifier in [json!({}), json!({ "store_identifier": "Alpha" })] {
        let error = call(&shop(&[]), "read", identifier).unwrap_err();
        assert!(error.has_code("no-store"));
        assert!(error.message.contains("stores_register"));
    }
}

#[test]
fn a_long_list_of_stores_is_cut_and_counted() {
    let stores: Vec<_> = (0..25)
        .map(|number| (format!("{}", 100 + number), format!("Shop {number}")))
        .collect();
    let stores: Vec<_> = stores
        .iter()
        .map(|(id, name)| (id.as_str(), name.as_str()))
        .collect();
    let error = call(&shop(&stores), "read", json!({})).unwrap_err();
    assert!(error.message.contains("and 5 more"), "{}", error.message);
}

#[test]
fn a_key_limited_to_one_store_has_only_that_one() {
    let host = shop(TWO);
    host.limit_to(&["store:9022"]);
    assert_eq!(store_of(&call(&host, "write", json!({})).unwrap()), "9022");
    let error = call(&host, "read", json!({ "store_identifier": "9021" })).unwrap_err();
    assert!(error.has_code("store-not-found"));
    assert!(!error.message.contains("Alpha"));
}
