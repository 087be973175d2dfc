//! `stores_register`.

use std::cell::Cell;

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::storage::Write;

use super::*;

#[test]
fn a_store_is_registered_after_order_desk_accepted_its_key() {
    let host = order_desk();
    let key = seal(&host, "key-of-9021");
    let arguments = json!({ "store_id": 9021, "api_key": key, "label": " the first " });
    let result = call(&host, "stores_register", arguments).unwrap();

    assert_eq!(
        result["store"],
        json!({ "store_id": "9021", "store_name": "Alpha" })
    );
    assert_eq!(result["store_id"], "9021");
    assert_eq!(result["store_name"], "Alpha");
    assert_eq!(result["label"], "the first");
    assert_eq!(result["replaced"], false);
    assert_eq!(host.requests().len(), 1);
    assert_eq!(host.subjects(), ["store:9021"]);
    assert!(host.is_usable(&key));

    let document = host.document("stores", "store/9021").unwrap();
    assert_eq!(document.subject.as_deref(), Some("store:9021"));
    assert_eq!(document.json::<Value>().unwrap()["api_key"], json!(key));
}

#[test]
fn the_name_is_the_one_given_else_order_desks_else_the_id() {
    let host = order_desk();
    register(&host, "9021", Some("  Main shop "));
    register(&host, "9022", None);
    register(&host, "9023", None);
    assert_eq!(names(&host), ["Main shop", "Beta", "9023"]);
}

#[test]
fn keys_of_documents_hold_no_names() {
    let host = order_desk();
    register(&host, "9021", Some("Ruth Okafor"));
    let keys = host.keys("stores").join(" ").to_lowercase();
    assert!(!keys.contains("okafor"), "{keys}");
}

#[test]
fn a_wrong_key_is_refused_and_destroyed() {
    let host = order_desk();
    let key = seal(&host, "key-of-9022");
    let arguments = json!({ "store_id": "9021", "api_key": key });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.has_code("orderdesk-credentials-refused"));
    assert!(!host.is_usable(&key));
    assert!(host.keys("stores").is_empty());
}

#[test]
fn an_answer_about_another_store_is_refused() {
    let host = order_desk();
    host.endpoint("orderdesk", |_| {
        Reply::json(
            200,
            &json!({ "status": "success", "store": { "id": 9099, "name": "Other" } }),
        )
    });
    let key = seal(&host, "key-of-9021");
    let error = call(
        &host,
        "stores_register",
        json!({ "store_id": "9021", "api_key": key }),
    )
    .unwrap_err();
    assert!(error.has_code("store-id-mismatch"));
    assert!(error.message.contains("9099"));
    assert!(!host.is_usable(&key));
}

#[test]
fn malformed_arguments_are_refused_before_order_desk_is_asked_and_the_key_destroyed() {
    for (store_id, store_name) in [
        ("90/21", "Alpha"),
        ("..", "Alpha"),
        ("9021", "  "),
        ("9021", "two\nlines"),
        ("9021", &"x".repeat(101)),
    ] {
        let host = order_desk();
        let key = seal(&host, "key-of-9021");
        let arguments = json!({ "store_id": store_id, "api_key": key, "store_name": store_name });
        let error = call(&host, "stores_register", arguments).unwrap_err();
        assert_eq!(
            error.kind,
            ErrorKind::InvalidInput,
            "{store_id} {store_name}"
        );
        assert!(!host.is_usable(&key));
        assert!(host.requests().is_empty());
    }
}

#[test]
fn the_same_store_twice_is_refused_before_order_desk_is_asked() {
    let host = two_stores();
    let old = host.document("stores", "store/9021").unwrap();
    let key = seal(&host, "new-key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": key });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.has_code("store-already-registered"));
    assert!(error.message.contains("replace: true"));
    assert!(!host.is_usable(&key));
    assert_eq!(host.document("stores", "store/9021"), Some(old));
    assert_eq!(host.requests().len(), 2);
}

#[test]
fn a_name_of_another_store_is_refused_in_any_letter_case() {
    let host = two_stores();
    for name in ["Alpha", "ALPHA", " alpha "] {
        let key = seal(&host, "key-of-9023");
        let arguments = json!({ "store_id": "9023", "api_key": key, "store_name": name });
        let error = call(&host, "stores_register", arguments).unwrap_err();
        assert!(error.has_code("store-name-taken"), "{error}");
        assert!(error.message.contains("9021"));
        assert!(!host.is_usable(&key));
    }
    assert_eq!(names(&host), ["Alpha", "Beta"]);
}

#[test]
fn a_name_that_is_another_stores_id_is_refused_and_so_is_an_id_that_is_another_stores_name() {
    let host = order_desk();
    register(&host, "9021", Some("9023"));
    let refused = |store_id: &str, store_name: &str| {
        let key = seal(&host, &format!("key-of-{store_id}"));
        let arguments = json!({ "store_id": store_id, "api_key": key, "store_name": store_name });
        call(&host, "stores_register", arguments).unwrap_err()
    };
    assert!(refused("9022", "9021").has_code("store-name-taken"));
    assert!(refused("9023", "Third").has_code("store-id-is-a-name"));
}

