//! What comes back, or does not.

use std::io::Write as _;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use futures::FutureExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use super::super::*;
use super::fixture::*;

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn gated(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::answering(move |_| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            "late"
        }
    })
    .await
}

#[tokio::test]
async fn any_status_is_an_answer() {
    for status in [200, 201, 204, 304, 400, 401, 404, 409, 422, 500] {
        let upstream =
            Upstream::answering(move |_| async move { StatusCode::from_u16(status).unwrap() })
                .await;
        let (http, _) = capability(upstream.settings());
        assert_eq!(
            http.send(&Call::new().scope(), get("x"))
                .await
                .unwrap()
                .status,
            status
        );
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let other = Upstream::saying("stolen").await;
    let target = other.base.to_string();
    let upstream = Upstream::answering(move |arrival| {
        let target = if arrival.line.contains("away") {
            target.clone()
        } else {
            "/api/v2/orders".to_owned()
        };
        async move { (StatusCode::TEMPORARY_REDIRECT, [("location", target)]) }
    })
    .await;
    let (http, _) = capability(upstream.settings());
    let location = |response: &Response| {
        response
            .headers
            .iter()
            .find(|(name, _)| name == "location")
            .map(|(_, value)| value.clone())
    };
    let away = http
        .send(&Call::new().scope(), with_key(get("away")))
        .await
        .unwrap();
    assert_eq!(
        (away.status, location(&away)),
        (307, None),
        "another origin is not even named"
    );
    let here = http
        .send(&Call::new().scope(), with_key(get("here")))
        .await
        .unwrap();
    assert_eq!(
        (here.status, location(&here)),
        (307, Some("/api/v2/orders".into()))
    );
    assert!(other.lines().is_empty());
}

#[tokio::test]
async fn headers_of_the_connection_and_cookies_stay_here() {
    let upstream = Upstream::answering(|_| async {
        (
            [
                ("set-cookie", "session=1"),
                ("keep-alive", "timeout=5"),
                ("X-Own", "yes"),
            ],
            "{}",
        )
    })
    .await;
    let (http, _) = capability(upstream.settings());
    let response = http.send(&Call::new().scope(), get("x")).await.unwrap();
    let names: Vec<&str> = response
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(names.contains(&"x-own"), "{names:?}");
    for hidden in [
        "set-cookie",
        "keep-alive",
        "content-length",
        "transfer-encoding",
        "connection",
    ] {
        assert!(!names.contains(&hidden), "{names:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_read_and_guarded() {
    let upstream = Upstream::answering(|arrival| async move {
        assert!(arrival.header("accept-encoding").unwrap().contains("gzip"));
        (
            [("content-encoding", "gzip")],
            gzipped(format!("{{\"key\":\"{KEY}\"}}").as_bytes()),
        )
    })
    .await;
    let (http, _) = capability(upstream.settings());
    let response = http
        .send(&Call::new().scope(), with_key(get("x")))
        .await
        .unwrap();
    assert_eq!(text(&response), r#"{"key":"[sealed]"}"#);
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_is_refused() {
    for (name, value, code) in [
        ("content-encoding", "zstd", "content-encoding"),
        ("content-encoding", "gzip, br", "content-encoding"),
        ("content-type", "text/plain; charset=\"UTF-16\"", "charset"),
        ("content-type", "application/json;charset=utf-7", "charset"),
    ] {
        let upstream = Upstream::answering(move |_| async move { ([(name, value)], "x") }).await;
        let (http, _) = capability(upstream.settings());
        let error = http
            .send(&Call::new().scope(), with_key(get("x")))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::Upstream, code),
            "{value}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_measured_decompressed() {
    let bomb = gzipped(&vec![b'0'; 8 << 20]);
    assert!(bomb.len() < 64 << 10);
    let upstream = Upstream::answering(move |_| {
        let bomb = bomb.clone();
        async move { ([("content-encoding", "gzip")], bomb) }
    })
    .await;
    let (http, _) = capability(EndpointSettings {
        max_response_bytes: 1 << 20,
        ..upstream.settings()
    });
    for request in [get("x"), safe_get("x")] {
        let error = http.send(&Call::new().scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code, error.outcome_unknown),
            (ErrorKind::TooLarge, "response-too-large", false)
        );
    }
    let error = http
        .send(&Call::new().scope(), asking(Method::Post, "x"))
        .await
        .unwrap_err();
    assert!(error.outcome_unknown, "the write did arrive");
}

#[tokio::test]
async fn an_answer_of_exactly_the_size_allowed_is_taken() {
    let upstream = Upstream::saying("12345678").await;
    let (http, _) = capability(upstream.settings());
    let whole = http.send(&Call::new().scope(), get("x")).await.unwrap();
    let listed = whole
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len());
    // Not seen, but received.
    let size = whole.body.len() + listed.sum::<usize>() + "content-length8".len();
    for (max, fits) in [(size, true), (size - 1, false)] {
        let (http, _) = capability(EndpointSettings {
            max_response_bytes: max,
            ..upstream.settings()
        });
        assert_eq!(
            http.send(&Call::new().scope(), get("x")).await.is_ok(),
            fits
        );
    }
}

#[tokio::test]
async fn head_brings_no_body() {
    let upstream = Upstream::answering(|_| async {
        (
            [("content-encoding", "gzip"), ("x-total", "3")],
            gzipped(b"body"),
        )
    })
    .await;
    let (http, _) = capability(upstream.settings());
    let response = http
        .send(&Call::new().scope(), asking(Method::Head, "x"))
        .await
        .unwrap();
    assert!(response.body.is_empty());
    assert!(response.headers.contains(&("x-total".into(), "3".into())));
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_given_up() {
    for (method, unknown) in [
        (Method::Get, false),
        (Method::Head, false),
        (Method::Post, true),
        (Method::Delete, true),
    ] {
        let gate = Gate::new();
        let upstream = gated(&gate).await;
        let (http, _) = capability(upstream.settings());
        let request = Request {
            timeout: Some(Duration::from_millis(100)),
            ..asking(method, "x")
        };
        let error = http.send(&Call::new().scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code, error.outcome_unknown),
            (ErrorKind::Timeout, "endpoint-timeout", unknown)
        );
        gate.departure().await;
    }
}

#[tokio::test]
async fn the_calls_end_is_the_requests_end() {
    for (request, unknown) in [
        (get("x"), false),
        (safe_get("x"), false),
        (asking(Method::Put, "x"), true),
    ] {
        let gate = Gate::new();
        let upstream = gated(&gate).await;
        let (http, _) = capability(upstream.settings());
        let mut call = Call::new();
        call.deadline = Instant::now() + Duration::from_millis(100);
        let error = http.send(&call.scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome_unknown),
            (ErrorKind::Timeout, unknown)
        );
        gate.departure().await;
    }
}

#[tokio::test]
async fn a_cancelled_call_drops_its_request() {
    for (request, unknown) in [
        (get("x"), false),
        (safe_get("x"), false),
        (asking(Method::Put, "x"), true),
    ] {
        let gate = Gate::new();
        let upstream = gated(&gate).await;
        let (http, _) = capability(upstream.settings());
        let call = Call::new();
        let cancel = async {
            gate.arrival().await;
            call.cancelled.cancel();
        };
        let (outcome, ()) = tokio::join!(async { http.send(&call.scope(), request).await }, cancel);
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome_unknown),
            (ErrorKind::Cancelled, unknown)
        );
        gate.departure().await;
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_already_sends_nothing() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let call = Call::new();
    call.cancelled.cancel();
    let error = http
        .send(&call.scope(), asking(Method::Put, "x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome_unknown),
        (ErrorKind::Cancelled, false)
    );
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn a_call_whose_time_is_over_sends_nothing() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.deadline = Instant::now();
    for request in [asking(Method::Put, "x"), safe_get("x")] {
        let error = http.send(&call.scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome_unknown),
            (ErrorKind::Timeout, false)
        );
    }
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn a_service_that_is_not_there_changed_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (http, _) = capability(EndpointSettings::new(base.parse().unwrap()));
    let error = http
        .send(&Call::new().scope(), asking(Method::Put, "x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, &*error.code, error.outcome_unknown),
        (ErrorKind::Unavailable, "endpoint-unreachable", false)
    );
    assert!(!error.message.contains("127.0.0.1"), "{}", error.message);
}

#[tokio::test]
async fn a_connection_lost_after_a_write_leaves_the_outcome_open() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.read_u8().await.unwrap();
        }
    });
    let (http, _) = capability(EndpointSettings::new(base.parse().unwrap()));
    for (method, unknown) in [(Method::Put, true), (Method::Get, false)] {
        let error = http
            .send(&Call::new().scope(), asking(method, "x"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, &*error.code, error.outcome_unknown),
            (ErrorKind::Unavailable, "connection-lost", unknown)
        );
    }
}

