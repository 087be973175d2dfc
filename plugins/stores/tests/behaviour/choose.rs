//! `stores_list`, `stores_use_store`, `stores_resolve`.

use orderdesk_plugin::ErrorKind;

use super::*;

fn active(host: &FakeHost) -> Vec<String> {
    let listed = call(host, "stores_list", json!({})).unwrap();
    listed["stores"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|store| store["active"] == true)
        .map(|store| store["store_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_list_names_every_store_and_shows_no_key() {
    let host = two_stores();
    let listed = call(&host, "stores_list", json!({})).unwrap();
    assert_eq!(
        listed,
        json!({
            "stores": [
                { "store_id": "9021", "store_name": "Alpha", "label": null, "active": false },
                { "store_id": "9022", "store_name": "Beta", "label": null, "active": false }
            ],
            "total": 2
        })
    );
}

#[test]
fn the_list_of_nothing_is_empty() {
    let listed = call(&order_desk(), "stores_list", json!({})).unwrap();
    assert_eq!(listed, json!({ "stores": [], "total": 0 }));
}

#[test]
fn the_only_store_is_the_active_one() {
    let host = order_desk();
    register(&host, "9021", None);
    assert_eq!(active(&host), ["9021"]);
}

#[test]
fn the_store_chosen_by_id_or_name_is_active_until_another_is() {
    let host = two_stores();
    for (identifier, id, name) in [("9022", "9022", "Beta"), ("ALPHA", "9021", "Alpha")] {
        let chosen = call(
            &host,
            "stores_use_store",
            json!({ "identifier": identifier }),
        )
        .unwrap();
        assert_eq!(
            chosen["store"],
            json!({ "store_id": id, "store_name": name })
        );
        assert_eq!(active(&host), [id]);
    }
}

#[test]
fn each_access_key_has_its_own_active_store() {
    let host = two_stores();
    call(&host, "stores_use_store", json!({ "identifier": "9021" })).unwrap();
    host.change_caller(|caller| caller.key_id = "key-2".to_owned());
    assert!(active(&host).is_empty());
}

#[test]
fn the_answer_says_whether_changes_use_the_active_store_too() {
    let host = two_stores();
    let message = |host: &FakeHost| {
        let chosen = call(host, "stores_use_store", json!({ "identifier": "9021" })).unwrap();
        chosen["message"].as_str().unwrap().to_owned()
    };
    assert!(message(&host).starts_with("Tools that read now use"));
    host.change_caller(|caller| caller.single_client = true);
    assert!(message(&host).starts_with("Tools now use"));
}

#[test]
fn an_unknown_store_is_not_chosen() {
    let host = two_stores();
    call(&host, "stores_use_store", json!({ "identifier": "9021" })).unwrap();
    let error = call(&host, "stores_use_store", json!({ "identifier": "Gamma" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.has_code("store-not-found"));
    assert_eq!(active(&host), ["9021"]);
}

#[test]
fn a_read_only_key_cannot_choose() {
    let host = two_stores();
    host.change_caller(|caller| caller.read_only = true);
    let error = call(&host, "stores_use_store", json!({ "identifier": "9021" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[test]
fn an_identifier_is_resolved_by_id_or_by_name() {
    let host = two_stores();
    for (identifier, by) in [
        (json!("9022"), "store_id"),
        (json!(9022), "store_id"),
        (json!("bETA"), "store_name"),
    ] {
        let resolved = call(&host, "stores_resolve", json!({ "identifier": identifier })).unwrap();
        assert_eq!(
            resolved,
            json!({
                "store": { "store_id": "9022", "store_name": "Beta" },
                "store_id": "9022",
                "store_name": "Beta",
                "label": null,
                "resolved_by": by
            })
        );
    }
}

#[test]
fn a_blank_identifier_is_refused_by_its_name() {
    let error = call(
        &two_stores(),
        "stores_resolve",
        json!({ "identifier": " " }),
    )
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.message.contains("identifier"), "{error}");
}
