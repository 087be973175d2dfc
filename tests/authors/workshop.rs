//! Where the tests' authors work: an empty folder, the program, and tools that are installed once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use end_to_end::{program, target};
use serde_json::Value;
use tempfile::TempDir;

/// An empty folder with the program at hand.
pub struct Workshop {
    folder: TempDir,
}

impl Workshop {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        end_to_end::share_compiled_code(&folder.path().join("data"));
        Self { folder }
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    pub fn write(&self, inside: &str, text: &str) {
        std::fs::write(self.path(inside), text).unwrap();
    }

    /// The program, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("orderdesk-mcp"));
        command.args(arguments);
        self.at_work(&mut command);
        command
    }

    /// Lets a program run as an author here would.
    pub fn at_work(&self, command: &mut Command) {
        tools(command)
            .current_dir(self.folder.path())
            .env("ORDERDESK_MCP_DATA_DIR", self.path("data"))
            .env("ORDERDESK_MCP_SERVER_KEY", end_to_end::SERVER_KEY)
            .env("RUST_LOG", "warn");
    }

    /// What the program says; it must succeed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the program says with `--json`, and whether it succeeded.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> (Value, bool) {
        let output = self.command(arguments).arg("--json").output().unwrap();
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {}", said(&output)));
        (json, output.status.success())
    }
}

/// Everything that a command wrote.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// Tools and compiled dependencies are kept for the next run of the tests; the user's own are left alone.
fn tools(command: &mut Command) -> &mut Command {
    command
        .env("XDG_CACHE_HOME", target().join("authors/cache"))
        .env("CARGO_TARGET_DIR", target().join("authors/target"))
        .env_remove("ORDERDESK_CONFIG")
        .env_remove("ORDERDESK_STORE_ID")
        .env_remove("ORDERDESK_API_KEY")
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .stdin(Stdio::null())
}

/// Builds the example in this folder of the repository, and answers its component.
pub fn build_example(name: &str) -> PathBuf {
    let folder = end_to_end::root().join("examples").join(name);
    let mut command = Command::new(program("orderdesk-mcp"));
    command.args(["plugins", "build", "--json"]).arg(&folder);
    let output = tools(&mut command).output().unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
    let built: Value = serde_json::from_slice(&output.stdout).unwrap();
    let wasm = PathBuf::from(built["wasm"].as_str().unwrap());
    assert_eq!(wasm, folder.join("dist").join(format!("{name}.wasm")));
    wasm
}

/// Runs the tests of the example in this folder of the repository.
pub fn test_example(name: &str) {
    let folder = end_to_end::root().join("examples").join(name);
    let mut command = Command::new(program("orderdesk-mcp"));
    command.args(["plugins", "test"]).arg(&folder);
    let output = tools(&mut command).output().unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
}

/// Lines of an example's one source file.
pub fn lines_of(source: &str) -> usize {
    let file = end_to_end::root().join("examples").join(Path::new(source));
    std::fs::read_to_string(file).unwrap().lines().count()
}
