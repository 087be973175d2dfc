//! The real program, with plugins that were added as an operator adds them: by lines in the config, and nothing rebuilt.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use end_to_end::{SERVER_KEY, guest, program, root, share_compiled_code};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// `orderdesk-mcp stdio`, and every line of its output.
struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// Read all the time: a full pipe would stop the program.
    stderr: JoinHandle<String>,
    asked: u64,
    _data: TempDir,
}

/// What is left when it has ended.
struct Ended {
    /// Lines of stdout that answered nothing.
    unasked: Vec<String>,
    stderr: String,
}

impl Program {
    async fn start(config: &Path, simulator: &Simulator) -> Self {
        let data = tempfile::tempdir().unwrap();
        share_compiled_code(data.path());
        let mut child = Command::new(program("orderdesk-mcp"))
            .arg("stdio")
            .arg("--config")
            .arg(config)
            .env("ORDERDESK_MCP_DATA_DIR", data.path())
            .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
            .env("ORDERDESK_BASE_URL", simulator.base_url())
            .env("RUST_LOG", "info")
            .env_remove("ORDERDESK_STORE_ID")
            .env_remove("ORDERDESK_API_KEY")
            .env_remove("ORDERDESK_MCP_MASTER_KEY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let stderr = tokio::spawn(async move {
            let mut text = String::new();
            pipe.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut program = Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            stderr,
            child,
            asked: 0,
            _data: data,
        };
        let client = json!({"name": "hostile", "version": "1"});
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        program.ask("initialize", hello).await;
        let greeted = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        program.send(&greeted).await;
        program
    }

    async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// The answer: the very next line, since nothing else was asked.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let request =
            json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        self.send(&request).await;
        let line = self.stdout.next_line().await.unwrap().unwrap();
        let answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON-RPC: {line}"));
        assert_eq!(answer["id"], self.asked, "{line}");
        assert!(answer["result"].is_object(), "{line}");
        answer["result"].clone()
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
    }

    async fn tools(&mut self) -> Vec<String> {
        self.ask("tools/list", json!({})).await["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn end(mut self) -> Ended {
        drop(self.stdin);
        let status = self.child.wait().await.unwrap();
        let stderr = self.stderr.await.unwrap();
        assert!(status.success(), "{stderr}");
        let mut unasked = Vec::new();
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            unasked.push(line);
        }
        Ended { unasked, stderr }
    }
}

async fn simulator() -> Simulator {
    Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap()
}

/// The configuration that ships, with these lines at its end, in a folder of its own.
fn config(folder: &Path, lines: &str) -> PathBuf {
    let plugins = format!("source = \"{}/plugins/", root().display());
    let shipped = std::fs::read_to_string(root().join("orderdesk.toml")).unwrap();
    let file = folder.join("orderdesk.toml");
    let text = shipped.replace("source = \"plugins/", &plugins);
    std::fs::write(&file, format!("{text}\n{lines}\n")).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_plugin_is_served_after_a_change_of_four_lines_of_config() {
    let (simulator, folder) = (simulator().await, tempfile::tempdir().unwrap());
    let mut before = Program::start(&config(folder.path(), ""), &simulator).await;
    assert!(!before.tools().await.contains(&"echo_say".to_owned()));
    before.end().await;

    let lines = format!(
        "[plugins.echo]\nsource = {:?}\nprefixes = [\"echo_\"]\nlimits = {{ cpu = \"1s\" }}",
        guest("guest-echo")
    );
    assert_eq!(lines.lines().count(), 4);
    let mut after = Program::start(&config(folder.path(), &lines), &simulator).await;
    let tools = after.tools().await;
    for tool in ["echo_say", "orders_list", "stores_list"] {
        assert!(tools.contains(&tool.to_owned()), "{tools:?}");
    }
    let said = after.call("echo_say", json!({"message": "hello"})).await;
    assert_eq!(said["structuredContent"]["message"], "hello", "{said}");
    after.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_prints_or_logs_never_reaches_stdout_and_does_not_fill_the_log() {
    let (simulator, folder) = (simulator().await, tempfile::tempdir().unwrap());
    let lines = format!(
        "[plugins.hostile]\nsource = {:?}\nconsent = \"operator\"\ngrants.http = [{{ endpoint = \"orderdesk\", allow = [\"GET /store\"] }}]",
        guest("guest-hostile")
    );
    let mut program = Program::start(&config(folder.path(), &lines), &simulator).await;
    // Each answer is the next line of stdout, whatever the plugin put there.
    for how in ["print", "log", "print-long"] {
        program.call("hostile_break", json!({"how": how})).await;
        let listed = program.call("stores_list", json!({})).await;
        assert_ne!(listed["isError"], true, "{listed}");
    }
    let Ended { unasked, stderr } = program.end().await;
    assert_eq!(unasked, Vec::<String>::new());
    assert!(
        stderr.contains("printed:") && stderr.contains("flood 0"),
        "{stderr}"
    );
    assert!(stderr.contains("further lines of this call are left out"));
    assert!(stderr.len() < 2 << 20, "{} bytes", stderr.len());
    // Whatever a plugin writes, it makes no line of the log by itself.
    for line in stderr.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let ours = record["target"].as_str();
        assert!(
            ours.is_some_and(|target| target.starts_with("orderdesk_mcp")),
            "{line}"
        );
    }
}
