//! `orders_move`.

use orderdesk_plugin::http::Method;

use super::shop::Fault;
use super::writing::{answered, asked, confirm, open, preview, warnings};
use super::*;

fn many() -> Value {
    json!({ "order_id_list": ["6", 5], "destination_folder_name": "Prepared" })
}

#[test]
fn one_order_is_moved_without_a_question() {
    let (host, shop) = open();
    let arguments = json!({ "order_id_list": [5], "destination_folder_id": 31002 });
    let moved = call(&host, "orders_move", arguments.clone()).unwrap();
    assert_eq!(shop.order("5")["folder_id"], 31002);
    assert_eq!(
        moved["folder"],
        json!({ "id": "31002", "name": "Prepared" })
    );
    assert_eq!(
        moved["diff"],
        json!([{ "path": "5.folder_id", "before": "31001", "after": "31002" }])
    );
    assert_eq!(moved["results"][0]["ok"], true);
    let again = call(&host, "orders_move", arguments).unwrap();
    assert_eq!(again["diff"], json!([]));
    assert!(warnings(&again).contains("already"));
    let posts = host
        .requests()
        .iter()
        .filter(|request| request.method == Method::Post)
        .count();
    assert_eq!(posts, 1);
    let undo = json!({ "change_id": moved["results"][0]["change_id"] });
    call(&host, "orders_undo", undo).unwrap();
    assert_eq!(shop.order("5")["folder_id"], 31001);
}

#[test]
fn many_are_asked_for_and_each_has_its_own_result() {
    let (host, shop) = open();
    let pause = asked(&host, "orders_move", &many());
    assert!(
        pause.questions[0].parameters["message"]
            .as_str()
            .unwrap()
            .contains("2 orders")
    );
    assert_eq!(shop.order("5")["folder_id"], 31001);
    let arguments = json!({ "order_id_list": [5, 6, 99], "destination_folder_name": "Prepared" });
    let moved = answered(&host, "orders_move", &arguments, true).unwrap();
    let ok: Vec<&Value> = moved["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["ok"])
        .collect();
    assert_eq!(ok, [true, true, false]);
    assert_eq!(shop.order("6")["folder_id"], 31002);
    assert_eq!(moved["diff"].as_array().unwrap().len(), 2);
}

#[test]
fn a_token_stands_for_the_folders_that_were_shown() {
    let (host, shop) = open();
    let shown = preview(&host, "orders_move", &many()).unwrap();
    shop.edit("6", json!({ "folder_id": 31003 }));
    let error = confirm(&host, "orders_move", &many(), &shown.basis.unwrap()).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(shop.order("5")["folder_id"], 31001);
    let shown = preview(&host, "orders_move", &many()).unwrap();
    let moved = confirm(&host, "orders_move", &many(), &shown.basis.unwrap()).unwrap();
    assert_eq!(moved["diff"], shown.structured["diff"]);
}

#[test]
fn a_folder_that_does_not_exist_is_answered_with_those_that_do() {
    let (host, _) = open();
    for folder in [
        json!({ "destination_folder_name": "prepard" }),
        json!({ "destination_folder_id": 7 }),
    ] {
        let arguments = but(json!({ "order_id_list": [5] }), folder);
        let error = call(&host, "orders_move", arguments).unwrap_err();
        assert!(
            error.has_code("folder-not-found") && error.message.contains("\"Prepared\" (31002)"),
            "{error}"
        );
    }
    let both = json!({ "order_id_list": [5], "destination_folder_id": 31002, "destination_folder_name": "New" });
    assert!(
        call(&host, "orders_move", both)
            .unwrap_err()
            .has_code("one-folder")
    );
    let none = json!({ "order_id_list": ["WEB-5"], "destination_folder_id": 31002 });
    assert!(
        call(&host, "orders_move", none)
            .unwrap_err()
            .has_code("bad-order-id")
    );
}

#[test]
fn a_lost_answer_is_found_out_order_by_order() {
    let (host, shop) = open();
    shop.fault(Method::Post, Fault::LostAfter);
    let moved = answered(&host, "orders_move", &many(), true).unwrap();
    assert!(
        moved["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["ok"] == true)
    );
    let (host, shop2) = open();
    shop2.fault(Method::Post, Fault::LostBefore);
    let moved = answered(&host, "orders_move", &many(), true).unwrap();
    assert!(
        moved["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["ok"] == false)
    );
    assert_eq!(moved["diff"], json!([]));
    drop(shop);
}

#[test]
fn a_move_waits_for_a_change_of_one_of_its_orders() {
    let (host, _) = open();
    host.hold_lock(
        "orders",
        "order/9021/6",
        std::time::Duration::from_secs(600),
    );
    let error = answered(&host, "orders_move", &many(), true).unwrap_err();
    assert!(error.has_code("locked"), "{error}");
}

#[test]
fn what_was_interrupted_after_it_arrived_is_not_sent_again_and_told_as_done() {
    let (host, shop) = open();
    let mut keyed = many();
    keyed["idempotency_key"] = json!("K-1");
    let shown = preview(&host, "orders_move", &keyed).unwrap();
    // The process ends after the move, before anybody recorded that.
    let down = host.clone();
    shop.fault(
        Method::Post,
        Fault::Then(Box::new(move |_| {
            down.before_commit(|_| Err(ToolError::unavailable("down", "It is gone.")));
        })),
    );
    drop(confirm(&host, "orders_move", &keyed, &shown.basis.unwrap()));
    host.before_commit(|_| Ok(()));
    let moved = call(&host, "orders_move", keyed).unwrap();
    let rows = moved["results"].as_array().unwrap();
    for row in rows {
        assert!(row["ok"] == true && row["change_id"].is_string(), "{row}");
    }
    let posts = host.requests();
    let posts = posts.iter().filter(|sent| sent.method == Method::Post);
    assert_eq!(posts.count(), 1);
    let undo = json!({ "change_id": rows[0]["change_id"], "whole_call": true });
    answered(&host, "orders_undo", &undo, true).unwrap();
    assert_eq!(shop.order("5")["folder_id"], 31001);
    assert_eq!(shop.order("6")["folder_id"], 31001);
}
