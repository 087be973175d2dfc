use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tokio::time::Instant;

use super::super::*;
use super::fixture::*;

async fn failing_then_well(statuses: &[u16]) -> Upstream {
    let failures = statuses.iter().map(|status| {
        let status = StatusCode::from_u16(*status).unwrap();
        (status, [("retry-after", "0")]).into_response()
    });
    Upstream::in_turn(failures.chain([(StatusCode::OK, "well").into_response()])).await
}

#[tokio::test]
async fn what_is_safe_to_repeat_is_repeated() {
    for shared in [true, false] {
        let upstream = failing_then_well(&[503, 500, 429]).await;
        let (http, buckets) = capability(EndpointSettings {
            rate: Some(TWENTY_AND_THREE),
            ..upstream.settings()
        });
        let method = if shared { Method::Get } else { Method::Put };
        let request = Request {
            safe_to_repeat: true,
            ..asking(method, "orders/1")
        };
        let response = http.send(&Call::new().scope(), request).await.unwrap();
        assert_eq!((response.status, text(&response)), (200, "well"));
        assert_eq!(upstream.lines().len(), 4);
        assert_eq!(
            buckets.taken.lock().unwrap().len(),
            4,
            "each attempt costs a token"
        );
    }
}

#[tokio::test]
async fn a_held_token_is_not_spent_on_a_repetition() {
    let answer = |status| (status, [("retry-after", "0")]).into_response();
    let statuses = [StatusCode::OK, StatusCode::BAD_GATEWAY, StatusCode::OK];
    let upstream = Upstream::in_turn(statuses.map(answer)).await;
    let (http, buckets) = capability(EndpointSettings {
        rate: Some(TWENTY_AND_THREE),
        ..upstream.settings()
    });
    let call = Call::new();
    let get = Request {
        hold: 2,
        ..get("orders/1")
    };
    http.send(&call.scope(), get).await.unwrap();
    let put = Request {
        safe_to_repeat: true,
        ..asking(Method::Put, "orders/1")
    };
    http.send(&call.scope(), put).await.unwrap();
    let taken = buckets.taken.lock().unwrap().clone();
    let tokens: Vec<u32> = taken.into_iter().map(|(_, tokens)| tokens).collect();
    assert_eq!(tokens, [3, 1]);
    assert!(
        call.budget.has_prepaid("shop/plugin:orders"),
        "kept for what follows"
    );
}

#[tokio::test]
async fn repeating_ends() {
    let upstream = failing_then_well(&[502, 502, 504, 504]).await;
    let (http, _) = capability(upstream.settings());
    let response = http
        .send(&Call::new().scope(), safe_get("orders"))
        .await
        .unwrap();
    assert_eq!(response.status, 504, "any status is an answer");
    assert_eq!(upstream.lines().len(), 4);
}

#[tokio::test]
async fn nothing_else_is_repeated() {
    for (status, safe) in [
        (503, false),
        (429, false),
        (400, true),
        (401, true),
        (501, true),
    ] {
        let upstream = failing_then_well(&[status]).await;
        let (http, _) = capability(upstream.settings());
        let request = Request {
            safe_to_repeat: safe,
            ..get("orders")
        };
        let response = http.send(&Call::new().scope(), request).await.unwrap();
        assert_eq!(response.status, status);
        assert_eq!(upstream.lines().len(), 1);
    }
}

#[tokio::test]
async fn no_pause_leads_past_the_deadline() {
    let upstream = Upstream::in_turn([
        (StatusCode::TOO_MANY_REQUESTS, [("x-retry-after", "50")]).into_response()
    ])
    .await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.deadline = Instant::now() + Duration::from_secs(40);
    let response = http.send(&call.scope(), safe_get("orders")).await.unwrap();
    assert_eq!(response.status, 429);
    assert!(
        response
            .headers
            .contains(&("x-retry-after".into(), "50".into()))
    );
}

#[tokio::test]
async fn a_lost_connection_is_worth_another_attempt() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwell",
        ] {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"\r\n\r\n") {
                received.push(connection.read_u8().await.unwrap());
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let (http, _) = capability(EndpointSettings {
        backoff: Duration::from_millis(1),
        ..EndpointSettings::new(base.parse().unwrap())
    });
    let response = http
        .send(&Call::new().scope(), safe_get("orders"))
        .await
        .unwrap();
    assert_eq!(text(&response), "well");
    server.await.unwrap();
}
