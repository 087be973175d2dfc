//! Events as every process follows them: opened, in their order, whichever process kept them.

use super::hooks::{Hook, HookError, HookEvent, Hooks};
use crate::store::{KeptEvent, StoreError};

/// An event that this or another process kept.
#[derive(Debug)]
pub struct Followed {
    /// Its number; later ones have higher ones.
    pub id: i64,
    /// The hook that it came through, and the event; an error if it does not open.
    pub event: Result<(Hook, HookEvent), HookError>,
}

impl Hooks {
    /// The number of the newest event: where to begin to follow.
    ///
    /// # Errors
    /// The database failed.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        self.database.last_event().await
    }

    /// Up to `limit` events after this number.
    ///
    /// # Errors
    /// The database failed.
    pub async fn events_after(&self, id: i64, limit: u32) -> Result<Vec<Followed>, StoreError> {
        let kept = self.database.events_after(id, limit).await?;
        let mut followed = Vec::with_capacity(kept.len());
        for kept in kept {
            followed.push(self.followed(kept).await);
        }
        Ok(followed)
    }

    async fn followed(&self, kept: KeptEvent) -> Followed {
        let opened = async {
            let hook = self.open(kept.hook, kept.tenant_name).await?;
            let event = Self::open_event(&hook, &kept.identity, &kept.sealed)?;
            Ok((hook, event))
        };
        Followed {
            id: kept.id,
            event: opened.await,
        }
    }
}
