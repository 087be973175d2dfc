//! Documents.

use std::time::Duration;

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::testing::Invocation;

use super::*;

#[test]
fn a_document_is_found_again_by_the_plugin_that_wrote_it_and_by_name_by_others() {
    let host = FakeHost::new();
    within(&host, |context| {
        let storage = context.storage();
        storage.commit(vec![Write::put_json("note", &json!({ "text": "hi" }))?])?;
        assert_eq!(storage.get(Some("elsewhere"), "note")?, None);
        let note = storage.get(None, "note")?.unwrap();
        assert_eq!(Some(&note), storage.get(Some("probe"), "note")?.as_ref());
        assert_eq!(note.json::<Value>()?, json!({ "text": "hi" }));
        assert!(
            note.json::<u32>()
                .unwrap_err()
                .has_code("document-malformed")
        );
        Ok(())
    })
    .unwrap();
    assert_eq!(host.keys("probe"), ["note"]);
}

#[test]
fn a_commit_is_all_or_nothing_and_names_the_key_that_was_in_its_way() {
    let host = FakeHost::new();
    within(&host, |context| {
        let storage = context.storage();
        let versions = storage.commit(vec![Write::put("a", *b"1"), Write::put("b", *b"1")])?;
        let old = versions[0].clone().unwrap();
        storage.commit(vec![Write::put("a", *b"2").if_version(&old)])?;

        for late in [
            Write::put("a", *b"3").if_version(&old),
            Write::put("a", *b"3").if_absent(),
            Write::remove("missing").if_version("any"),
        ] {
            let key = late.key.clone();
            let error = storage.commit(vec![Write::remove("b"), late]).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Conflict);
            assert_eq!(error.extra.unwrap()["key"], key.as_str());
        }
        assert!(
            storage.get(None, "b")?.is_some(),
            "nothing of a refused commit happens"
        );
        assert_eq!(storage.commit(vec![Write::remove("b")])?, [None]);
        Ok(())
    })
    .unwrap();
    assert_eq!(host.document("probe", "a").unwrap().value, b"2");
    assert_eq!(host.keys("probe"), ["a"]);
}

#[test]
fn a_scan_sees_every_key_of_the_prefix_whatever_the_page() {
    for count in [0, 1, 199, 200, 201, 450] {
        let host = FakeHost::new();
        for number in 0..count {
            host.write_document("probe", Write::put(format!("n/{number:04}"), *b"x"));
        }
        host.write_document("probe", Write::put("m/0", *b"x"));
        host.write_document("probe", Write::put("o/0", *b"x"));
        let found = within(&host, |context| context.storage().scan_all(None, "n/")).unwrap();
        assert_eq!(found.len(), count);
        assert!(found.is_sorted_by(|one, other| one.key < other.key));
    }
}

#[test]
fn a_document_ends_with_its_time() {
    let host = FakeHost::new();
    within(&host, |context| {
        let write = Write::put("short", *b"x").expires_after(Duration::from_secs(5));
        context.storage().commit(vec![write])
    })
    .unwrap();
    host.advance(Duration::from_millis(4_999));
    assert!(host.document("probe", "short").is_some());
    host.advance(Duration::from_millis(1));
    assert!(host.document("probe", "short").is_none());
    assert!(host.keys("probe").is_empty());
}

#[test]
fn documents_of_subjects_out_of_scope_are_not_there() {
    let host = FakeHost::new();
    for id in ["1", "2"] {
        let subject = format!("store:{id}");
        host.write_document(
            "probe",
            Write::put(format!("s/{id}"), *b"x").subject(subject),
        );
    }
    host.limit_to(&["store:2"]);
    within(&host, |context| {
        assert_eq!(context.storage().get(None, "s/1")?, None);
        let found = context.storage().scan_all(None, "s/")?;
        assert_eq!(found.len(), 1);
        assert!(context.session().act_on("store:1").is_err());
        context.session().act_on("store:2")
    })
    .unwrap();
    assert_eq!(host.subjects(), ["store:2"]);
}

#[test]
fn what_may_only_read_cannot_write() {
    let write = |_: NoArguments, context: &Context| {
        context.storage().commit(vec![Write::put("a", *b"x")])?;
        Ok(json!({}))
    };
    let reading = || Plugin::new("probe", "0.1.0").tool(Tool::new("probe_run", write).read_only());
    let writing = || Plugin::new("probe", "0.1.0").tool(Tool::new("probe_run", write));
    let host = FakeHost::new();
    let run = || Invocation::new("probe_run", &json!({}));

    let denied = |outcome: Result<_, ToolError>| outcome.unwrap_err().kind == ErrorKind::Denied;
    assert!(denied(testing::run(reading(), &host, run())));
    assert!(denied(testing::run(writing(), &host, run().preview())));
    host.change_caller(|caller| caller.read_only = true);
    assert!(denied(testing::run(writing(), &host, run())));
    host.change_caller(|caller| caller.read_only = false);
    testing::run(writing(), &host, run()).unwrap();
}
