//! Waiting for the tokens that a request costs.

use std::time::Duration;

use tokio::time::Instant;

use super::{ErrorKind, HttpError, OpenedSecret, Rate, Take, TokenBuckets};

/// A bucket that says "now" without having a token must not be asked in a loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// A turn that comes later than this before the deadline is none: there would be no time for the answer.
const TO_ASK: Duration = Duration::from_secs(2);

/// The bucket of requests that use these secrets, or of the plugin where they use none.
pub(super) fn name(endpoint: &str, plugin: &str, secrets: &[OpenedSecret]) -> String {
    if secrets.is_empty() {
        return format!("{endpoint}/plugin:{plugin}");
    }
    let mut ids: Vec<&str> = secrets.iter().map(|secret| secret.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    format!("{endpoint}/secret:{}", ids.join("+"))
}

/// Takes `tokens`, waiting for them if they come early enough before the deadline.
///
/// # Errors
/// They would come too late: answered at once, with the time that it takes.
pub(super) async fn take(
    buckets: &dyn TokenBuckets,
    (bucket, rate): (&str, Rate),
    tokens: u32,
    deadline: impl Fn() -> Instant,
) -> Result<(), HttpError> {
    if tokens > rate.burst.get() {
        return Err(HttpError::invalid(
            "hold-too-large",
            format!(
                "A request can take at most {} tokens together with what it holds.",
                rate.burst
            ),
        ));
    }
    loop {
        match buckets.take(bucket, rate, tokens).await? {
            Take::Taken => return Ok(()),
            Take::RetryAfter(wait) => {
                let wait = wait.max(SHORTEST_WAIT);
                if Instant::now() + wait + TO_ASK >= deadline() {
                    return Err(too_many(wait));
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

fn too_many(wait: Duration) -> HttpError {
    HttpError::new(
        ErrorKind::RateLimited,
        "rate-limited",
        format!(
            "Too many requests to this service at the moment. Try again in {} s.",
            wait.as_secs_f64().ceil()
        ),
    )
    .with_retry_after(wait)
}
