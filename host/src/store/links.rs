//! One-time links: what waits for a person at a page of this server.

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::{KeyId, TenantId};
use crate::clock::Timestamp;

/// SHA-256 of a link's token.
pub type LinkHash = Vec<u8>;

/// What a person is to do at a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Enter secrets that a call needs.
    Secret,
    /// Say whether a call may do what it asks about.
    Confirmation,
}

impl LinkPurpose {
    /// As it stands in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Confirmation => "confirmation",
        }
    }

    /// What [`Self::as_str`] wrote.
    pub(crate) fn from_column(text: &str) -> Option<Self> {
        [Self::Secret, Self::Confirmation]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// The call that waits at a link: the same call of the same key finds it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCall {
    /// Whose.
    pub tenant: TenantId,
    /// With which access key it was made.
    pub access_key: KeyId,
    /// For what a person is needed.
    pub purpose: LinkPurpose,
    /// The plugin.
    pub plugin: String,
    /// Its tool.
    pub tool: String,
    /// A keyed digest of the arguments.
    pub arguments: Vec<u8>,
}

/// A link's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// Of the token.
    pub hash: LinkHash,
    /// The call that waits.
    pub call: LinkCall,
    /// The ciphertext of the token and the call.
    pub sealed: Vec<u8>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// Wrong keys, and runs that failed and may be repeated.
    pub failures: u32,
    /// When it was taken.
    pub used_at: Option<Timestamp>,
    /// The ciphertext of how it ended.
    pub outcome: Option<Vec<u8>>,
}

/// The part of a database that keeps one-time links.
#[async_trait]
pub trait LinkDatabase: Send + Sync {
    /// Keeps a new link.
    async fn insert_link(&self, link: LinkRecord) -> Result<(), StoreError>;

    /// The link with this hash, in whatever state.
    async fn link(&self, hash: LinkHash) -> Result<Option<LinkRecord>, StoreError>;

    /// The newest link of this call.
    async fn newest_link(&self, call: LinkCall) -> Result<Option<LinkRecord>, StoreError>;

    /// Counts a failure at a link that is not used; answers how many there are now.
    async fn count_link_failure(&self, hash: LinkHash) -> Result<u32, StoreError>;

    /// Takes a link that is neither used, expired nor has `too_many` failures: of any number of requests to any number of
    /// processes, one gets true.
    async fn take_link(
        &self,
        hash: LinkHash,
        too_many: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives back a link that was taken and led to nothing, and counts a failure, if it was one; answers how many there are now.
    async fn give_link_back(&self, hash: LinkHash, failed: bool) -> Result<u32, StoreError>;

    /// Notes how what a link led to ended.
    async fn settle_link(&self, hash: LinkHash, outcome: Vec<u8>) -> Result<(), StoreError>;

    /// Removes a link; true for the one who did.
    async fn remove_link(&self, hash: LinkHash) -> Result<bool, StoreError>;
}
