//! The audit trail: whole, or it shows; and everybody's own.

use std::time::Duration;

use serde_json::json;

use super::{A_DAY, House, Process};
use crate::store::StoreError;
use crate::tenancy::audit::{Ending, Entry, Head, PageError, Source, Wanted};
use crate::tenancy::{Principal, Upkeep};

fn call(principal: &Principal, tool: &str) -> Entry {
    Entry {
        correlation_id: Some("c0ffee".into()),
        source: Source::Stdio,
        ..Entry::of(principal, "call", tool)
    }
}

async fn tell(process: &Process, principal: &Principal, tool: &str, subject: Option<&str>) {
    let ending = Ending {
        subject: subject.map(str::to_owned),
        ..Ending::of("ok")
    };
    process
        .tenancy
        .audit()
        .tell(call(principal, tool), ending)
        .await;
}

async fn actions(process: &Process) -> Vec<String> {
    process.tenancy.audit().flush().await;
    let rows = process.tenancy.audit().newest(None, 1_000).await.unwrap();
    rows.into_iter().map(|row| row.record.action).collect()
}

fn wanted() -> Wanted {
    Wanted {
        limit: 50,
        ..Wanted::default()
    }
}

#[tokio::test]
async fn a_row_that_is_altered_removed_or_added_by_hand_shows() {
    let house = House::new();
    let process = house.start().await;
    let (_, principal) = process.tenant("acme").await;
    for number in 0..5 {
        tell(&process, &principal, &format!("tool_{number}"), None).await;
    }
    let audit = process.tenancy.audit();
    audit.flush().await;
    let whole = audit.verify(None).await.unwrap();
    assert!(whole.ok(), "{whole:?}");
    assert_eq!(whole.rows, 7, "the making of the tenant is two");
    let columns = [
        "at = at + 1",
        "tenant = NULL",
        "tenant = 'ten_other'",
        "access_key = 'x'",
        "subject = 'store:1'",
        "plugin = 'x'",
        "kind = 'x'",
        "action = 'x'",
        "intent = 1",
        "outcome = 'error'",
        "outcome = NULL",
        "code = ''",
        "duration_ms = 9",
        "correlation_id = 'x'",
        "source = 'x'",
        "arguments = '{}'",
        "changed = '[]'",
        "sealed = x'00'",
        "hash = x'00'",
    ];
    let hand = house.raw();
    for change in columns.map(|set| format!("UPDATE audit SET {set} WHERE seq = 5")) {
        hand.execute_batch(
            "BEGIN; CREATE TEMP TABLE was AS SELECT * FROM audit WHERE seq = 5; COMMIT",
        )
        .unwrap();
        hand.execute(&change, []).unwrap();
        let verdict = audit.verify(None).await.unwrap();
        assert_eq!(verdict.first_bad, Some(5), "{change}: {verdict:?}");
        hand.execute_batch(
            "BEGIN; DELETE FROM audit WHERE seq = 5; INSERT INTO audit SELECT * FROM was; DROP TABLE was; COMMIT",
        )
        .unwrap();
        assert!(audit.verify(None).await.unwrap().ok(), "{change}");
    }
    hand.execute_batch("CREATE TEMP TABLE was AS SELECT * FROM audit WHERE seq = 3; DELETE FROM audit WHERE seq = 3")
        .unwrap();
    let verdict = audit.verify(None).await.unwrap();
    assert_eq!(verdict.first_bad, Some(3), "{verdict:?}");
    hand.execute_batch("INSERT INTO audit SELECT * FROM was; DROP TABLE was")
        .unwrap();
    // The two oldest, as if retention had taken them off; its signature is missing.
    hand.execute_batch("CREATE TEMP TABLE was AS SELECT * FROM audit WHERE seq <= 2; DELETE FROM audit WHERE seq <= 2")
        .unwrap();
    assert_eq!(audit.verify(None).await.unwrap().first_bad, Some(1));
    hand.execute_batch(
        "INSERT INTO audit_checkpoint SELECT 1, seq, hash, 5, x'00' FROM was WHERE seq = 2",
    )
    .unwrap();
    assert_eq!(audit.verify(None).await.unwrap().first_bad, Some(2));
}

