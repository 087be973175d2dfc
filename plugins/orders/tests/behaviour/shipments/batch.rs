//! `shipments_add_batch`.

use std::time::Duration;

use super::*;

fn rows(ids: impl IntoIterator<Item = u64>) -> Value {
    let rows: Vec<Value> = ids
        .into_iter()
        .map(|id| json!({ "order_id": id, "tracking_number": format!("T{id}"), "carrier_code": "UPS" }))
        .collect();
    json!({ "shipments": rows })
}

/// Calls until it is done, as the host does; answers the result, what it rests on, and how often it paused.
fn through(
    host: &FakeHost,
    invocation: impl Fn() -> Invocation,
) -> Result<(Value, Option<String>, usize), ToolError> {
    let mut pauses = 0;
    let mut outcome = run(host, invocation())?;
    loop {
        match outcome {
            Outcome::Complete(output) => return Ok((output.structured, output.basis, pauses)),
            Outcome::Pause(pause) => {
                assert!(pause.questions.is_empty());
                pauses += 1;
                let resumption = Resumption {
                    state: pause.state,
                    answers: Vec::new(),
                };
                outcome = run(host, invocation().resumed(resumption))?;
            }
        }
    }
}

fn add(desk: &Desk, arguments: &Value) -> Value {
    through(desk.host(), || {
        Invocation::new("shipments_add_batch", arguments)
    })
    .unwrap()
    .0
}

fn ok(results: &Value) -> Vec<bool> {
    let results = results["results"].as_array().unwrap();
    results
        .iter()
        .map(|row| row["ok"].as_bool().unwrap())
        .collect()
}

#[test]
fn every_row_gets_its_own_answer() {
    let desk = Desk::with_orders(&[5, 6]);
    desk.enter(6, json!({ "tracking_number": "t6" }));
    let answer = add(&desk, &rows([5, 6, 7]));
    assert_eq!(ok(&answer), [true, true, false]);
    assert_eq!(
        (&answer["added"], &answer["failed"]),
        (&json!(1), &json!(1))
    );
    let results = &answer["results"];
    assert!(results[0]["change_id"].is_string());
    assert_eq!(
        (&results[1]["already_there"], &results[1]["change_id"]),
        (&json!(true), &Value::Null)
    );
    assert!(
        results[2]["error"]
            .as_str()
            .unwrap()
            .contains("Order 7 Not Found")
    );
    assert_eq!(answer["diff"][0]["path"], "orders.5.order_shipments.+1");
    let post = desk
        .host()
        .requests()
        .into_iter()
        .find(|it| !it.method.is_safe())
        .unwrap();
    let body: Value = serde_json::from_slice(&post.body.unwrap()).unwrap();
    assert_eq!(
        body,
        json!([{ "order_id": 5, "tracking_number": "T5", "carrier_code": "UPS" }])
    );
    assert!(post.lock.is_some() && !post.safe_to_repeat);
}

#[test]
fn many_go_in_steps_and_belong_to_one_call() {
    let ids: Vec<u64> = (1..=75).collect();
    let desk = Desk::with_orders(&ids);
    let arguments = rows(ids.iter().copied());
    let invocation = || Invocation::new("shipments_add_batch", &arguments);
    let (answer, _, pauses) = through(desk.host(), invocation).unwrap();
    assert_eq!(pauses, 1);
    assert_eq!(answer["added"], 75);
    assert!(desk.host().progress_messages()[0].contains("40 of 75"));
    assert_eq!(writes(desk.host()), 4);
    let changes = changes(desk.host());
    assert_eq!(changes.len(), 75);
    assert!(
        changes
            .iter()
            .all(|it| it["call_id"] == changes[74]["call_id"] && it["state"] == "made")
    );
    // After an interruption the same call goes on, and does nothing twice.
    let again = add(&desk, &arguments);
    assert_eq!((&again["added"], &again["failed"]), (&json!(0), &json!(0)));
    assert_eq!(writes(desk.host()), 4);
    assert!(desk.host().locks_held("orders").is_empty());
}

#[test]
fn a_lost_answer_is_looked_for_row_by_row() {
    for fault in [
        Fault::LostAfter,
        Fault::PageAfter,
        Fault::LostBefore,
        Fault::PageBefore,
    ] {
        let landed = matches!(fault, Fault::LostAfter | Fault::PageAfter);
        let desk = Desk::with_orders(&[5, 6]);
        desk.fail(&[Some(fault)]);
        let answer = add(&desk, &rows([5, 6]));
        assert_eq!(ok(&answer), [landed, landed], "{fault:?}");
        assert_eq!(answer["results"][0]["change_id"].is_string(), landed);
        let state = if landed { "made" } else { "not_made" };
        assert_eq!(changes(desk.host())[0]["state"], state);
        assert_eq!(ok(&add(&desk, &rows([5, 6]))), [true, true]);
        assert_eq!((desk.shipments(5).len(), desk.shipments(6).len()), (1, 1));
    }
}

#[test]
fn where_looking_fails_too_every_row_says_that_nobody_knows() {
    let desk = Desk::with_orders(&[5]);
    desk.fail(&[Some(Fault::LostAfter)]);
    desk.go_blind();
    let answer = add(&desk, &rows([5]));
    assert!(
        answer["results"][0]["error"]
            .as_str()
            .unwrap()
            .contains("not known")
    );
    assert_eq!(changes(desk.host())[0]["state"], "unknown");
    desk.see_again();
    desk.host().advance(Duration::from_secs(60));
    assert_eq!(add(&desk, &rows([5]))["results"][0]["already_there"], true);
}

