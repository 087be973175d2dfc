//! What waits outside for a caller to come back with a token: previews to be confirmed, calls that asked a question.

use super::identifiers::KeyId;
use crate::clock::Timestamp;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmationPurpose {
    /// To confirm a preview.
    Preview,
    /// To go on with a call that asked something.
    Question,
}

impl ConfirmationPurpose {
    /// As it stands in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Question => "question",
        }
    }
}

/// The call for which a token is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationKey {
    /// SHA-256 of the token.
    pub token: Vec<u8>,
    /// For what it was issued.
    pub purpose: ConfirmationPurpose,
    /// With which access key.
    pub access_key: KeyId,
    /// For which tool.
    pub tool: String,
    /// A keyed digest of which arguments.
    pub arguments: Vec<u8>,
}

/// A token's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRecord {
    /// The call for which it is good.
    pub key: ConfirmationKey,
    /// The ciphertext of what comes back with the token.
    pub sealed: Vec<u8>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// What came of presenting a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmationTaken {
    /// It was good, and is no more: the ciphertext.
    Taken(Vec<u8>),
    /// This tenant has no such token: it never had, or the token was used.
    Unknown,
    /// It is too old.
    Expired,
    /// It was issued to another access key of the tenant.
    OtherKey,
    /// It was issued for another tool.
    OtherTool,
    /// It was issued for other arguments.
    OtherArguments,
}
