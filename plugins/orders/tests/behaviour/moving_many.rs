//! `orders_move` of more orders than go together, or than one step has time for.

use std::time::Duration;

use orderdesk_plugin::http::Method;
use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Output, Resumption};

use super::shop::{Fault, Shop};
use super::writing::{answered, asked, warnings};
use super::*;

const ORDERS: u64 = 130;

fn open() -> (FakeHost, Shop) {
    let host = with_stores(&[("9021", "Alpha")]);
    host.set_time_left_ms(90_000);
    let shop = Shop::open(&host, (1_000..1_000 + ORDERS).map(order).collect());
    (host, shop)
}

fn all() -> Value {
    let ids: Vec<u64> = (1_000..1_000 + ORDERS).collect();
    json!({ "order_id_list": ids, "destination_folder_name": "Prepared" })
}

fn moves(host: &FakeHost) -> Vec<Vec<u64>> {
    let sent = host.requests();
    sent.iter()
        .filter(|request| request.method == Method::Post)
        .map(|request| {
            let body: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
            let list = body["order_id_list"].as_array().unwrap();
            list.iter().map(|id| id.as_u64().unwrap()).collect()
        })
        .collect()
}

/// Every request takes this long from now on.
fn slow(host: &FakeHost, shop: &Shop, reads: u64) {
    for _ in 0..reads {
        let clock = host.clone();
        let wait = move |_: &mut _| clock.advance(Duration::from_millis(700));
        shop.fault(Method::Get, Fault::First(Box::new(wait)));
    }
}

/// Calls until it ends; answers how many steps that took.
fn to_the_end(
    host: &FakeHost,
    arguments: &Value,
    begin: Invocation,
    preview: bool,
) -> (Output, usize) {
    let mut steps = 1;
    let mut outcome = testing::run(orders::plugin(), host, begin).unwrap();
    loop {
        let pause = match outcome {
            Outcome::Complete(output) => return (output, steps),
            Outcome::Pause(pause) => pause,
        };
        assert!(pause.questions.is_empty());
        assert!(pause.message.unwrap().contains("of 130 orders"));
        steps += 1;
        let resumption = Resumption {
            state: pause.state,
            answers: Vec::new(),
        };
        let mut call = Invocation::new("orders_move", arguments).resumed(resumption);
        if preview {
            call = call.preview();
        }
        outcome = testing::run(orders::plugin(), host, call).unwrap();
    }
}

fn shown(host: &FakeHost) -> Output {
    let call = Invocation::new("orders_move", &all()).preview();
    to_the_end(host, &all(), call, true).0
}

#[test]
fn one_call_moves_them_all_in_parts_and_each_once() {
    let (host, shop) = open();
    let question = asked(&host, "orders_move", &all()).questions.remove(0);
    let message = question.parameters["message"].as_str().unwrap();
    assert!(message.contains("130 orders"), "{message}");
    // The question shows no order, so it reads none.
    assert!(host.requests().len() <= 1, "{:?}", host.requests());
    let moved = answered(&host, "orders_move", &all(), true).unwrap();
    let mut sent = moves(&host);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 30]);
    let mut sent: Vec<u64> = sent.drain(..).flatten().collect();
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len() as u64, ORDERS);
    let rows = moved["results"].as_array().unwrap();
    assert_eq!(rows.len() as u64, ORDERS);
    for row in rows {
        assert!(row["ok"] == true && row["change_id"].is_string(), "{row}");
        let id = row["order_id"].as_str().unwrap();
        assert_eq!(shop.order(id)["folder_id"], 31002);
    }
    assert!(
        host.progress_messages()
            .contains(&"50 of 130 orders".to_owned())
    );
    // What is too much to show is counted.
    assert_eq!(moved["diff"].as_array().unwrap().len(), 60);
    assert!(warnings(&moved).contains("70 further differences"));

    let undo = json!({ "change_id": rows[70]["change_id"], "whole_call": true });
    let undone = answered(&host, "orders_undo", &undo, true).unwrap();
    assert_eq!(undone["results"].as_array().unwrap().len() as u64, ORDERS);
    assert!(
        shop.ids()
            .iter()
            .all(|id| shop.order(id)["folder_id"] == 31001)
    );
}