#[test]
fn a_preview_shows_the_difference_that_the_write_makes_or_conflicts() {
    let ids: Vec<u64> = (1..=50).collect();
    let desk = Desk::with_orders(&ids);
    let arguments = rows(ids.iter().copied().chain([99]));
    let call = || Invocation::new("shipments_add_batch", &arguments);
    let (shown, basis, pauses) = through(desk.host(), || call().preview()).unwrap();
    assert_eq!(
        (&shown["dry_run"], &shown["added"], &shown["failed"]),
        (&json!(true), &json!(50), &json!(1))
    );
    assert_eq!((pauses, writes(desk.host())), (1, 0));
    let basis = basis.unwrap();
    desk.enter(7, json!({ "tracking_number": "T7" }));
    let error = through(desk.host(), || call().confirming(&basis)).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(writes(desk.host()), 0);
    desk.edit(7, Vec::clear);
    let (made, _, _) = through(desk.host(), || call().confirming(&basis)).unwrap();
    assert_eq!(made["diff"], shown["diff"]);
}

#[test]
fn rows_that_could_be_added_twice_are_refused_by_their_number() {
    let desk = Desk::with_orders(&[5]);
    let mut twice = rows([5, 5]);
    twice["shipments"][1]["tracking_number"] = json!("t5");
    let mut none = rows([5]);
    none["shipments"][0]["tracking_number"] = json!("N/A");
    for (arguments, code, row) in [
        (twice, "row-twice", "row 2"),
        (none, "no-tracking-number", "row 1"),
    ] {
        let error = call(desk.host(), "shipments_add_batch", arguments).unwrap_err();
        assert!(
            error.has_code(code) && error.message.contains(row),
            "{error}"
        );
    }
    let error = call(
        desk.host(),
        "shipments_add_batch",
        json!({ "shipments": [] }),
    )
    .unwrap_err();
    assert!(error.has_code("too-many-shipments"));
    assert!(desk.host().requests().is_empty());
}

#[test]
fn an_answer_that_does_not_fit_the_rows_is_not_believed() {
    for results in [
        json!([]),
        json!([{ "status": "success" }]),
        json!([{ "status": "success", "order_id": 6 }, { "status": "success", "order_id": 5 }]),
        json!("2"),
    ] {
        let host = with_stores(&[("9021", "Alpha")]);
        host.endpoint("orderdesk", move |request| match request.method.is_safe() {
            true => Reply::json(200, &json!({ "status": "success", "shipments": [] })),
            false => Reply::json(200, &json!({ "status": "success", "results": results })),
        });
        let answer = call(&host, "shipments_add_batch", rows([5, 6])).unwrap();
        assert_eq!(ok(&answer), [false, false]);
    }
}

#[test]
fn where_the_time_of_a_step_runs_out_it_pauses_and_the_next_one_goes_on() {
    let ids: Vec<u64> = (1..=50).collect();
    let desk = Desk::with_orders(&ids);
    // Twenty orders take 23 of the 60 seconds, of which a step leaves half.
    desk.slow_down(1_600);
    let arguments = rows(ids.iter().copied());
    let call = || Invocation::new("shipments_add_batch", &arguments);
    let (added, _, pauses) = through(desk.host(), call).unwrap();
    assert_eq!((&added["added"], &added["failed"]), (&json!(50), &json!(0)));
    assert!(pauses > 1, "{pauses} pauses");
}

#[test]
fn who_is_asked_to_come_to_an_end_tells_what_is_done_and_the_same_call_goes_on() {
    let ids: Vec<u64> = (1..=50).collect();
    let desk = Desk::with_orders(&ids);
    let arguments = rows(ids.iter().copied());
    let begin = Invocation::new("shipments_add_batch", &arguments);
    let Outcome::Pause(pause) = run(desk.host(), begin).unwrap() else {
        panic!("fifty rows take two steps");
    };
    desk.host().cancel();
    let resumption = Resumption {
        state: pause.state,
        answers: Vec::new(),
    };
    let call = Invocation::new("shipments_add_batch", &arguments).resumed(resumption);
    let Outcome::Complete(first) = run(desk.host(), call).unwrap() else {
        panic!("it was asked to end");
    };
    let first = first.structured;
    assert_eq!(
        (&first["added"], &first["failed"]),
        (&json!(40), &json!(10))
    );
    let error = first["results"][40]["error"].as_str().unwrap();
    assert!(error.contains("Repeat it unchanged"), "{error}");
    desk.host().uncancel();
    let second = add(&desk, &arguments);
    assert_eq!(
        (&second["added"], &second["failed"]),
        (&json!(10), &json!(0))
    );
}

#[test]
fn an_order_that_others_are_changing_does_not_hold_up_the_rest() {
    let desk = Desk::with_orders(&[5, 6]);
    let hour = std::time::Duration::from_secs(3_600);
    desk.host().hold_lock("orders", "order/9021/5", hour);
    let answer = add(&desk, &rows([5, 6]));
    assert_eq!(ok(&answer), [false, true]);
    assert!(
        answer["results"][0]["error"]
            .as_str()
            .unwrap()
            .contains("Other calls are changing")
    );
}
