//! One id for each request, in every log line and in the error that the caller reads.

use std::sync::Arc;

/// A new correlation id: 64 random bits.
pub fn correlation_id() -> Arc<str> {
    format!("{:016x}", rand::random::<u64>()).into()
}
