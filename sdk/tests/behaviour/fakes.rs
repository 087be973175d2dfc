//! HTTP, cache, secrets, session, peers and log.

use std::time::Duration;

use orderdesk_plugin::cache::Lookup;
use orderdesk_plugin::crypto::Audience;
use orderdesk_plugin::http::Request;
use orderdesk_plugin::log::Level;
use orderdesk_plugin::testing::Reply;
use orderdesk_plugin::{ErrorKind, Sealed};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_service_sees_the_request_with_its_secrets_opened_and_the_test_sees_handles() {
    let host = FakeHost::new();
    host.endpoint("shop", |request| {
        Reply::json(
            200,
            &json!({
                "path": request.path,
                "q": request.parameter("q"),
                "key": request.header("Authorization"),
                "body": request.json(),
            }),
        )
    });
    let key = host.seal("secret", &["endpoint:shop"]);
    let answer: Value = within(&host, move |context| {
        let request = Request::put("shop")
            .path(["a", "b c"])
            .query("q", "x&y")
            .sealed_header("Authorization", "Bearer ", &key)
            .json(&json!({ "n": 1 }))?;
        context.http().send(request)?.json()
    })
    .unwrap();
    assert_eq!(
        answer,
        json!({ "path": "/a/b c", "q": "x&y", "key": "Bearer secret", "body": { "n": 1 } })
    );
    assert!(!format!("{:?}", host.requests()).contains("secret"));
}

#[test]
fn what_the_host_would_refuse_is_refused() {
    let host = FakeHost::new();
    host.endpoint("shop", |_| Reply::bytes(200, ""));
    let other = host.seal("secret", &["endpoint:other"]);
    let refusal = |request: Request| {
        within(&host, move |context| context.http().send(request.clone())).unwrap_err()
    };
    assert_eq!(refusal(Request::get("unknown")).kind, ErrorKind::Denied);
    for segment in ["", ".", ".."] {
        let error = refusal(Request::get("shop").path(["orders", segment]));
        assert_eq!(error.kind, ErrorKind::InvalidInput);
    }
    let error = refusal(Request::get("shop").sealed_header("Key", "", &other));
    assert!(error.has_code("secret-not-for-this"));
    let error = refusal(Request::get("shop").sealed_header("Key", "", &Sealed::new("made up")));
    assert!(error.has_code("secret-not-found"));
}

#[test]
fn a_secret_opens_for_its_subject_until_it_is_revoked() {
    let host = FakeHost::new();
    host.endpoint("shop", |_| Reply::bytes(200, ""));
    let key = host.seal("secret", &["endpoint:shop"]);
    let usable = key.clone();
    let send = |subject: &'static str| {
        let key = key.clone();
        within(&host, move |context| {
            context.session().act_on(subject)?;
            let request = Request::get("shop").sealed_header("Key", "", &key);
            context.http().send(request)
        })
    };
    send("store:1").unwrap();
    assert!(send("store:2").unwrap_err().has_code("secret-not-for-this"));
    let key_to_revoke = usable.clone();
    within(&host, move |context| {
        context.crypto().revoke(&key_to_revoke)
    })
    .unwrap();
    assert!(!host.is_usable(&usable));
    assert!(send("store:1").unwrap_err().has_code("secret-not-found"));
}

#[test]
fn an_hmac_is_checked_with_a_sealed_key() {
    // RFC 4231, test case 2.
    let signature: Vec<u8> = (0..32)
        .map(|place| {
            let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
            u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap()
        })
        .collect();
    let host = FakeHost::new();
    within(&host, move |context| {
        let crypto = context.crypto();
        let key = crypto.seal(b"Jefe", &[Audience::Hmac("probe".to_owned())], None)?;
        let message = b"what do ya want for nothing?";
        assert!(crypto.verify_hmac(&key, message, &signature)?);
        assert!(!crypto.verify_hmac(&key, b"something else", &signature)?);
        assert!(!crypto.verify_hmac(&key, message, &signature[..31])?);
        let elsewhere = crypto.seal(b"Jefe", &[Audience::Endpoint("shop".to_owned())], None)?;
        assert!(crypto.verify_hmac(&elsewhere, message, &signature).is_err());
        Ok(())
    })
    .unwrap();
}

