//! `stores_delete`.

use std::cell::Cell;

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::storage::Write;

use super::*;

#[test]
fn a_store_is_forgotten_with_its_key_its_name_and_every_choice_of_it() {
    let host = order_desk();
    let key = register(&host, "9021", None);
    register(&host, "9022", None);
    for (key_id, store) in [("key-1", "9021"), ("key-2", "9021"), ("key-3", "9022")] {
        host.change_caller(|caller| caller.key_id = key_id.to_owned());
        call(&host, "stores_use_store", json!({ "identifier": store })).unwrap();
    }
    let deleted = call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap();

    assert_eq!(
        deleted["store"],
        json!({ "store_id": "9021", "store_name": "Alpha" })
    );
    assert_eq!(deleted["deleted"], true);
    assert_eq!(deleted["api_key_revoked"], true);
    assert!(!host.is_usable(&key));
    assert_eq!(names(&host), ["Beta"]);
    let keys = host.keys("stores");
    assert_eq!(
        keys.len(),
        3,
        "store, name and one choice of Beta: {keys:?}"
    );
    assert!(keys.contains(&"active/key-3".to_owned()));
    // Nothing is left in the way of registering it again.
    register(&host, "9021", None);
}

#[test]
fn a_name_will_do() {
    let host = two_stores();
    call(&host, "stores_delete", json!({ "store_id": "bETA" })).unwrap();
    assert_eq!(names(&host), ["Alpha"]);
}

#[test]
fn an_unknown_store_is_answered_with_what_there_is() {
    let host = two_stores();
    let error = call(&host, "stores_delete", json!({ "store_id": "9099" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("\"Alpha\" (9021)"));
    assert_eq!(names(&host).len(), 2);
}

#[test]
fn order_desk_is_not_asked() {
    let host = two_stores();
    let before = host.requests().len();
    call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap();
    assert_eq!(host.requests().len(), before);
}

#[test]
fn more_choices_than_a_commit_holds_are_all_cleared() {
    let host = two_stores();
    for number in 0..250 {
        let pointer = Write::put_json(format!("active/k{number}"), &json!({ "store_id": "9021" }));
        host.write_document("stores", pointer.unwrap());
    }
    call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap();
    assert!(
        host.keys("stores")
            .iter()
            .all(|key| !key.starts_with("active/"))
    );
}

#[test]
fn a_change_in_between_is_seen() {
    let host = order_desk();
    let old = register(&host, "9021", None);
    let other = host.clone();
    let raced = Cell::new(false);
    host.before_commit(move |_| {
        // Just before the first commit another call gives the store a new key.
        if !raced.replace(true) {
            let key = seal(&other, "new-key-of-9021");
            let arguments = json!({ "store_id": "9021", "api_key": key, "replace": true });
            call(&other, "stores_register", arguments).unwrap();
        }
        Ok(())
    });
    let deleted = call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap();
    assert_eq!(deleted["api_key_revoked"], true, "the new one's");
    assert!(!host.is_usable(&old));
    assert!(host.keys("stores").is_empty());
}

#[test]
fn a_store_that_keeps_changing_is_left_alone() {
    let host = two_stores();
    let other = host.clone();
    host.before_commit(move |writes| {
        let document = other.document("stores", &writes[0].key).unwrap();
        other.write_document("stores", Write::put(document.key, document.value));
        Ok(())
    });
    let error = call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap_err();
    assert!(error.has_code("store-changed"));
    assert_eq!(names(&host), ["Alpha", "Beta"]);
}

#[test]
fn a_key_that_cannot_be_destroyed_is_told_and_logged() {
    let host = two_stores();
    let document = host.document("stores", "store/9021").unwrap();
    let mut record: Value = document.json().unwrap();
    record["api_key"] = json!("a handle from elsewhere");
    host.put_document("stores", "store/9021", &record).unwrap();

    let deleted = call(&host, "stores_delete", json!({ "store_id": "9021" })).unwrap();
    assert_eq!(deleted["deleted"], true);
    assert_eq!(deleted["api_key_revoked"], false);
    assert!(
        deleted["message"]
            .as_str()
            .unwrap()
            .contains("revoke it in Order Desk")
    );
    assert_eq!(host.log().len(), 1);
}