#[test]
fn a_preview_and_the_move_take_as_many_steps_as_they_need() {
    let (host, shop) = open();
    slow(&host, &shop, 1_000);
    let call = Invocation::new("orders_move", &all()).preview();
    let (shown, steps) = to_the_end(&host, &all(), call, true);
    assert!(steps > 1 && moves(&host).is_empty());
    let call = Invocation::new("orders_move", &all()).confirming(shown.basis.unwrap());
    let (moved, steps) = to_the_end(&host, &all(), call, false);
    assert!(steps > 1);
    assert_eq!(moved.structured["diff"], shown.structured["diff"]);
    assert_eq!(
        moves(&host).iter().map(Vec::len).sum::<usize>() as u64,
        ORDERS
    );
}

#[test]
fn an_order_that_somebody_moved_on_since_the_preview_stays_there() {
    let (host, shop) = open();
    let shown = shown(&host);
    shop.edit("1100", json!({ "folder_id": 31003 }));
    let call = Invocation::new("orders_move", &all()).confirming(shown.basis.unwrap());
    let (moved, _) = to_the_end(&host, &all(), call, false);
    assert_eq!(shop.order("1100")["folder_id"], 31003);
    let rows = moved.structured["results"].as_array().unwrap();
    let failed: Vec<&Value> = rows.iter().filter(|row| row["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["order_id"], "1100");
    assert!(failed[0]["error"].as_str().unwrap().contains("31003"));
}

#[test]
fn one_that_others_are_changing_keeps_back_no_other() {
    let (host, shop) = open();
    host.hold_lock("orders", "order/9021/1100", Duration::from_secs(600));
    let moved = answered(&host, "orders_move", &all(), true).unwrap();
    let rows = moved["results"].as_array().unwrap();
    let failed: Vec<&Value> = rows.iter().filter(|row| row["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(shop.order("1100")["folder_id"], 31001);
    assert_eq!(shop.order("1101")["folder_id"], 31002);
}

#[test]
fn what_was_cancelled_says_so_and_goes_on_under_its_key() {
    let (host, shop) = open();
    let mut keyed = all();
    keyed["idempotency_key"] = json!("K-1");
    let gone = host.clone();
    shop.fault(Method::Post, Fault::Then(Box::new(move |_| gone.cancel())));
    let moved = answered(&host, "orders_move", &keyed, true).unwrap();
    assert_eq!(moved["results"].as_array().unwrap().len(), 50);
    assert!(warnings(&moved).contains("cancelled"), "{moved:#}");
    host.uncancel();
    // Nobody is asked again, and what is done is not done twice.
    let moved = call(&host, "orders_move", keyed.clone()).unwrap();
    let rows = moved["results"].as_array().unwrap();
    assert_eq!(rows.len() as u64, ORDERS);
    assert_eq!(
        moves(&host).iter().map(Vec::len).collect::<Vec<_>>(),
        [50, 50, 30]
    );
    let again = call(&host, "orders_move", keyed).unwrap();
    assert!(warnings(&again).contains("nothing was changed now"));
    assert_eq!(again["results"], moved["results"]);
    // Both attempts are one call.
    let undo = json!({ "change_id": rows[0]["change_id"], "whole_call": true });
    let undone = answered(&host, "orders_undo", &undo, true).unwrap();
    assert_eq!(undone["results"].as_array().unwrap().len() as u64, ORDERS);
}

#[test]
fn a_refusal_of_one_part_is_told_of_its_orders_only() {
    let (host, shop) = open();
    shop.fault(Method::Post, Fault::Then(Box::new(|_| {})));
    shop.fault(Method::Post, Fault::Refused(422));
    let moved = answered(&host, "orders_move", &all(), true).unwrap();
    let rows = moved["results"].as_array().unwrap();
    let failed = rows.iter().filter(|row| row["ok"] == false).count();
    assert_eq!((rows.len() as u64, failed), (ORDERS, 50));
    assert_eq!(shop.order("1060")["folder_id"], 31001);
    assert_eq!(shop.order("1129")["folder_id"], 31002);
}