#[tokio::test]
async fn newest_rows_that_are_gone_show_against_a_head_that_somebody_kept() {
    let house = House::new();
    let process = house.start().await;
    let (_, principal) = process.tenant("acme").await;
    tell(&process, &principal, "orders_get", None).await;
    let audit = process.tenancy.audit();
    audit.flush().await;
    let head = audit.verify(None).await.unwrap().head.unwrap();
    let bare = Head {
        seq: None,
        ..head.clone()
    };
    tell(&process, &principal, "orders_list", None).await;
    audit.flush().await;
    for known in [&head, &bare] {
        assert!(audit.verify(Some(known.clone())).await.unwrap().ok());
    }
    house
        .raw()
        .execute("DELETE FROM audit WHERE seq >= 3", [])
        .unwrap();
    assert!(
        audit.verify(None).await.unwrap().ok(),
        "nothing else tells of it"
    );
    for known in [&head, &bare] {
        let verdict = audit.verify(Some(known.clone())).await.unwrap();
        assert_eq!(verdict.first_bad, Some(3), "{verdict:?}");
    }
    // Others in their place have other hashes.
    tell(&process, &principal, "orders_get", None).await;
    audit.flush().await;
    house.clock.advance(Duration::from_secs(1));
    tell(&process, &principal, "orders_list", None).await;
    audit.flush().await;
    let forged = Head {
        seq: head.seq,
        hash: vec![7; 32],
    };
    let verdict = audit.verify(Some(forged)).await.unwrap();
    assert_eq!(verdict.first_bad, head.seq, "{verdict:?}");
    assert_eq!(head.to_string().parse(), Ok(head));
}