#[test]
fn digests_are_right_and_random_bytes_are_never_the_same() {
    within(&FakeHost::new(), |context| {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            context.crypto().sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let one = context.crypto().random(40)?;
        assert_eq!(one.len(), 40);
        assert_ne!(one, context.crypto().random(40)?);
        assert!(context.crypto().random(1025).is_err());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_cached_value_stays_for_its_time_and_within_its_subject() {
    let host = FakeHost::new();
    let look = |subject: &'static str| {
        within(&host, move |context| {
            context.session().act_on(subject)?;
            match context.cache().get("answer")? {
                Lookup::Hit(value) => Ok(Some(value)),
                Lookup::Miss(ticket) => {
                    let value = subject.as_bytes().to_vec();
                    context.cache().put(ticket, value, MINUTE, ["orders"])?;
                    Ok(None)
                }
            }
        })
        .unwrap()
    };
    assert_eq!(look("store:1"), None);
    assert_eq!(look("store:2"), None);
    assert_eq!(look("store:1").as_deref(), Some(&b"store:1"[..]));
    assert_eq!(look("store:2").as_deref(), Some(&b"store:2"[..]));
    host.advance(MINUTE);
    assert_eq!(look("store:1"), None);
    host.empty_cache();
    assert_eq!(look("store:1"), None);
}

#[test]
fn an_invalidation_removes_what_has_its_tag_and_voids_the_tickets_given_before() {
    within(&FakeHost::new(), |context| {
        let cache = context.cache();
        let miss = |key: &str| match cache.get(key) {
            Ok(Lookup::Miss(ticket)) => ticket,
            other => panic!("{other:?}"),
        };
        cache.put(miss("order"), vec![1], MINUTE, ["orders"])?;
        cache.put(miss("product"), vec![2], MINUTE, ["products"])?;
        let stale = miss("list");
        cache.invalidate(["orders"])?;
        cache.put(stale, vec![3], MINUTE, ["orders"])?;
        assert!(matches!(cache.get("order")?, Lookup::Miss(_)));
        assert!(matches!(cache.get("list")?, Lookup::Miss(_)));
        assert_eq!(cache.get("product")?, Lookup::Hit(vec![2]));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_tool_knows_its_caller_and_what_it_may_still_use() {
    let host = FakeHost::new();
    host.change_caller(|caller| caller.client = Some("claude-code".to_owned()));
    host.set_time_left_ms(1_500);
    host.cancel();
    within(&host, |context| {
        let session = context.session();
        assert_eq!(session.caller()?.client.as_deref(), Some("claude-code"));
        assert_eq!(session.time_left(), Duration::from_millis(1_500));
        assert!(session.cancelled());
        session.progress(1.0, Some(2.0), "half");
        Ok(())
    })
    .unwrap();
    assert_eq!(host.progress_messages(), ["half"]);
}

#[test]
fn a_tool_that_waits_uses_up_its_time_and_its_leases() {
    let host = FakeHost::new();
    host.set_time_left_ms(10_000);
    host.endpoint("shop", |_| Reply::json(200, &json!({})));
    within(&host, |context| {
        let begin = context.clock().now_ms();
        let lock = context
            .locks()
            .acquire("order/5", MINUTE, Duration::from_secs(3))?;
        let send = || {
            context
                .http()
                .send(Request::put("shop").path(["orders", "5"]).under_lock(&lock))
        };
        send()?;
        context.clock().sleep(Duration::from_secs(4));
        assert_eq!(context.clock().now_ms(), begin + 4_000);
        assert_eq!(context.session().time_left(), Duration::from_secs(6));
        let refused = send().map_err(|error| error.kind);
        assert_eq!(refused.err(), Some(ErrorKind::Conflict));
        Ok(())
    })
    .unwrap();
}

#[test]
fn other_plugins_tools_answer_and_fail_through() {
    let host = FakeHost::new();
    host.peer("orders_get", |arguments| {
        match arguments["order_id"].as_str() {
            Some("5") => Ok(json!({ "order": { "id": "5" } })),
            _ => Err(ToolError::not_found("order-not-found", "There is none.")),
        }
    });
    within(&host, |context| {
        let order: Value = context
            .peers()
            .call("orders_get", &json!({ "order_id": "5" }))?;
        assert_eq!(order["order"]["id"], "5");
        let missing = context
            .peers()
            .call::<Value>("orders_get", &json!({ "order_id": "6" }));
        assert!(missing.unwrap_err().has_code("order-not-found"));
        let odd = context
            .peers()
            .call::<u32>("orders_get", &json!({ "order_id": "5" }));
        assert!(odd.unwrap_err().has_code("peer-malformed"));
        let unknown = context.peers().call::<Value>("orders_burn", &json!({}));
        assert_eq!(unknown.unwrap_err().kind, ErrorKind::Denied);
        Ok(())
    })
    .unwrap();
    assert_eq!(host.peer_calls().len(), 4);
}

#[test]
fn log_lines_are_kept_with_their_level_and_fields() {
    let host = FakeHost::new();
    within(&host, |context| {
        context.log().warn("slow", &[("ms", "1500")]);
        Ok(())
    })
    .unwrap();
    let [line] = host.log().try_into().unwrap();
    assert_eq!((line.level, line.message.as_str()), (Level::Warn, "slow"));
    assert_eq!(line.fields, [("ms".to_owned(), "1500".to_owned())]);
}
