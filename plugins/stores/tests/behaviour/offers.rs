//! Stores and folders as resources.

use orderdesk_plugin::Typing;

use super::*;

fn read(host: &FakeHost, uri: &str) -> Result<Value, ToolError> {
    let contents = testing::read(stores::plugin(), host, uri)?;
    Ok(serde_json::from_str(contents.text().unwrap()).unwrap())
}

#[test]
fn stores_and_folders_read_as_the_tools_tell_them() {
    let host = two_stores();
    let told = call(&host, "stores_list", json!({})).unwrap();
    assert_eq!(read(&host, "orderdesk://stores").unwrap(), told);
    let told = call(
        &host,
        "stores_folders",
        json!({ "store_identifier": "beta" }),
    )
    .unwrap();
    let read = |uri| read(&host, uri);
    let folders = read("orderdesk://Beta/folders").unwrap();
    assert_eq!(folders["folders"], told["folders"]);
    assert_eq!(folders["cached"], true);
    assert!(
        read("orderdesk://gamma/folders")
            .unwrap_err()
            .has_code("store-not-found")
    );
    assert!(read("orderdesk://stores/9021").is_err());
}

#[test]
fn stores_are_offered_while_somebody_types_as_far_as_the_key_reaches() {
    let host = two_stores();
    let offered = |typed: &str| {
        let typing = Typing::new("store", typed);
        testing::complete(
            stores::plugin(),
            &host,
            "orderdesk://{store}/folders",
            typing,
        )
        .unwrap()
        .values
    };
    assert_eq!(offered("BE"), ["Beta"]);
    assert_eq!(offered("902").len(), 2);
    host.limit_to(&["store:9021"]);
    assert_eq!(offered(""), ["Alpha"]);
}