#[test]
fn a_replacement_keeps_what_it_leaves_out_and_destroys_the_old_key() {
    let host = order_desk();
    let old = seal(&host, "key-of-9021");
    let arguments =
        json!({ "store_id": "9021", "api_key": old, "store_name": "Shop", "label": "old" });
    call(&host, "stores_register", arguments).unwrap();

    let new = seal(&host, "new-key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": new, "replace": true });
    let result = call(&host, "stores_register", arguments).unwrap();
    assert_eq!(result["replaced"], true);
    assert_eq!(result["store_name"], "Shop");
    assert_eq!(result["label"], "old");
    assert!(!host.is_usable(&old));
    assert!(host.is_usable(&new));
}

#[test]
fn a_replacement_frees_the_old_name_and_takes_the_new_one() {
    let host = order_desk();
    register(&host, "9021", Some("Old"));
    let rename = |name: &str| {
        let key = seal(&host, "key-of-9021");
        let arguments =
            json!({ "store_id": "9021", "api_key": key, "store_name": name, "replace": true });
        call(&host, "stores_register", arguments).unwrap();
    };
    rename("New");
    register(&host, "9022", Some("old"));
    assert_eq!(names(&host), ["New", "old"]);

    // In other letters it is the same name, and stays this store's.
    rename("NEW");
    assert_eq!(names(&host), ["NEW", "old"]);
    let key = seal(&host, "key-of-9023");
    let arguments = json!({ "store_id": "9023", "api_key": key, "store_name": "new" });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert!(error.has_code("store-name-taken"));
}

#[test]
fn a_replacement_that_order_desk_refuses_leaves_the_old_key_in_use() {
    let host = order_desk();
    let old = register(&host, "9021", None);
    let new = seal(&host, "wrong");
    let arguments = json!({ "store_id": "9021", "api_key": new, "replace": true });
    call(&host, "stores_register", arguments).unwrap_err();
    assert!(host.is_usable(&old));
    assert!(!host.is_usable(&new));
}

#[test]
fn of_two_calls_that_take_one_name_at_the_same_moment_one_is_told() {
    let host = order_desk();
    let other = host.clone();
    let raced = Cell::new(false);
    host.before_commit(move |_| {
        // Just before the first commit another call registers a store under the same name.
        if !raced.replace(true) {
            register(&other, "9022", Some("SHOP"));
        }
        Ok(())
    });
    let key = seal(&host, "key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": key, "store_name": "Shop" });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert!(error.has_code("store-name-taken"), "{error}");
    assert!(!host.is_usable(&key));
    assert_eq!(names(&host), ["SHOP"]);
}

#[test]
fn of_two_replacements_at_the_same_moment_only_the_key_that_is_kept_stays_usable() {
    let host = order_desk();
    let first = register(&host, "9021", None);
    let between = seal(&host, "new-key-of-9021");
    let (other, key) = (host.clone(), between.clone());
    let raced = Cell::new(false);
    host.before_commit(move |_| {
        if !raced.replace(true) {
            let arguments = json!({ "store_id": "9021", "api_key": key, "replace": true });
            call(&other, "stores_register", arguments).unwrap();
        }
        Ok(())
    });
    let last = seal(&host, "key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": last, "replace": true });
    call(&host, "stores_register", arguments).unwrap();
    assert!(!host.is_usable(&first));
    assert!(!host.is_usable(&between));
    assert!(host.is_usable(&last));
}

#[test]
fn a_commit_that_fails_destroys_the_new_key() {
    let host = order_desk();
    host.before_commit(|_: &[Write]| Err(ToolError::unavailable("busy", "The database is busy.")));
    let key = seal(&host, "key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": key });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert!(error.has_code("busy"));
    assert!(!host.is_usable(&key));
}

#[test]
fn a_commit_of_unknown_outcome_leaves_the_new_key_alone() {
    let host = order_desk();
    host.before_commit(|_| Err(ToolError::timeout("slow", "Too slow.").with_outcome_unknown()));
    let key = seal(&host, "key-of-9021");
    call(
        &host,
        "stores_register",
        json!({ "store_id": "9021", "api_key": key }),
    )
    .unwrap_err();
    assert!(host.is_usable(&key));
}

#[test]
fn a_name_that_is_taken_out_of_the_keys_reach_is_told_without_saying_by_whom() {
    let host = two_stores();
    host.limit_to(&["store:9023"]);
    let key = seal(&host, "key-of-9023");
    let arguments = json!({ "store_id": "9023", "api_key": key, "store_name": "alpha" });
    let error = call(&host, "stores_register", arguments).unwrap_err();
    assert!(error.has_code("store-changed"), "{error}");
    assert!(!error.message.contains("9021"));
    assert!(!host.is_usable(&key));
}

#[test]
fn no_result_error_or_log_line_holds_a_key() {
    let host = order_desk();
    let mut said = String::new();
    for (id, key) in [
        ("9021", "key-of-9021"),
        ("9022", "wrong-key"),
        ("9021", "key-of-9021"),
    ] {
        let arguments = json!({ "store_id": id, "api_key": seal(&host, key) });
        match call(&host, "stores_register", arguments) {
            Ok(result) => said += &result.to_string(),
            Err(error) => said += &format!("{error:?}"),
        }
    }
    said += &format!("{:?}", host.log());
    assert!(
        !said.contains("key-of-") && !said.contains("wrong-key"),
        "{said}"
    );
    assert!(
        !said.contains("sealed-"),
        "a handle is nobody's business either: {said}"
    );
}
