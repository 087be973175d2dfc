//! How a fault meets a request: instead of serving it, around it, or after it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::faults::{Kind, Triggered};
use crate::locking::lock;
use crate::reply::Reply;
use crate::world::World;

/// Bytes per chunk of a sized body.
const CHUNK: u64 = 64 * 1024;

/// Serves a request that met a fault. `None` means that the connection is to be closed without a reply.
pub(crate) async fn strike(
    world: Arc<World>,
    fault: Triggered,
    path: String,
    store_id: u64,
    serve: impl Future<Output = Response> + Send,
) -> Option<Response> {
    let mut serve = Some(serve);
    let mut committed = None;
    if fault.after_commit || matches!(fault.kind, Kind::Edit(_)) {
        committed = finish(serve.take()).await;
    }
    match fault.kind {
        Kind::Edit(edit) => {
            let order_id = path
                .split('/')
                .nth(2)
                .and_then(|segment| segment.parse().ok())
                .unwrap_or_default();
            let now = world.clock.now();
            if let Some(order) = lock(&world.stores)
                .get_mut(&store_id)
                .and_then(|store| store.order_mut(order_id))
            {
                lock(&edit)(order, now);
            }
            fault.handle.hit();
            committed
        }
        Kind::Hold => {
            fault.handle.hit();
            tokio::select! {
                () = fault.handle.released() => {}
                () = world.closing.cancelled() => return None,
            }
            match committed {
                Some(response) => Some(response),
                None => finish(serve.take()).await,
            }
        }
        Kind::Disconnect => {
            fault.handle.hit();
            None
        }
        Kind::Answer {
            status,
            headers,
            body,
        } => {
            fault.handle.hit();
            Some(answer(status, headers, Body::from(body)))
        }
        Kind::SizedBody(bytes) => {
            fault.handle.hit();
            let json = vec![("content-type".to_owned(), "application/json".to_owned())];
            Some(answer(200, json, sized_body(bytes)))
        }
        Kind::ErrorEnvelope {
            status,
            message,
            retry_after,
        } => {
            fault.handle.hit();
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = Reply::error(status, &message).render(Duration::ZERO);
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert("x-retry-after", HeaderValue::from(seconds));
            }
            Some(response)
        }
    }
}

async fn finish(serve: Option<impl Future<Output = Response>>) -> Option<Response> {
    match serve {
        Some(serve) => Some(serve.await),
        None => None,
    }
}

fn answer(status: u16, headers: Vec<(String, String)>, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn sized_body(bytes: u64) -> Body {
    const OPENING: &str = r#"{"status":"success","padding":""#;
    const CLOSING: &str = r#""}"#;
    let padding = bytes.saturating_sub((OPENING.len() + CLOSING.len()) as u64);
    let chunks = (0..padding.div_ceil(CHUNK)).map(move |index| {
        let length = CHUNK.min(padding - index * CHUNK);
        Bytes::from(vec![b'x'; usize::try_from(length).unwrap_or_default()])
    });
    let opening = std::iter::once(Bytes::from_static(OPENING.as_bytes()));
    let closing = std::iter::once(Bytes::from_static(CLOSING.as_bytes()));
    let parts = opening
        .chain(chunks)
        .chain(closing)
        .map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(futures::stream::iter(parts))
}
