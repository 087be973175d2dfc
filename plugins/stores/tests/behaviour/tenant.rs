//! `tenant_use_master_key`.

use orderdesk_plugin::ErrorKind;

use super::*;

fn use_key(host: &FakeHost, key: &Sealed) -> Result<Value, ToolError> {
    call(host, "tenant_use_master_key", json!({ "master_key": key }))
}

#[test]
fn a_key_of_the_account_is_confirmed_with_the_stores_it_has() {
    let host = two_stores();
    let key = host.access_key("the master key", host.caller().unwrap());
    let confirmed = use_key(&host, &key).unwrap();
    assert_eq!(confirmed["stores_count"], 2);
    assert_eq!(
        confirmed["stores"][1],
        json!({ "store_id": "9022", "store_name": "Beta" })
    );
}

#[test]
fn the_next_step_is_told_where_there_is_no_store() {
    let host = order_desk();
    let key = host.access_key("the master key", host.caller().unwrap());
    let confirmed = use_key(&host, &key).unwrap();
    assert_eq!(confirmed["stores_count"], 0);
    assert!(
        confirmed["message"]
            .as_str()
            .unwrap()
            .contains("stores_register")
    );
}

#[test]
fn a_wrong_key_and_a_key_of_another_account_are_refused() {
    let host = two_stores();
    let wrong = host.seal("guess", &["session"]);
    let mut other = host.caller().unwrap();
    other.tenant = "tenant-2".to_owned();
    let foreign = host.access_key("another master key", other);
    for key in [wrong, foreign] {
        let error = use_key(&host, &key).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(!error.message.contains("Alpha"));
    }
}
