//! The Test Anything Protocol (<https://testanything.org/tap-version-14-specification.html>), as far as
//! the client scripts write it: `ok 1 - what`, `not ok 2 - what`, comments, and the plan `1..N` at the end.

use anyhow::{Result, bail};

/// What one script checked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// How many checks the script says it made, once it has come to its end.
    planned: Option<usize>,
}

impl Tally {
    /// Takes in one line of a script's output.
    pub(crate) fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("ok"), _) => self.passed += 1,
            (Some("not"), Some("ok")) => self.failed += 1,
            (Some(plan), None) => {
                if let Some(count) = plan.strip_prefix("1..") {
                    self.planned = count.parse().ok();
                }
            }
            _ => {}
        }
    }

    /// Counts another script's checks, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// An error unless the script came to its end with every check passed.
    pub(crate) fn verdict(&self) -> Result<()> {
        match self.planned {
            None => bail!("the script ended early, after {} checks", self.total()),
            Some(planned) if planned != self.total() => {
                bail!("{planned} checks were planned, {} made", self.total())
            }
            Some(0) => bail!("the script checked nothing"),
            Some(_) if self.failed > 0 => {
                bail!("{} of {} checks failed", self.failed, self.total())
            }
            Some(_) => Ok(()),
        }
    }

    fn total(&self) -> usize {
        self.passed + self.failed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn passed_and_failed_are_counted_and_comments_are_not() {
        let tally = tally(
            "TAP version 14\nok 1 - lists\n# ok, a remark\nnot ok 2 - calls\nok 3 - ends\n1..3\n",
        );
        assert_eq!((tally.passed, tally.failed), (2, 1));
        assert!(tally.verdict().unwrap_err().to_string().contains("1 of 3"));
    }

    #[test]
    fn only_a_complete_script_without_failures_is_fine() {
        assert!(tally("ok 1 - a\nok 2 - b\n1..2\n").verdict().is_ok());
        assert!(tally("ok 1 - a\n").verdict().is_err());
        assert!(tally("ok 1 - a\n1..2\n").verdict().is_err());
        assert!(tally("1..0\n").verdict().is_err());
        assert!(tally("").verdict().is_err());
    }
}
