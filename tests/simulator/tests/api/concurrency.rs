//! Behaviour 19: the last write wins.

use reqwest::Method;
use serde_json::json;

use crate::client::{bench, order_input, order_with, send};

#[tokio::test]
async fn behaviour_19_last_write_wins_whatever_if_match_says() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}");
    let read = bench.api.get(&path).await;
    assert_eq!(read.header("etag"), None);

    bench
        .api
        .put(&path, &order_with(&json!({"email": "staff@example.com"})))
        .await;
    let stale = read.json()["order"].clone();
    let request = bench
        .api
        .request(Method::PUT, &path)
        .header("If-Match", "\"outdated\"")
        .json(&stale);
    assert_eq!(send(request).await.status, 200);
    assert_eq!(
        bench.api.order(&id).await["email"],
        "r.okafor@example.com",
        "the staff's change is lost"
    );
}
