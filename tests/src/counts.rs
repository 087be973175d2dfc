//! How often a test repeats what chance decides.

/// `quick` rounds, or `full` with `cargo xtask test --all`.
pub fn rounds(quick: usize, full: usize) -> usize {
    match std::env::var("ORDERDESK_TEST_COUNTS").as_deref() {
        Ok("full") => full,
        _ => quick,
    }
}
