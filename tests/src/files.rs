//! Where the things are that `cargo xtask build` made.

use std::path::{Path, PathBuf};

/// The repository's root, where `orderdesk.toml` is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The component of a plugin that ships.
pub fn component(name: &str) -> PathBuf {
    existing(root().join("plugins").join(format!("{name}.wasm")))
}

/// The component of a guest in `tests/guests`.
pub fn guest(package: &str) -> PathBuf {
    let folder = std::env::var_os("ORDERDESK_GUESTS_DIR")
        .map_or_else(|| target().join("guests"), PathBuf::from);
    existing(folder.join(format!("{package}.wasm")))
}

/// A program of this workspace.
pub fn program(name: &str) -> PathBuf {
    let from_environment = (name == "orderdesk-mcp")
        .then(|| std::env::var_os("ORDERDESK_MCP_BIN"))
        .flatten();
    existing(from_environment.map_or_else(|| target().join("debug").join(name), PathBuf::from))
}

/// The target folder: this test runs as `<target>/debug/deps/<test>`.
pub fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn existing(file: PathBuf) -> PathBuf {
    assert!(
        file.is_file(),
        "{} is not there; run `cargo xtask test`, which builds it",
        file.display()
    );
    file
}
