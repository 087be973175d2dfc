//! The whole server, as an agent meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod first_path;
