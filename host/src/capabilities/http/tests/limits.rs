//! Tokens, leases and sizes.

use std::time::Duration;

use tokio::time::Instant;

use super::super::*;
use super::fixture::*;

const RATE: Rate = TWENTY_AND_THREE;

fn limited(upstream: &Upstream) -> EndpointSettings {
    EndpointSettings {
        rate: Some(RATE),
        ..upstream.settings()
    }
}

#[tokio::test]
async fn a_request_takes_a_token_of_its_secrets_bucket() {
    let upstream = Upstream::saying("{}").await;
    let (http, buckets) = capability(limited(&upstream));
    let call = Call::new();
    http.send(&call.scope(), with_key(get("orders")))
        .await
        .unwrap();
    http.send(&call.scope(), with_key(safe_get("orders")))
        .await
        .unwrap();
    http.send(&call.scope(), get("orders")).await.unwrap();
    let taken = [
        ("shop/secret:secret-1", 1),
        ("shop/secret:secret-1", 1),
        ("shop/plugin:orders", 1),
    ];
    assert_eq!(
        *buckets.taken.lock().unwrap(),
        taken.map(|(bucket, tokens)| (bucket.to_owned(), tokens))
    );
}

#[tokio::test]
async fn tokens_that_come_in_time_are_waited_for() {
    let upstream = Upstream::saying("{}").await;
    let (http, buckets) = capability(limited(&upstream));
    buckets
        .refusals
        .lock()
        .unwrap()
        .extend([Duration::from_millis(1), Duration::ZERO]);
    http.send(&Call::new().scope(), get("orders"))
        .await
        .unwrap();
    assert!(buckets.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tokens_that_come_too_late_are_not_waited_for() {
    let upstream = Upstream::saying("{}").await;
    let (http, buckets) = capability(limited(&upstream));
    for request in [
        get("orders"),
        safe_get("orders"),
        asking(Method::Post, "orders"),
    ] {
        buckets
            .refusals
            .lock()
            .unwrap()
            .push_back(Duration::from_secs(600));
        let error = http.send(&Call::new().scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::RateLimited, "rate-limited")
        );
        assert_eq!(error.retry_after, Some(Duration::from_secs(600)));
        assert!(
            error.message.contains("600 s") && !error.outcome_unknown,
            "{error:?}"
        );
    }
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn held_tokens_are_taken_together_and_used_by_what_follows() {
    let upstream = Upstream::saying("{}").await;
    let (http, buckets) = capability(limited(&upstream));
    let call = Call::new();
    http.send(
        &call.scope(),
        with_key(Request {
            hold: 2,
            ..safe_get("orders/1")
        }),
    )
    .await
    .unwrap();
    http.send(&call.scope(), with_key(asking(Method::Put, "orders/1")))
        .await
        .unwrap();
    http.send(&call.scope(), with_key(safe_get("orders/1")))
        .await
        .unwrap();
    let tokens = || {
        buckets
            .taken
            .lock()
            .unwrap()
            .iter()
            .map(|(_, tokens)| *tokens)
            .collect::<Vec<_>>()
    };
    assert_eq!(tokens(), [3]);
    http.send(&call.scope(), with_key(get("orders/1")))
        .await
        .unwrap();
    assert_eq!(tokens(), [3, 1], "all held tokens are used");
    http.send(&Call::new().scope(), with_key(get("orders/1")))
        .await
        .unwrap();
    assert_eq!(tokens(), [3, 1, 1]);
}

#[tokio::test]
async fn held_tokens_pay_for_a_further_hold() {
    let upstream = Upstream::saying("{}").await;
    let (http, buckets) = capability(limited(&upstream));
    let call = Call::new();
    for _ in 0..2 {
        http.send(
            &call.scope(),
            Request {
                hold: 1,
                ..get("orders/1")
            },
        )
        .await
        .unwrap();
    }
    assert_eq!(
        buckets
            .taken
            .lock()
            .unwrap()
            .iter()
            .map(|(_, tokens)| *tokens)
            .collect::<Vec<_>>(),
        [2, 1]
    );
}

#[tokio::test]
async fn more_tokens_than_a_bucket_has_cannot_be_held() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(limited(&upstream));
    let error = http
        .send(
            &Call::new().scope(),
            Request {
                hold: 20,
                ..get("orders")
            },
        )
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, &*error.code),
        (ErrorKind::InvalidInput, "hold-too-large")
    );
}

