//! The outbound order post.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::SignedDuration;
use orderdesk_simulator::{Delivery, WebhookError, sign, toggles::HashStyle};
use tokio::net::TcpListener;

use crate::client::{Bench, KEY, START, bench, order_input, order_with};

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver that answers these statuses one after the other, and the last one from then on.
async fn receiver(statuses: &'static [u16]) -> (String, Received) {
    let received = Received::default();
    let seen = Arc::clone(&received);
    let handler = async move |headers: HeaderMap, body: Bytes| {
        let mut seen = seen.lock().unwrap();
        seen.push((headers, body));
        StatusCode::from_u16(statuses[(seen.len() - 1).min(statuses.len() - 1)]).unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

async fn create(bench: &Bench, input: &serde_json::Value) -> u64 {
    bench.api.create(input).await.parse().unwrap()
}

/// Sends a webhook and moves the clock on whenever the sender waits.
async fn deliver_through_all_waits(bench: &Bench, order_id: u64, url: &str) -> Delivery {
    let delivery = bench.simulator.send_webhook(order_id, url);
    tokio::pin!(delivery);
    loop {
        tokio::select! {
            delivery = &mut delivery => return delivery.unwrap(),
            _ = bench.clock.advance_to_next_sleeper() => {}
        }
    }
}

#[tokio::test]
async fn an_order_is_posted_as_a_signed_form_field() {
    let bench = bench().await;
    let input = order_with(
        &serde_json::json!({"checkout_data": {"art": "https://cdn.example.com/a%20b é.png"}}),
    );
    let id = create(&bench, &input).await;
    for style in [HashStyle::Raw, HashStyle::RawUrlDecoded] {
        bench
            .simulator
            .set_toggles(|toggles| toggles.hash_style = style);
        let (url, received) = receiver(&[200]).await;
        let delivery = bench.simulator.send_webhook(id, &url).await.unwrap();
        assert_eq!(
            (delivery.delivered, delivery.attempts),
            (true, vec![Some(200)])
        );

        let (headers, body) = received.lock().unwrap()[0].clone();
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(headers["x-order-desk-store-id"], "9021");
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(&body).into_owned().collect();
        assert_eq!(form.len(), 1);
        assert!(form["order"].contains(r"https:\/\/cdn.example.com\/a%20b \u00e9.png"));
        assert_eq!(
            headers["x-order-desk-hash"],
            sign(&form["order"], KEY, style)
        );
        let order: serde_json::Value = serde_json::from_str(&form["order"]).unwrap();
        assert_eq!(order, bench.api.order(&id.to_string()).await);
    }
}

#[tokio::test]
async fn any_status_above_201_is_retried_five_times_over_two_hours() {
    let bench = bench().await;
    let id = create(&bench, &order_input()).await;
    let (url, received) = receiver(&[202, 204, 302, 500]).await;
    let delivery = deliver_through_all_waits(&bench, id, &url).await;
    assert!(!delivery.delivered);
    assert_eq!(delivery.attempts, [202, 204, 302, 500, 500, 500].map(Some));
    assert_eq!(received.lock().unwrap().len(), 6);
    let start: jiff::Timestamp = START.parse().unwrap();
    assert_eq!(bench.clock.now(), start + SignedDuration::from_hours(2));
}

#[tokio::test]
async fn a_retry_that_succeeds_ends_the_delivery() {
    let bench = bench().await;
    let id = create(&bench, &order_input()).await;
    let (url, _) = receiver(&[503, 201]).await;
    let delivery = deliver_through_all_waits(&bench, id, &url).await;
    assert_eq!(
        (delivery.delivered, delivery.attempts),
        (true, vec![Some(503), Some(201)])
    );
}

#[tokio::test]
async fn an_unknown_order_is_an_error() {
    let bench = bench().await;
    let error = bench
        .simulator
        .send_webhook(7, "http://127.0.0.1:9/")
        .await
        .unwrap_err();
    assert!(matches!(error, WebhookError::UnknownOrder(7)));
}