#[tokio::test]
async fn a_change_is_told_before_it_is_made_and_its_end_even_if_nobody_tells_it() {
    let house = House::new();
    let process = house.start().await;
    let (_, principal) = process.tenant("acme").await;
    let audit = process.tenancy.audit();
    let begun = audit
        .begin(call(&principal, "orders_update"))
        .await
        .unwrap();
    let rows = audit.newest(None, 1).await.unwrap();
    assert_eq!(rows[0].record.action, "orders_update");
    assert_eq!(rows[0].record.outcome, None, "it stands already");
    let page = audit.page(&principal, wanted()).await.unwrap();
    assert_eq!(page.entries[0]["outcome"], "unknown");
    let diff = json!({"path": "/shipping/city", "before": "Bath", "after": "Wells"});
    begun
        .end(Ending {
            diffs: vec![diff.clone()],
            ..Ending::of("ok")
        })
        .await;
    drop(
        audit
            .begin(call(&principal, "orders_delete"))
            .await
            .unwrap(),
    );
    let page = audit
        .page(
            &principal,
            Wanted {
                values: true,
                changes_only: true,
                action: Some("orders_update".to_owned()),
                ..wanted()
            },
        )
        .await
        .unwrap();
    assert_eq!(page.entries.len(), 1, "{:?}", page.entries);
    assert_eq!(page.entries[0]["outcome"], "ok");
    assert_eq!(page.entries[0]["changed"], json!(["/shipping/city"]));
    assert_eq!(page.entries[0]["values"]["diff"][0], diff);
    let page = audit.page(&principal, wanted()).await.unwrap();
    assert_eq!(page.entries[0]["tool"], "orders_delete");
    assert_eq!(page.entries[0]["outcome"], "unknown");
    assert!(audit.verify(None).await.unwrap().ok());
    // In the file, the values stand nowhere.
    let sealed: Vec<u8> = house
        .raw()
        .query_row(
            "SELECT sealed FROM audit WHERE changed IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(!sealed.windows(4).any(|window| window == b"Bath"));
}

#[tokio::test]
async fn where_the_trail_cannot_be_written_no_change_begins() {
    let house = House::new();
    let process = house.start().await;
    let (_, principal) = process.tenant("acme").await;
    house
        .raw()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
        .unwrap();
    let begun = process
        .tenancy
        .audit()
        .begin(call(&principal, "orders_update"))
        .await;
    assert!(matches!(begun, Err(StoreError::Sqlite(_))));
    let made = process.tenancy.create_tenant("bell").await;
    assert!(made.is_err(), "an administrative act neither");
    assert_eq!(process.tenancy.tenants().await.unwrap().len(), 1);
}

#[tokio::test]
async fn administrative_acts_are_told_with_the_ids_and_never_the_keys() {
    let house = House::new();
    let process = house.start().await;
    let (created, principal) = process.tenant("acme").await;
    let limited = process.limited_to(&principal, "store:1").await;
    let tenancy = &process.tenancy;
    tenancy
        .revoke_key(&principal.tenant, &limited.key)
        .await
        .unwrap();
    let last = tenancy.revoke_key(&principal.tenant, &principal.key).await;
    assert!(last.is_err());
    tenancy
        .set_suspended(&principal.tenant, true)
        .await
        .unwrap();
    assert_eq!(
        actions(&process).await,
        [
            ["tenants.create"; 2],
            ["keys.create"; 2],
            ["keys.revoke"; 2],
            ["keys.revoke"; 2],
            ["tenants.suspend"; 2]
        ]
        .concat()
    );
    let rows = tenancy.audit().newest(None, 100).await.unwrap();
    let told = format!("{rows:?}");
    assert!(told.contains(limited.key.as_str()));
    assert!(
        rows.iter()
            .any(|row| row.record.outcome.as_deref() == Some("error"))
    );
    use secrecy::ExposeSecret;
    let secret = created
        .master_key
        .expose_secret()
        .rsplit('_')
        .next()
        .unwrap();
    assert!(!told.contains(secret));
}

#[tokio::test]
async fn a_tenant_sees_its_own_and_a_limited_key_what_was_done_with_itself_in_its_reach() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let (_, bell) = process.tenant("bell").await;
    let limited = process.limited_to(&acme, "store:1").await;
    let audit = process.tenancy.audit();
    tell(&process, &acme, "by_master", Some("store:1")).await;
    tell(&process, &limited, "in_reach", Some("store:1")).await;
    tell(&process, &limited, "about_nothing", None).await;
    tell(&process, &limited, "out_of_reach", Some("store:2")).await;
    tell(&process, &bell, "elsewhere", Some("store:1")).await;
    let tools = async |principal: &Principal, wanted| -> Vec<String> {
        let page = audit.page(principal, wanted).await.unwrap();
        let tools = page.entries.iter().map(|it| it["tool"].as_str().unwrap());
        tools.map(str::to_owned).collect()
    };
    assert_eq!(
        tools(&limited, wanted()).await,
        ["about_nothing", "in_reach"]
    );
    assert_eq!(tools(&bell, wanted()).await, ["elsewhere"]);
    let all = [
        "out_of_reach",
        "about_nothing",
        "in_reach",
        "by_master",
        "keys.create",
    ];
    assert_eq!(tools(&acme, wanted()).await, all);
    let of_store = Wanted {
        subject: Some("store:1".to_owned()),
        ..wanted()
    };
    assert_eq!(tools(&acme, of_store).await, ["in_reach", "by_master"]);

    // Page by page, with cursors that are of no use to others.
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let wanted = Wanted {
            cursor: cursor.clone(),
            limit: 2,
            ..Wanted::default()
        };
        let page = audit.page(&acme, wanted.clone()).await.unwrap();
        seen.extend(
            page.entries
                .iter()
                .map(|it| it["tool"].as_str().unwrap().to_owned()),
        );
        let foreign = audit.page(&bell, wanted).await;
        if cursor.is_some() {
            assert!(matches!(foreign, Err(PageError::Cursor)));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    for wrong in ["", "12", "zz", "ä", &"00".repeat(40)] {
        let wanted = Wanted {
            cursor: Some(wrong.to_owned()),
            ..wanted()
        };
        let refused = audit.page(&acme, wanted).await;
        assert!(matches!(refused, Err(PageError::Cursor)), "{wrong}");
    }
}

#[tokio::test]
async fn retention_takes_off_what_is_old_and_the_rest_stays_verifiable_by_every_process() {
    let house = House::new();
    let process = house.start().await;
    let (_, principal) = process.tenant("acme").await;
    tell(&process, &principal, "old", None).await;
    process.tenancy.audit().flush().await;
    let old_head = process.tenancy.audit().verify(None).await.unwrap().head;
    house.clock.advance(A_DAY * 91);
    tell(&process, &principal, "new", None).await;
    process.tenancy.audit().flush().await;
    let upkeep = Upkeep::new(process.database.clone(), &process.tenancy, A_DAY * 90);
    assert_eq!(upkeep.once().await.unwrap().audit, 3);
    assert_eq!(actions(&process).await, ["new"]);
    drop(process);

    let again = house.start().await;
    let verdict = again.tenancy.audit().verify(old_head).await.unwrap();
    assert!(verdict.ok(), "{verdict:?}");
    assert_eq!((verdict.rows, verdict.trimmed_to), (1, Some(3)));
}

#[tokio::test]
async fn failed_logins_are_told_in_one_row_with_their_number() {
    let house = House::new();
    let process = house.start().await;
    let audit = process.tenancy.audit();
    for _ in 0..30 {
        audit.failed_login(&Source::Http(Some([10, 0, 0, 1].into())));
    }
    assert_eq!(actions(&process).await, ["login.failed"]);
    let rows = audit.newest(None, 1).await.unwrap();
    assert_eq!(
        rows[0].record.arguments.as_deref(),
        Some(r#"{"count":30,"from":{"http 10.0.0.1":30}}"#)
    );
}
