//! Behaviour 25: the rate limit.

use jiff::SignedDuration;
use orderdesk_simulator::RateLimit;

use crate::client::{Api, Bench, STORE, bench_with, send, store};

async fn limited() -> Bench {
    bench_with(|config| config.rate = Some(RateLimit::default())).await
}

#[tokio::test]
async fn behaviour_25_twenty_requests_then_429_with_the_wait_in_whole_seconds() {
    let bench = limited().await;
    for left in (0..20).rev() {
        let reply = bench.api.get("/test").await;
        assert_eq!(
            (reply.status, reply.header("x-tokens-remaining")),
            (200, Some(left.to_string().as_str()))
        );
    }
    for _ in 0..3 {
        let refused = bench.api.get("/test").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.json()["status"], "error");
        assert_eq!(refused.header("x-retry-after"), Some("1"));
        assert_eq!(refused.header("x-tokens-remaining"), Some("0"));
    }

    bench.clock.advance(SignedDuration::from_secs(1));
    let statuses = [
        bench.api.get("/test").await.status,
        bench.api.get("/test").await.status,
        bench.api.get("/test").await.status,
        bench.api.get("/test").await.status,
    ];
    assert_eq!(statuses, [200, 200, 200, 429]);

    bench.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        bench.api.get("/test").await.header("x-tokens-remaining"),
        Some("19"),
        "never more than 20"
    );
}

#[tokio::test]
async fn each_store_has_a_bucket_of_its_own_and_wrong_keys_cost_nothing() {
    let other = orderdesk_simulator::Store::new(9022, "other-key", "Other");
    let bench = bench_with(|config| {
        config.rate = Some(RateLimit {
            capacity: 2,
            per_second: 0.1,
        });
        config.stores = vec![store(), other];
    })
    .await;
    let stranger = Api::new(&bench.simulator, STORE, "wrong");
    for _ in 0..5 {
        let refused = stranger.get("/test").await;
        assert_eq!(
            (refused.status, refused.header("x-tokens-remaining")),
            (401, Some("2"))
        );
    }
    bench.api.get("/test").await;
    bench.api.get("/test").await;
    let refused = bench.api.get("/test").await;
    assert_eq!(
        (refused.status, refused.header("x-retry-after")),
        (429, Some("10"))
    );
    let second = Api::new(&bench.simulator, 9022, "other-key");
    assert_eq!(second.get("/test").await.status, 200);
}

#[tokio::test]
async fn every_reply_tells_the_tokens_left() {
    let bench = limited().await;
    let replies = [
        bench.api.get("/orders").await,
        bench.api.get("/orders/1").await,
        bench.api.get("/nowhere").await,
        send(bench.api.request(reqwest::Method::PATCH, "/orders")).await,
        bench.api.post("/orders", &serde_json::json!({})).await,
    ];
    for (index, reply) in replies.iter().enumerate() {
        assert_eq!(
            reply.header("x-tokens-remaining"),
            Some((19 - index).to_string().as_str())
        );
    }
}
