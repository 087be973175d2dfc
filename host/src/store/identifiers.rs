//! Names of rows, as types, so that a tenant cannot be passed where a key is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! identifier {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that is known to name such a row, or is to be looked up as one.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A tenant: whoever shares one data key.
    TenantId
);
identifier!(
    /// An access key's public part, which may be shown and logged.
    KeyId
);
identifier!(
    /// One holding of a lock.
    LockId
);

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text of 128 random bits in hexadecimal: unguessable, and never met twice.
pub(crate) fn random_hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}
