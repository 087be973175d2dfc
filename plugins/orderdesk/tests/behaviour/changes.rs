//! The journal of changes, idempotency keys and consents, seen through a plugin that only uses them.

use orderdesk_client::difference::Edit;
use orderdesk_client::journal::{Intent, Journal, State};
use orderdesk_client::repeat::{self, Attempt};
use orderdesk_client::{WriteSettings, agreed_basis, ask};
use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Resumption};

use super::*;

#[derive(Deserialize, JsonSchema)]
struct Note {
    thing: String,
    undoes: Option<String>,
    #[serde(default)]
    fails: bool,
}

/// Records a change of a thing and how it ended; answers its id and what could not be recorded.
fn record(arguments: Note, context: &Context) -> Result<Value, ToolError> {
    let store = Store::for_write(context, None)?;
    let journal = Journal::new(context, &store, WriteSettings::default().keep());
    let mut change = journal.intend(Intent {
        tool: "record",
        kind: "order",
        thing_id: &arguments.thing,
        edits: vec![Edit {
            at: vec!["email".to_owned()],
            before: Some(json!("a")),
            after: Some(json!("b")),
        }],
        before: Some(json!({ "email": "a" })),
        undoes: arguments.undoes,
        call_id: None,
    })?;
    if arguments.fails {
        return Err(ToolError::upstream("lost", "The answer was lost."));
    }
    change.state = State::Made;
    let warning = journal.settle(&change);
    Ok(json!({ "change_id": change.change_id, "warning": warning }))
}

#[derive(Deserialize, JsonSchema)]
struct Wanted {
    thing: Option<String>,
    after: Option<String>,
    limit: u32,
}

fn show(arguments: Wanted, context: &Context) -> Result<Value, ToolError> {
    let store = Store::for_read(context, None)?;
    let journal = Journal::new(context, &store, WriteSettings::default().keep());
    let of = arguments.thing.as_deref().map(|id| ("order", id));
    let changes = journal.list(of, arguments.after.as_deref(), arguments.limit)?;
    Ok(json!({ "changes": changes }))
}

#[derive(Deserialize, JsonSchema)]
struct Once {
    key: String,
    content: String,
    ends: Option<String>,
}

fn once(arguments: Once, context: &Context) -> Result<Value, ToolError> {
    let store = Store::for_write(context, None)?;
    let keep = WriteSettings::default().keep();
    Ok(
        match repeat::begin(
            context,
            &store,
            "once",
            &arguments.key,
            &arguments.content,
            keep,
        )? {
            Attempt::Done(result, _) => json!({ "was": "done", "result": result }),
            Attempt::First(ticket) | Attempt::Again(ticket) if arguments.ends.is_some() => {
                match arguments.ends.as_deref() {
                    Some("forgotten") => ticket.forget(context),
                    _ => ticket.done(context, &json!(arguments.content)),
                }
                json!({ "was": "ended" })
            }
            Attempt::First(_) => json!({ "was": "first" }),
            Attempt::Again(_) => json!({ "was": "again" }),
        },
    )
}

fn dare(_: Value, context: &Context) -> Result<Outcome<Value>, ToolError> {
    Ok(match agreed_basis(context)? {
        None => ask("what was read", "Delete everything?").into(),
        Some(basis) => Outcome::complete(json!({ "basis": basis })),
    })
}

fn run(host: &FakeHost, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    let plugin = Plugin::new("orders", "0.1.0")
        .tool(Tool::new("record", record))
        .tool(Tool::new("show", show).read_only())
        .tool(Tool::new("once", once))
        .tool(Tool::new("dare", dare));
    testing::call(plugin, host, tool, arguments)
}

fn store() -> FakeHost {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    host
}

