//! What the program carries; `build.rs` collects it.

/// Texts by their path.
pub(crate) type Files = &'static [(&'static str, &'static str)];

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
