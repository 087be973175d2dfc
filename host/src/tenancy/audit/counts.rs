//! How the writing goes, for who watches it.

use std::sync::{Arc, OnceLock};

use crate::observe::Metrics;

/// Where rows are counted. The trail is opened before there are metrics, and where a command writes it there are none.
#[derive(Clone, Default)]
pub(super) struct Counts(Arc<OnceLock<Arc<Metrics>>>);

impl Counts {
    pub(super) fn go_to(&self, metrics: Arc<Metrics>) {
        // The first of a process counts: it has one set of them.
        let _ = self.0.set(metrics);
    }

    /// Rows stand in the database.
    pub(super) fn written(&self, rows: usize) {
        self.rows("written", rows);
    }

    /// A try to write rows failed; what becomes of them is counted too.
    pub(super) fn failed(&self, rows: usize) {
        self.rows("failed", rows);
    }

    /// Rows will never be written: only how many they were.
    pub(super) fn lost(&self, rows: usize) {
        self.rows("lost", rows);
    }

    /// A change was not made, since its intent could not be written.
    pub(super) fn refused(&self) {
        if let Some(metrics) = self.0.get() {
            metrics.change_refused_by_audit();
        }
    }

    fn rows(&self, outcome: &'static str, rows: usize) {
        if let Some(metrics) = self.0.get()
            && rows > 0
        {
            metrics.audited(outcome, rows);
        }
    }
}