#[tokio::test]
async fn a_probe_says_whether_somebody_is_there() {
    let upstream = Upstream::in_turn([StatusCode::UNAUTHORIZED.into_response()]).await;
    let (http, _) = capability(upstream.settings());
    let path = ["test".to_owned()];
    assert_eq!(
        http.probe("shop", &path, Duration::from_secs(5))
            .await
            .unwrap(),
        401
    );
    assert_eq!(upstream.lines(), ["GET /api/v2/test"]);
    assert_eq!(
        http.probe("other", &path, Duration::from_secs(5))
            .await
            .unwrap_err()
            .code,
        "endpoint-unknown"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_one_line_and_nothing_that_was_said() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let upstream = Upstream::saying("answered").await;
    let (http, _) = capability(upstream.settings());
    let mut request = with_key(asking(Method::Put, "orders/order-4711"));
    request.query = vec![("email".into(), "anna@shop.example".into())];
    request
        .headers
        .push(("shop-id".into(), HeaderValue::Text("shop-9021".into())));
    request.body = Some(b"street".to_vec());
    http.send(&Call::new().scope(), request).await.unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("c-1")).collect();
    assert_eq!(ours.len(), 1, "{log}");
    assert!(
        ours[0].contains("method=PUT")
            && ours[0].contains("segments=2")
            && ours[0].contains("status=200"),
        "{log}"
    );
    for said in ["order-4711", "anna", "shop-9021", "street", "answered", KEY] {
        assert!(!log.contains(said), "{log}");
    }
}

#[test]
fn a_request_can_be_sent_from_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let upstream = Upstream::saying("{}").await;
        let (http, _) = capability(upstream.settings());
        let call = Call::new();
        let scope = call.scope();
        let mut sending = pin!(http.send(&scope, get("x")));
        is_send(&sending);
        assert!(sending.as_mut().now_or_never().is_none());
        sending.await.unwrap();
    });
}
