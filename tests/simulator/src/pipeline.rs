//! The way of a request: who is it (401), may it (429), does a fault meet it, and then its route.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use tower::ServiceExt;

use crate::journal::RecordedRequest;
use crate::locking::lock;
use crate::query::Query;
use crate::rate::Verdict;
use crate::reply::{self, Reply};
use crate::routes::{BASE_PATH, Caller};
use crate::strike::strike;
use crate::toggles::{GetContentType, RateScope, Toggles};
use crate::world::World;

/// What the outermost handler needs.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) world: Arc<World>,
    pub(crate) routes: Router,
}

/// The router to serve: everything goes through [`handle`].
pub(crate) fn router(pipeline: Pipeline) -> Router {
    Router::new().fallback(handle).with_state(pipeline)
}

async fn handle(State(pipeline): State<Pipeline>, request: Request) -> Response {
    let started = Instant::now();
    let world = Arc::clone(&pipeline.world);
    let (mut parts, body) = request.into_parts();
    parts.method = effective_method(&parts);
    // Reading fails only when the client has left.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return disconnected();
    };
    let path = parts
        .uri
        .path()
        .strip_prefix(BASE_PATH)
        .unwrap_or(parts.uri.path())
        .to_owned();
    let entry = world.journal.record(recorded(&world, &parts, &path, &body));

    let latency = *lock(&world.latency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (outcome, remaining) = admit_and_serve(pipeline, parts, path, body, started).await;
    match outcome {
        Some(mut response) => {
            // On every reply (§11.25).
            response
                .headers_mut()
                .insert("x-tokens-remaining", HeaderValue::from(remaining));
            world.journal.answered(entry, response.status().as_u16());
            response
        }
        None => disconnected(),
    }
}

/// The reply, or `None` to close the connection, and the tokens left.
async fn admit_and_serve(
    pipeline: Pipeline,
    parts: Parts,
    path: String,
    body: Bytes,
    started: Instant,
) -> (Option<Response>, u32) {
    let world = Arc::clone(&pipeline.world);
    let toggles = world.toggles();
    let now = world.clock.now();

    let bucket = bucket_name(&parts.headers, &toggles);
    let Some(store_id) = authenticate(&world, &parts.headers) else {
        // The reference knows the status but not the text (§11.1). A wrong key costs the store no token.
        let reply = Reply::error(StatusCode::UNAUTHORIZED, "Invalid Store ID or API Key");
        let remaining = lock(&world.rate).remaining(&bucket, now);
        return (Some(reply.render(started.elapsed())), remaining);
    };

    let Verdict {
        remaining,
        retry_after,
    } = lock(&world.rate).take(&bucket, now, toggles.throttled_consumes);
    if let Some(seconds) = retry_after {
        let mut response = Reply::error(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
            .render(started.elapsed());
        response
            .headers_mut()
            .insert("x-retry-after", HeaderValue::from(seconds));
        return (Some(response), remaining);
    }

    let fault = world.faults.take(parts.method.as_str(), &path, store_id);
    let serve = serve(pipeline, parts, body, store_id, toggles, started);
    let Some(fault) = fault else {
        return (Some(serve.await), remaining);
    };
    // A task of its own: what a client has sent is carried out even when the client stops waiting.
    let response = tokio::spawn(strike(world, fault, path, store_id, serve))
        .await
        .ok()
        .flatten();
    (response, remaining)
}

async fn serve(
    pipeline: Pipeline,
    mut parts: Parts,
    body: Bytes,
    store_id: u64,
    toggles: Toggles,
    started: Instant,
) -> Response {
    // A GET that describes a body is listed as invalid, yet live clients send it and work (§1.1).
    let describes_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH]
        .iter()
        .any(|name| parts.headers.contains_key(name));
    let refused = toggles.get_with_content_type == GetContentType::Reject;
    if parts.method == Method::GET && refused && (describes_body || !body.is_empty()) {
        let message = "A GET request must not have a Content-Type, a Content-Length or a body";
        return Reply::error(StatusCode::BAD_REQUEST, message).render(started.elapsed());
    }
    parts.extensions.insert(Caller { store_id });
    let request = Request::from_parts(parts, Body::from(body));
    match pipeline.routes.oneshot(request).await {
        Ok(response) => reply::finish(response, &toggles, started.elapsed()),
        Err(never) => match never {},
    }
}

/// `POST` with `X-HTTP-Method-Override: PUT` is a PUT, as in the official samples (§1.1).
fn effective_method(parts: &Parts) -> Method {
    let wanted = parts
        .headers
        .get("x-http-method-override")
        .and_then(|value| value.to_str().ok());
    match wanted {
        Some(method) if parts.method == Method::POST && method.eq_ignore_ascii_case("PUT") => {
            Method::PUT
        }
        _ => parts.method.clone(),
    }
}

/// Both headers, on every route (§1.1, §11.1).
fn authenticate(world: &World, headers: &HeaderMap) -> Option<u64> {
    let store_id: u64 = text(headers, "orderdesk-store-id")?.parse().ok()?;
    let api_key = text(headers, "orderdesk-api-key")?;
    lock(&world.stores)
        .get(&store_id)
        .filter(|store| store.accepts_key(api_key))
        .map(|store| store.id())
}

fn bucket_name(headers: &HeaderMap, toggles: &Toggles) -> String {
    let store_id = text(headers, "orderdesk-store-id").unwrap_or_default();
    match toggles.rate_scope {
        RateScope::Store => store_id.to_owned(),
        RateScope::Key => format!(
            "{store_id} {}",
            text(headers, "orderdesk-api-key").unwrap_or_default()
        ),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn recorded(world: &World, parts: &Parts, path: &str, body: &Bytes) -> RecordedRequest {
    RecordedRequest {
        at: world.clock.now(),
        store_id: text(&parts.headers, "orderdesk-store-id").map(str::to_owned),
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: Query::parse(parts.uri.query().unwrap_or_default()).into_pairs(),
        headers: parts.headers.clone(),
        body: body.clone(),
        status: None,
    }
}

/// Closes the connection instead of answering. The body fails before its first byte, whereupon hyper gives the
/// connection up with the head still unsent.
fn disconnected() -> Response {
    let failure = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
    Response::new(Body::from_stream(futures::stream::once(
        std::future::ready(Err::<Bytes, _>(failure)),
    )))
}
