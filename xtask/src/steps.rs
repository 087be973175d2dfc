//! Long work in named steps: each says what it does, how long it took, and how it ended.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps of one command so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    ok: bool,
}

impl Steps {
    /// Runs a step; its failure ends the command.
    pub(crate) fn run<T>(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let name = name.into();
        eprintln!("==> {name}");
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        let ok = outcome.is_ok();
        let verdict = if ok { "done" } else { "failed" };
        eprintln!("    {name}: {verdict} in {}", elapsed(took));
        let outcome = outcome.with_context(|| name.clone());
        self.done.push(Step { name, took, ok });
        outcome
    }

    /// Runs a step whose failure is told at once and remembered, while the command goes on.
    pub(crate) fn attempt<T>(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> Result<T>,
    ) -> Option<T> {
        self.run(name, work)
            .inspect_err(|error| eprintln!("error: {error:#}"))
            .ok()
    }

    /// Whether every step so far succeeded.
    pub(crate) fn all_ok(&self) -> bool {
        self.done.iter().all(|step| step.ok)
    }

    /// One line per step: how it ended, how long it took, what it was.
    pub(crate) fn summary(&self) -> String {
        self.done
            .iter()
            .map(|step| {
                let verdict = if step.ok { "ok" } else { "FAILED" };
                format!("{verdict:6} {:>9}  {}\n", elapsed(step.took), step.name)
            })
            .collect()
    }
}

/// A duration for people: `850 ms`, `12.3 s`, `4 min 05 s`.
fn elapsed(took: Duration) -> String {
    match took.as_secs() {
        0 => format!("{} ms", took.as_millis()),
        1..=99 => format!("{:.1} s", took.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(elapsed(Duration::from_millis(850)), "850 ms");
        assert_eq!(elapsed(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(elapsed(Duration::from_secs(245)), "4 min 05 s");
    }

    #[test]
    fn a_failed_step_shows_in_the_summary_and_in_the_error() {
        let mut steps = Steps::default();
        steps.run("first", || Ok(())).unwrap();
        let error = steps
            .run::<()>("second", || anyhow::bail!("it broke"))
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "second: it broke");
        assert!(!steps.all_ok());
        let summary = steps.summary();
        let lines: Vec<_> = summary.lines().collect();
        assert!(lines[0].starts_with("ok") && lines[0].ends_with("first"));
        assert!(lines[1].starts_with("FAILED") && lines[1].ends_with("second"));
    }
}
