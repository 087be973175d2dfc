//! What becomes of Order Desk's answers.

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::http::{HeaderValue, Method, Response};
use orderdesk_plugin::testing::Reply;

use super::*;

fn answering(response: Result<Response, ToolError>) -> FakeHost {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    host.endpoint("orderdesk", move |_| response.clone());
    host
}

fn error_of(tool: &str, response: Result<Response, ToolError>) -> ToolError {
    call(&answering(response), tool, json!({})).unwrap_err()
}

fn says(status: u16, message: &str) -> Result<Response, ToolError> {
    Reply::json(status, &json!({ "status": "error", "message": message }))
}

#[test]
fn a_request_carries_the_stores_id_and_its_sealed_key_and_a_body_only_when_it_writes() {
    let host = answering(Reply::json(200, &json!({ "status": "success" })));
    call(&host, "read", json!({ "query": [["email", "a@b.c"]] })).unwrap();
    call(&host, "write", json!({ "body": { "note": "x" } })).unwrap();

    let [read, write] = host.requests().try_into().unwrap();
    assert_eq!(read.method, Method::Get);
    assert_eq!(read.endpoint, "orderdesk");
    assert_eq!(read.query, [("email".to_owned(), "a@b.c".to_owned())]);
    assert!(read.safe_to_repeat && read.body.is_none());
    let names: Vec<_> = read.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ORDERDESK-STORE-ID", "ORDERDESK-API-KEY"]);
    assert!(matches!(&read.headers[1].1, HeaderValue::Sealed { prefix, .. } if prefix.is_empty()));

    assert!(!write.safe_to_repeat);
    assert_eq!(write.body.as_deref(), Some(&b"{\"note\":\"x\"}"[..]));
    assert!(write.headers.contains(&(
        "Content-Type".to_owned(),
        HeaderValue::Text("application/json".to_owned())
    )));
}

#[test]
fn the_key_arrives_opened() {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    host.endpoint("orderdesk", |request| {
        assert_eq!(request.header("ORDERDESK-API-KEY"), Some("key-of-9021"));
        Reply::json(200, &json!({ "status": "success" }))
    });
    call(&host, "read", json!({})).unwrap();
}

#[test]
fn each_sort_of_failure_has_its_kind_and_code() {
    use ErrorKind::{Conflict, InvalidInput, NotFound, RateLimited, Unauthorized, Upstream};
    let cases = [
        (
            says(401, "Invalid key"),
            Unauthorized,
            "orderdesk-credentials-refused",
        ),
        (
            says(403, "No"),
            Unauthorized,
            "orderdesk-credentials-refused",
        ),
        (
            Reply::bytes(401, "<html>"),
            Unauthorized,
            "orderdesk-credentials-refused",
        ),
        (
            says(404, "Order not found"),
            NotFound,
            "orderdesk-not-found",
        ),
        (
            says(200, "Order Not Found"),
            NotFound,
            "orderdesk-not-found",
        ),
        (says(409, "No"), Conflict, "orderdesk-conflict"),
        (
            says(400, "Duplicate of order 5"),
            Conflict,
            "orderdesk-conflict",
        ),
        (
            says(200, "Shipment Not Added"),
            Conflict,
            "orderdesk-conflict",
        ),
        (
            says(200, "Invalid API Key"),
            Unauthorized,
            "orderdesk-credentials-refused",
        ),
        (
            says(429, "Slow down"),
            RateLimited,
            "orderdesk-rate-limited",
        ),
        (says(400, "No"), InvalidInput, "orderdesk-refused"),
        (
            says(200, "email is required"),
            InvalidInput,
            "orderdesk-refused",
        ),
        (says(200, "Something else"), Upstream, "orderdesk-error"),
        (says(500, "Oops"), Upstream, "orderdesk-error"),
        (
            Reply::json(200, &json!({ "order": {} })),
            Upstream,
            "orderdesk-error",
        ),
        (Reply::bytes(200, "<html>"), Upstream, "orderdesk-not-json"),
        (Reply::bytes(200, "[]"), Upstream, "orderdesk-not-json"),
        (
            Reply::bytes(502, "Bad gateway"),
            Upstream,
            "orderdesk-not-json",
        ),
        (Reply::bytes(302, ""), Upstream, "orderdesk-not-json"),
    ];
    for (response, kind, code) in cases {
        let error = error_of("read", response);
        assert_eq!(
            (error.kind, error.code.as_deref()),
            (kind, Some(code)),
            "{error}"
        );
        assert!(error.message.contains("GET /orders"), "{error}");
        assert!(error.message.contains("\"Alpha\" (9021)"), "{error}");
        assert!(!error.outcome_unknown, "a read changes nothing: {error}");
    }
}

#[test]
fn a_failed_write_says_whether_it_may_have_happened() {
    for response in [
        says(500, "Oops"),
        says(200, "Something else"),
        Reply::bytes(502, "Bad gateway"),
        Reply::bytes(201, "<html>"),
    ] {
        let error = error_of("write", response);
        assert!(error.outcome_unknown, "{error}");
        assert!(error.message.contains("look before repeating"), "{error}");
    }
    for response in [
        says(400, "No"),
        says(401, "No"),
        says(404, "No"),
        says(429, "No"),
        says(200, "email is required"),
    ] {
        let error = error_of("write", response);
        assert!(!error.outcome_unknown, "{error}");
    }
}

#[test]
fn order_desks_own_words_are_quoted_on_one_line_and_bounded() {
    let error = error_of(
        "read",
        says(400, &format!("bad\nthing {}", "x".repeat(5000))),
    );
    assert!(error.message.contains("bad thing xxx"), "{error}");
    assert!(error.message.chars().count() < 700, "{error}");

    let response = Reply::json(
        400,
        &json!({ "status": "error", "message": "Not saved", "errors": ["no items", "no name"] }),
    );
    let error = error_of("write", response);
    assert!(
        error.message.contains("Not saved; no items; no name"),
        "{error}"
    );
    assert_eq!(error.extra.unwrap()["upstream_status"], 400);
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let limited = |headers: &[(&str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        error_of(
            "read",
            Ok(Response {
                status: 429,
                headers,
                body: Vec::new(),
            }),
        )
        .retry_after_ms
    };
    assert_eq!(limited(&[("x-retry-after", "4")]), Some(4000));
    assert_eq!(limited(&[("retry-after", "9")]), Some(9000));
    assert_eq!(limited(&[("x-retry-after", "0")]), Some(1000));
    assert_eq!(limited(&[("x-retry-after", "soon")]), Some(30_000));
    assert_eq!(limited(&[]), Some(30_000));
}

#[test]
fn what_the_host_refuses_passes_through_unchanged() {
    let refusal = ToolError::timeout("http-timeout", "Too slow.").with_outcome_unknown();
    assert_eq!(error_of("write", Err(refusal.clone())), refusal);
}

#[test]
fn an_answer_is_normalised() {
    let host = answering(Reply::json(
        200,
        &json!({ "status": "success", "total_records": "1", "inventory_items": [{ "id": 7, "metadata": [] }] }),
    ));
    let answer = &call(&host, "read", json!({})).unwrap()["answer"];
    assert_eq!(answer["total_records"], 1);
    assert_eq!(
        answer["inventory_items"],
        json!([{ "id": "7", "metadata": {} }])
    );
}