#[tokio::test]
async fn what_the_service_says_about_its_tokens_is_passed_on() {
    let upstream = Upstream::answering(|_| async { [("X-Tokens-Remaining", "7")] }).await;
    let (http, buckets) = capability(limited(&upstream));
    http.send(&Call::new().scope(), with_key(get("orders")))
        .await
        .unwrap();
    assert_eq!(
        *buckets.observed.lock().unwrap(),
        [("shop/secret:secret-1".to_owned(), 7)]
    );
}

#[tokio::test]
async fn a_refusal_by_the_service_blocks_the_bucket() {
    for (headers, seconds) in [
        (vec![("x-retry-after", "7")], 7),
        (vec![("retry-after", "9")], 9),
        (vec![("x-retry-after", "5"), ("retry-after", "9")], 5),
        (vec![("x-retry-after", "3600")], 60),
        (vec![("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], 30),
        (vec![], 30),
    ] {
        let upstream = Upstream::answering(move |_| {
            let headers = headers.clone();
            async move {
                let headers: axum::http::HeaderMap = headers
                    .into_iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect();
                (axum::http::StatusCode::TOO_MANY_REQUESTS, headers)
            }
        })
        .await;
        let (http, buckets) = capability(limited(&upstream));
        let response = http
            .send(&Call::new().scope(), get("orders"))
            .await
            .unwrap();
        assert_eq!(response.status, 429);
        let blocked = [(
            "shop/plugin:orders".to_owned(),
            Duration::from_secs(seconds),
        )];
        assert_eq!(*buckets.blocked.lock().unwrap(), blocked);
    }
}

#[tokio::test]
async fn a_lock_must_outlast_the_request() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.locks
        .0
        .insert("order:1".into(), Duration::from_secs(30));
    let put = |lock: &str, seconds| Request {
        lock: Some(lock.into()),
        timeout: Some(Duration::from_secs(seconds)),
        ..asking(Method::Put, "orders/1")
    };
    for request in [put("order:1", 30), put("order:1", 40), put("order:2", 1)] {
        let error = http.send(&call.scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::Conflict, "lease-too-short")
        );
        assert!(!error.outcome_unknown);
    }
    assert!(upstream.lines().is_empty());
    http.send(&call.scope(), put("order:1", 29)).await.unwrap();
    // What counts is the time that the request can take, and that ends with the call.
    call.deadline = Instant::now() + Duration::from_secs(20);
    http.send(&call.scope(), put("order:1", 40)).await.unwrap();
}

#[tokio::test]
async fn a_call_has_so_many_requests() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.budget = ResponseBudget::new(1 << 20, 2);
    http.send(&call.scope(), get("orders")).await.unwrap();
    http.send(&call.scope(), safe_get("orders")).await.unwrap();
    let error = http.send(&call.scope(), get("orders")).await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.code),
        (ErrorKind::TooLarge, "too-many-requests-in-call")
    );
    assert_eq!(upstream.lines().len(), 2);
}

#[tokio::test]
async fn a_call_receives_so_many_bytes() {
    let upstream = Upstream::answering(|_| async { "x".repeat(400) }).await;
    let (http, _) = capability(upstream.settings());
    for request in [get, safe_get] {
        let mut call = Call::new();
        // Two answers with their headers, and a bit of a third.
        call.budget = ResponseBudget::new(1200, 100);
        http.send(&call.scope(), request("orders")).await.unwrap();
        http.send(&call.scope(), request("orders")).await.unwrap();
        for _ in 0..2 {
            let error = http
                .send(&call.scope(), request("orders"))
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind, &*error.code),
                (ErrorKind::TooLarge, "response-too-large")
            );
        }
    }
}
