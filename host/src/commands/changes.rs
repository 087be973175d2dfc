//! Files that change: what comes together is one change, and reading is none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// So many of what is quiet at most: whoever writes all the time is heard of, too.
const PATIENCE: u32 = 20;

/// Watches folders as long as it lives.
pub(crate) struct Changes {
    watcher: RecommendedWatcher,
    paths: mpsc::UnboundedReceiver<PathBuf>,
    quiet: Duration,
}

impl Changes {
    /// Of paths that are `relevant`; a change is over when nothing more comes for as long as `quiet`.
    ///
    /// # Errors
    /// The system has no more watchers.
    pub(crate) fn new(
        quiet: Duration,
        relevant: impl Fn(&Path) -> bool + Send + 'static,
    ) -> notify::Result<Self> {
        let (sender, paths) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Whoever takes a change up reads the file: heard of as another change, that would never end.
            let Some(event) = event.ok().filter(|event| !event.kind.is_access()) else {
                return;
            };
            for path in event.paths.into_iter().filter(|path| relevant(path)) {
                let _ = sender.send(path);
            }
        })?;
        Ok(Self {
            watcher,
            paths,
            quiet,
        })
    }

    /// Watches a folder, with all that is below it or without.
    ///
    /// # Errors
    /// It cannot be watched.
    pub(crate) fn watch(&mut self, folder: &Path, recursive: bool) -> notify::Result<()> {
        let mode = if recursive {
            RecursiveMode::Recursive
        } else {
            RecursiveMode::NonRecursive
        };
        self.watcher.watch(folder, mode)
    }

    /// The paths of the next change.
    pub(crate) async fn next(&mut self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        match self.paths.recv().await {
            Some(path) => changed.insert(path),
            // The watcher has the other end, and is here.
            None => std::future::pending().await,
        };
        let last = Instant::now() + self.quiet * PATIENCE;
        while let Ok(Some(path)) =
            timeout_at(last.min(Instant::now() + self.quiet), self.paths.recv()).await
        {
            changed.insert(path);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const QUIET: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn writing_is_a_change_and_reading_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (one, two) = (root.join("one"), root.join("two"));
        std::fs::write(&one, "1").unwrap();
        let mut changes = Changes::new(QUIET, |path| path.extension().is_none()).unwrap();
        changes.watch(&root, true).unwrap();
        // If reading were heard of, it would be the first.
        std::fs::read(&one).unwrap();
        std::fs::write(root.join("other.txt"), "").unwrap();
        std::fs::write(&two, "2").unwrap();
        assert_eq!(changes.next().await, BTreeSet::from([two]));
    }
}
