//! Bodies of requests, within a limit.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;

/// A client that sends more than this loses its connection.
const DISCARDED_BYTES: usize = 64 << 20;
/// Time for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// The whole body, or the status that says why not.
///
/// What is too large is read to its end all the same, and thrown away: an answer to a client that is still sending would be
/// lost with the connection (RFC 9112, section 9.6).
pub(crate) async fn read(body: Body, limit: usize) -> Result<Vec<u8>, StatusCode> {
    let mut stream = body.into_data_stream();
    let mut kept = Vec::new();
    let mut received = 0_usize;
    let reading = async {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
            received = received.saturating_add(chunk.len());
            if received <= limit {
                kept.extend_from_slice(&chunk);
            } else if received > DISCARDED_BYTES {
                break;
            }
        }
        Ok(())
    };
    tokio::time::timeout(ARRIVAL, reading)
        .await
        .unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))?;
    if received > limit {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(kept)
}
