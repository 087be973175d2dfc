//! `stores_settings`.

use std::time::Duration;

use super::*;

fn with_settings(settings: Value) -> FakeHost {
    let host = two_stores();
    host.endpoint("orderdesk", move |_| {
        Reply::json(
            200,
            &json!({ "status": "success", "store": { "id": "9021", "settings": settings } }),
        )
    });
    host
}

fn ask(host: &FakeHost) -> Result<Value, ToolError> {
    call(
        host,
        "stores_settings",
        json!({ "store_identifier": "9021" }),
    )
}

#[test]
fn settings_come_without_anything_that_is_named_like_a_secret() {
    // As if the host concealed nothing.
    let host = with_settings(json!({
        "timezone": "America/Chicago", "orders_per_page": 50, "shipping_methods": ["Ground"],
        "api_key": "SECRET-1", "smtp_host": "SECRET-2", "smtp_username": "SECRET-3", "smtp_password": "SECRET-4",
        "smtp_headers": "SECRET-5", "smtp_port": "587", "ship_station_api_secret": "SECRET-6",
        "carts": [{ "name": "Shop", "accessToken": "SECRET-7" }],
    }));
    let answer = ask(&host).unwrap();
    assert_eq!(
        answer,
        json!({
            "store": { "store_id": "9021", "store_name": "Alpha" },
            "settings": {
                "timezone": "America/Chicago", "orders_per_page": 50, "shipping_methods": ["Ground"],
                "smtp_port": "587", "carts": [{ "name": "Shop" }],
            },
            "left_out": [
                "api_key", "carts.accessToken", "ship_station_api_secret", "smtp_headers", "smtp_host", "smtp_password",
                "smtp_username",
            ],
            "cached": false
        })
    );
    // What is kept holds none either.
    assert!(!ask(&host).unwrap().to_string().contains("SECRET"));
}

#[test]
fn settings_are_kept_for_five_minutes_and_until_a_new_key() {
    let host = two_stores();
    let before = host.requests().len();
    assert_eq!(ask(&host).unwrap()["cached"], false);
    host.advance(Duration::from_secs(299));
    assert_eq!(ask(&host).unwrap()["cached"], true);
    host.advance(Duration::from_secs(1));
    assert_eq!(ask(&host).unwrap()["cached"], false);
    assert_eq!(host.requests().len(), before + 2);
    let key = seal(&host, "new-key-of-9021");
    let arguments = json!({ "store_id": "9021", "api_key": key, "replace": true });
    call(&host, "stores_register", arguments).unwrap();
    assert_eq!(ask(&host).unwrap()["cached"], false);
}

#[test]
fn an_empty_map_is_no_error_and_anything_else_is() {
    assert_eq!(
        ask(&with_settings(json!([]))).unwrap()["settings"],
        json!({})
    );
    for odd in [json!("none"), json!([1])] {
        assert!(
            ask(&with_settings(odd))
                .unwrap_err()
                .has_code("orderdesk-unexpected")
        );
    }
}

#[test]
fn it_only_reads_and_is_listed_on_demand() {
    let tools = stores::plugin().tools();
    let tool = tools
        .iter()
        .find(|tool| tool.name == "stores_settings")
        .unwrap();
    assert!(tool.hints.read_only && tool.hints.idempotent && !tool.by_default);
    assert!(!tool.hints.destructive && !tool.hints.open_world);
    assert_eq!(tool.toolset.as_deref(), Some("settings"));
}
