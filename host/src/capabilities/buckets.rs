//! Token buckets towards endpoints, kept in the database so that all processes of one data directory share them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::http::{ErrorKind, HttpError, Rate, Take, TokenBuckets};
use crate::clock::Clock;
use crate::store::{BucketQuota, Database, Taken};

/// Buckets in rows.
pub struct DatabaseBuckets {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

impl DatabaseBuckets {
    /// Buckets in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

fn quota(rate: Rate) -> BucketQuota {
    BucketQuota {
        burst: rate.burst,
        per_second: rate.per_second,
    }
}

#[async_trait]
impl TokenBuckets for DatabaseBuckets {
    async fn take(&self, bucket: &str, rate: Rate, tokens: u32) -> Result<Take, HttpError> {
        let now = self.clock.now();
        match self
            .database
            .take_tokens(bucket, quota(rate), tokens, now)
            .await
        {
            Ok(Taken::Taken) => Ok(Take::Taken),
            Ok(Taken::WaitUntil(until)) => {
                Ok(Take::RetryAfter(until.saturating_duration_since(now)))
            }
            Ok(Taken::NeverFits) => Err(HttpError::new(
                ErrorKind::InvalidInput,
                "more-tokens-than-fit",
                "The request asks for more tokens at once than the endpoint's bucket holds.",
            )),
            Err(error) => Err(HttpError::new(
                ErrorKind::Internal,
                "host-fault",
                "The rate limit could not be looked up. Try again.",
            )
            .with_detail(error.to_string())),
        }
    }

    async fn observed(&self, bucket: &str, rate: Rate, remaining: u32) {
        if let Err(error) = self
            .database
            .bucket_observed(bucket, quota(rate), remaining, self.clock.now())
            .await
        {
            tracing::warn!(cause = %error, "the remaining tokens could not be noted");
        }
    }

    async fn blocked(&self, bucket: &str, pause: Duration) {
        if let Err(error) = self
            .database
            .bucket_blocked(bucket, self.clock.now() + pause)
            .await
        {
            tracing::warn!(cause = %error, "the endpoint's pause could not be noted");
        }
    }
}
