//! Hears of changed orders and tells an endpoint, as a plugin that posts to a chat would; and says what it could reach
//! meanwhile. Its own hooks take whatever their senders write, the contract broken or not.

use orderdesk_plugin::cache::Lookup;
use orderdesk_plugin::http::Request as HttpRequest;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::webhooks::{Event, Happening, Reason, Rejection, Request, Verdict};
use orderdesk_plugin::{Context, ErrorKind, Plugin, Sealed, ToolError};
use serde_json::{Value, json};

fn code<T>(outcome: Result<T, ToolError>) -> Value {
    match outcome {
        Ok(_) => json!("ok"),
        Err(error) => json!(error.code),
    }
}

/// What is open while nobody of the tenant is present.
fn reach(context: &Context) -> Value {
    json!({
        "key_id": context.session().current().map(|caller| caller.key_id),
        "get": code(context.storage().get(None, "a")),
        "scan": code(context.storage().scan_all(Some("stores"), "store/")),
        "commit": code(context.storage().commit(vec![Write::put("a", "b")])),
        "seal": code(context.crypto().seal(b"secret", &[], None)),
        "other_subject": code(context.session().act_on("store:9022")),
        "other_key": code(context.crypto().verify_hmac(&Sealed::new("sec_00000000000000000000000000000000"), b"", b"")),
        "cache": match context.cache().get("a") {
            Ok(Lookup::Hit(_)) => json!("hit"),
            Ok(Lookup::Miss(_)) => json!("miss"),
            Err(error) => json!(error.code),
        },
    })
}

fn tell(event: &Event, context: &Context) -> Result<(), ToolError> {
    let told = json!({"event": event, "reach": reach(context)});
    let response = context
        .http()
        .send(HttpRequest::post("ears").path(["events"]).json(&told)?)?;
    if response.status >= 300 {
        return Err(ToolError::upstream(
            "ears-closed",
            format!("The endpoint answered {}.", response.status),
        ));
    }
    Ok(())
}

/// `{"verdict": …}`, or how to fail.
fn judge(request: &Request, context: &Context) -> Result<Verdict, ToolError> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match body["verdict"].as_str() {
        Some("accept") => {
            let payload = json!({
                "reach": reach(context),
                "headers": request.headers,
                "query": request.query,
                "subject": request.subject,
                "method": request.method,
                "has_key": request.key.is_some(),
            });
            Ok(Happening::new(text("kind"), text("identity"), payload).into())
        }
        Some("fail") => Err(ToolError::new(ErrorKind::Other, "failed", "It fails.")),
        Some("spin") => {
            let mut number = 1_u64;
            while number != 0 {
                number = std::hint::black_box(number.wrapping_mul(3) | 1);
            }
            Err(ToolError::new(ErrorKind::Other, "never", "Never."))
        }
        _ => Ok(Rejection::new(Reason::Malformed, "it says no verdict").into()),
    }
}

fn plugin() -> Plugin {
    Plugin::new("listener", env!("CARGO_PKG_VERSION"))
        .description("Hears of events, for tests.")
        .wish(
            r#"http = [{ endpoint = "ears", allow = ["POST /events"] }]"#,
            "to tell of them",
        )
        .wish(r#"read = ["stores"]"#, "to try what is closed meanwhile")
        .wish(r#"events = ["orders"]"#, "to hear of orders")
        .webhook(judge)
        .on_event("order-changed", tell)
        .on_event("told", tell)
}

orderdesk_plugin::export!(plugin);
