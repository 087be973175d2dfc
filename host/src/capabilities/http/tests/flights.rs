//! Identical reads at the same time are one request.

use std::pin::pin;

use futures::FutureExt as _;

use super::super::*;
use super::fixture::*;

/// Answers with the number of the arrival once the gate lets it.
async fn numbered(gate: &Gate) -> Upstream {
    let (gate, counter) = (gate.clone(), Counter::default());
    Upstream::answering(move |arrival| {
        let (gate, number) = (gate.clone(), counter.next());
        async move {
            if arrival.line.starts_with("GET") {
                gate.pass().await;
            }
            number.to_string()
        }
    })
    .await
}

#[tokio::test]
async fn identical_reads_share_one_request() {
    let gate = Gate::new();
    let upstream = numbered(&gate).await;
    let (http, _) = capability(EndpointSettings {
        rate: Some(TWENTY_AND_THREE),
        ..upstream.settings()
    });
    let (first, second) = (
        Call::new(),
        Call {
            plugin: "reports",
            ..Call::new()
        },
    );
    let release = async {
        gate.arrival().await;
        gate.release(1);
    };
    let (one, other, ()) = tokio::join!(
        async {
            http.send(&first.scope(), with_key(safe_get("orders")))
                .await
                .unwrap()
        },
        async {
            http.send(&second.scope(), with_key(safe_get("orders")))
                .await
                .unwrap()
        },
        release
    );
    assert_eq!((text(&one), text(&other)), ("1", "1"));
    assert_eq!(upstream.lines().len(), 1);
    // What has landed is not a cache.
    gate.release(1);
    assert_eq!(
        text(
            &http
                .send(&first.scope(), with_key(safe_get("orders")))
                .await
                .unwrap()
        ),
        "2"
    );
}

#[tokio::test]
async fn reads_that_differ_in_anything_fly_alone() {
    let gate = Gate::new();
    let upstream = numbered(&gate).await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.secrets
        .known
        .insert("other".into(), ("secret-2".into(), "another-key".into()));
    let header = |name: &str, value| (name.to_owned(), value);
    let sealed = |prefix: &str, handle: &str| HeaderValue::Sealed {
        prefix: prefix.into(),
        handle: handle.into(),
    };
    let mut requests = vec![
        with_key(safe_get("orders")),
        safe_get("orders"),
        safe_get("orders/1"),
    ];
    requests.push(Request {
        query: vec![("a".into(), "1".into())],
        ..safe_get("orders")
    });
    requests.push(Request {
        headers: vec![header("shop-id", HeaderValue::Text("1".into()))],
        ..safe_get("orders")
    });
    requests.push(Request {
        headers: vec![header("shop-key", sealed("", "other"))],
        ..safe_get("orders")
    });
    requests.push(Request {
        headers: vec![header("shop-key", sealed("x ", "key"))],
        ..safe_get("orders")
    });
    requests.push(Request {
        headers: vec![header("authorization", sealed("", "key"))],
        ..safe_get("orders")
    });
    // Not to be repeated, about to write, or under a lock: never shared.
    requests.push(get("orders"));
    requests.push(get("orders"));
    requests.push(Request {
        hold: 1,
        ..safe_get("orders")
    });
    let many = requests.len();
    gate.release(many);
    let scope = call.scope();
    let sent = futures::future::join_all(
        requests
            .into_iter()
            .map(|request| http.send(&scope, request)),
    )
    .await;
    let mut numbers: Vec<usize> = sent
        .into_iter()
        .map(|response| text(&response.unwrap()).parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=many).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_asked_first_can_leave_without_the_others() {
    let gate = Gate::new();
    let upstream = numbered(&gate).await;
    let (http, _) = capability(upstream.settings());
    let (first, second) = (Call::new(), Call::new());
    let (one, other) = (first.scope(), second.scope());
    let mut leader = Box::pin(http.send(&one, safe_get("orders")));
    let mut joiner = pin!(http.send(&other, safe_get("orders")));
    assert!(leader.as_mut().now_or_never().is_none());
    assert!(joiner.as_mut().now_or_never().is_none());
    gate.arrival().await;
    first.cancelled.cancel();
    assert_eq!(leader.await.unwrap_err().kind, ErrorKind::Cancelled);
    gate.release(1);
    assert_eq!(text(&joiner.await.unwrap()), "1");
    assert_eq!(upstream.lines().len(), 1);
}

#[tokio::test]
async fn a_flight_ends_when_nobody_waits_for_it() {
    let gate = Gate::new();
    let upstream = numbered(&gate).await;
    let (http, _) = capability(upstream.settings());
    let call = Call::new();
    let scope = call.scope();
    let mut leader = Box::pin(http.send(&scope, safe_get("orders")));
    let mut joiner = Box::pin(http.send(&scope, safe_get("orders")));
    assert!(leader.as_mut().now_or_never().is_none() && joiner.as_mut().now_or_never().is_none());
    gate.arrival().await;
    drop(leader);
    drop(joiner);
    gate.departure().await;
    gate.release(1);
    assert_eq!(
        text(&http.send(&scope, safe_get("orders")).await.unwrap()),
        "2"
    );
}

#[tokio::test]
async fn a_write_closes_flights_to_who_comes_later() {
    let gate = Gate::new();
    let upstream = numbered(&gate).await;
    let (http, _) = capability(upstream.settings());
    let call = Call::new();
    let scope = call.scope();
    let mut before = pin!(http.send(&scope, with_key(safe_get("orders/1"))));
    let mut keyless = pin!(http.send(&scope, safe_get("orders/1")));
    assert!(before.as_mut().now_or_never().is_none());
    gate.arrival().await;
    assert!(keyless.as_mut().now_or_never().is_none());
    gate.arrival().await;
    let written = http
        .send(&scope, with_key(asking(Method::Put, "orders/1")))
        .await
        .unwrap();
    assert_eq!(text(&written), "3");
    let mut after = pin!(http.send(&scope, with_key(safe_get("orders/1"))));
    assert!(after.as_mut().now_or_never().is_none());
    gate.arrival().await;
    let mut keyless_after = pin!(http.send(&scope, safe_get("orders/1")));
    assert!(keyless_after.as_mut().now_or_never().is_none());
    gate.release(3);
    let (before, after, keyless, keyless_after) =
        tokio::join!(before, after, keyless, keyless_after);
    assert_eq!([text(&before.unwrap()), text(&after.unwrap())], ["1", "4"]);
    assert_eq!(
        [text(&keyless.unwrap()), text(&keyless_after.unwrap())],
        ["2", "2"],
        "another way in, another flight"
    );
}

#[tokio::test]
async fn a_failure_is_shared_as_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (http, _) = capability(EndpointSettings {
        retries: 0,
        ..EndpointSettings::new(base.parse().unwrap())
    });
    let call = Call::new();
    let scope = call.scope();
    let (one, other) = tokio::join!(
        http.send(&scope, safe_get("orders")),
        http.send(&scope, safe_get("orders"))
    );
    let one = one.unwrap_err();
    assert_eq!(one.code, "endpoint-unreachable");
    assert_eq!(one, other.unwrap_err());
}
