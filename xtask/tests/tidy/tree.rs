//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// A source file.
pub(crate) struct Source {
    /// With `/`: of the host relative to `host/src`, of the SDKs to the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file in `host/src`.
pub(crate) fn host_sources() -> Vec<Source> {
    let folder = root().join("host/src");
    files(&folder)
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source {
            text: fs::read_to_string(folder.join(&path)).expect("a readable source file"),
            path,
        })
        .collect()
}

/// Every Rust file in `sdk/src`.
pub(crate) fn sdk_sources() -> Vec<Source> {
    sources_below("sdk/src", &[".rs"])
}

/// What authors use of the SDKs for JavaScript and Python.
pub(crate) fn script_sources() -> Vec<Source> {
    let mut sources = sources_below("sdk/javascript", &["index.js", "testing.js"]);
    sources.extend(sources_below("sdk/python/orderdesk_plugin", &[".py"]));
    sources
}

fn sources_below(folder: &str, ends: &[&str]) -> Vec<Source> {
    let root = root();
    files(&root.join(folder))
        .into_iter()
        .filter(|path| ends.iter().any(|end| path.ends_with(end)))
        .map(|path| format!("{folder}/{path}"))
        .map(|path| Source {
            text: fs::read_to_string(root.join(&path)).expect("a readable source file"),
            path,
        })
        .collect()
}

/// Every file of the project, relative to its root, without what is built or fetched.
pub(crate) fn all_paths() -> Vec<String> {
    files(&root())
}

fn files(folder: &Path) -> Vec<String> {
    WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(is_ours)
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let relative = entry.path().strip_prefix(folder).expect("below the folder");
            relative.to_string_lossy().replace('\\', "/")
        })
        .collect()
}

/// Leaves out what tools put beside the sources.
fn is_ours(entry: &DirEntry) -> bool {
    const TOOLS: [&str; 6] = [
        ".git",
        "target",
        "dist",
        "node_modules",
        "vendor",
        "__pycache__",
    ];
    entry.depth() == 0 || !TOOLS.iter().any(|name| entry.file_name() == *name)
}
