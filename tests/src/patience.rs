//! Waiting for what cannot be awaited.

use std::time::{Duration, Instant};

/// Waits until this holds; where that takes too long, `what` was never.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