fn ids(shown: &Value) -> Vec<String> {
    let changes = shown["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| change["change_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn changes_are_found_newest_first_by_thing_and_page_by_page() {
    let host = store();
    let mut made = Vec::new();
    for thing in ["5", "6", "5", "51"] {
        let recorded = run(&host, "record", json!({ "thing": thing })).unwrap();
        assert_eq!(recorded["warning"], Value::Null);
        made.insert(0, recorded["change_id"].as_str().unwrap().to_owned());
        host.advance(Duration::from_millis(1));
    }
    assert_eq!(
        ids(&run(&host, "show", json!({ "limit": 9 })).unwrap()),
        made
    );
    let of_five = run(&host, "show", json!({ "limit": 9, "thing": "5" })).unwrap();
    assert_eq!(ids(&of_five), [made[1].clone(), made[3].clone()]);
    let rest = json!({ "limit": 2, "after": made[1] });
    assert_eq!(ids(&run(&host, "show", rest).unwrap()), made[2..]);
    assert_eq!(of_five["changes"][0]["state"], "made");
    assert_eq!(of_five["changes"][0]["before"], json!({ "email": "a" }));
}

#[test]
fn a_change_whose_end_nobody_saw_stays_visible_as_under_way() {
    let host = store();
    run(&host, "record", json!({ "thing": "5", "fails": true })).unwrap_err();
    let shown = run(&host, "show", json!({ "limit": 9 })).unwrap();
    assert_eq!(shown["changes"][0]["state"], "under_way");
}

#[test]
fn a_change_that_was_taken_back_says_by_which() {
    let host = store();
    let first = run(&host, "record", json!({ "thing": "5" })).unwrap();
    host.advance(Duration::from_millis(1));
    let undo = json!({ "thing": "5", "undoes": first["change_id"] });
    let second = run(&host, "record", undo).unwrap();
    let shown = run(&host, "show", json!({ "limit": 9 })).unwrap();
    assert_eq!(shown["changes"][1]["undone_by"], second["change_id"]);
}

#[test]
fn before_images_are_kept_for_thirty_days_of_their_store_and_name_nobody() {
    let host = store();
    run(&host, "record", json!({ "thing": "5" })).unwrap();
    for key in host.keys("orders") {
        let document = host.document("orders", &key).unwrap();
        assert_eq!(document.subject.as_deref(), Some("store:9021"));
        assert!(key.starts_with("change"), "{key}");
    }
    host.advance(Duration::from_secs(30 * 24 * 3600 + 1));
    assert!(host.keys("orders").is_empty());
}

#[test]
fn an_outcome_that_cannot_be_recorded_is_told_not_hidden() {
    let host = store();
    let commits = std::cell::Cell::new(0);
    host.before_commit(move |_| {
        commits.set(commits.get() + 1);
        match commits.get() {
            1 => Ok(()),
            _ => Err(ToolError::unavailable("storage-down", "The disk is full.")),
        }
    });
    let recorded = run(&host, "record", json!({ "thing": "5" })).unwrap();
    assert!(
        recorded["warning"]
            .as_str()
            .unwrap()
            .contains("The disk is full.")
    );
}

#[test]
fn what_is_done_under_a_key_is_done_once() {
    let host = store();
    let again = |ends: Value| {
        run(
            &host,
            "once",
            json!({ "key": "k", "content": "c", "ends": ends }),
        )
        .unwrap()
    };
    assert_eq!(again(Value::Null)["was"], "first");
    assert_eq!(again(Value::Null)["was"], "again");
    assert_eq!(again(json!("done"))["was"], "ended");
    assert_eq!(again(Value::Null), json!({ "was": "done", "result": "c" }));
    let other = json!({ "key": "k", "content": "d" });
    assert!(
        run(&host, "once", other)
            .unwrap_err()
            .has_code("idempotency-key-reused")
    );
    let document = &host.keys("orders")[0];
    assert!(!document.contains("/k"), "{document}");
}

#[test]
fn a_key_under_which_nothing_happened_is_as_new() {
    let host = store();
    for ends in [json!("forgotten"), Value::Null] {
        run(
            &host,
            "once",
            json!({ "key": "k", "content": "c", "ends": ends }),
        )
        .unwrap();
    }
    assert!(run(&host, "once", json!({ "key": " ", "content": "c" })).is_err());
}

fn dared(host: &FakeHost, invocation: Invocation) -> Result<Outcome, ToolError> {
    let plugin = Plugin::new("orders", "0.1.0").tool(Tool::new("dare", dare));
    testing::run(plugin, host, invocation)
}

#[test]
fn a_consent_holds_for_what_was_read_when_it_was_asked_for() {
    let host = store();
    let call = || Invocation::new("dare", &json!({}));
    let Outcome::Pause(pause) = dared(&host, call()).unwrap() else {
        panic!("asks first");
    };
    let answered = |answer: bool| Resumption {
        state: pause.state.clone(),
        answers: vec![("confirm".to_owned(), json!(answer))],
    };
    let agreed = Outcome::complete(json!({ "basis": "what was read" }));
    assert_eq!(
        dared(&host, call().resumed(answered(true))).unwrap(),
        agreed
    );
    assert_eq!(
        dared(&host, call().confirming("what was read")).unwrap(),
        agreed
    );
    let refused = dared(&host, call().resumed(answered(false))).unwrap_err();
    assert!(refused.has_code("not-confirmed"));
}
