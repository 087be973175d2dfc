use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::testing::{FakeHost, Invocation, call, run};
use rust_hold_po_boxes::plugin;

fn host() -> FakeHost {
    let host = FakeHost::new();
    host.peer("orders_list", |_| {
        let order = |id: &str, line: &str| json!({ "id": id, "shipping": { "address1": line } });
        let orders =
            [order("1", "P.O. Box 17"), order("2", "4 Box Street"), order("3", "po box 9")];
        Ok(json!({ "orders": orders }))
    });
    host.peer("orders_move", |_| Ok(json!({})));
    host
}

#[test]
fn orders_to_po_boxes_are_moved_and_no_others() {
    let (host, arguments) =
        (host(), json!({ "store_identifier": "9", "from_folder": "New", "to_folder": "Hold" }));
    let held = call(plugin(), &host, "hold_po_boxes", arguments).unwrap();
    assert_eq!(held, json!({ "order_ids": ["1", "3"] }));
    let moved: Vec<_> =
        host.peer_calls().into_iter().filter(|(tool, _)| tool == "orders_move").collect();
    assert_eq!(moved.len(), 2);
    assert_eq!(moved[0].1["destination_folder_name"], "Hold");
}

#[test]
fn a_preview_moves_nothing() {
    let host = host();
    let arguments = json!({ "store_identifier": "9", "from_folder": "New", "to_folder": "Hold", "dry_run": true });
    run(plugin(), &host, Invocation::new("hold_po_boxes", &arguments).preview()).unwrap();
    assert!(host.peer_calls().iter().all(|(tool, _)| tool == "orders_list"));
}
