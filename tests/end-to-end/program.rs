//! Questions, sets and previews of the program itself: over stdin and stdout in both eras, and in the terminal.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use end_to_end::{guest, program, root};
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationCapability, Implementation, ProtocolVersion,
};
use rmcp::service::RequestContext;
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient};
use serde_json::{Value, json};

/// The program with the plugin that changes documents, and a data directory below `folder`.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("orderdesk-mcp"));
    command
        .args(arguments)
        .arg("--config")
        .arg(config(folder))
        .current_dir(root())
        .env("ORDERDESK_MCP_DATA_DIR", folder.join("data"))
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn config(folder: &Path) -> PathBuf {
    let config = folder.join("test.toml");
    let source = guest("guest-changes").display().to_string();
    let plugin =
        format!("[plugins.changes]\nsource = {source:?}\nprefixes = [\"changes_\", \"relay_\"]\n");
    std::fs::write(&config, plugin).unwrap();
    config
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(folder: &Path, capabilities: &Value, more: &[&str]) -> Self {
        let mut child = command(folder, &[&["stdio"], more].concat())
            .spawn()
            .unwrap();
        let mut process = Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}});
        process.send(json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}));
        process.receive();
        process.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        process
    }

    fn send(&mut self, message: Value) {
        self.stdin
            .write_all(format!("{message}\n").as_bytes())
            .unwrap();
    }

    /// The next answer or question; that lists have changed since it started, the process says whenever it wants.
    fn receive(&mut self) -> Value {
        loop {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            let message: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON-RPC: {line}"));
            let notification = message["method"].as_str().unwrap_or_default();
            if !notification.starts_with("notifications/") {
                return message;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
        self.receive()
    }

    fn tools(&mut self) -> Vec<String> {
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
        let listed = self.receive();
        let tools = listed["result"]["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("{listed}"));
        tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn over_stdio_the_client_is_sent_a_form() {
    let data = tempfile::tempdir().unwrap();
    let mut process = Process::start(data.path(), &json!({"elicitation": {}}), &[]);
    process.call("changes_set", json!({"key": "a", "value": "here"}));
    for (answer, erased) in [
        (json!({"action": "decline"}), false),
        (
            json!({"action": "accept", "content": {"confirm": true}}),
            true,
        ),
    ] {
        let question = process.call("changes_erase", json!({"key": "a"}));
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert_eq!(question["params"]["message"], "Erase a?");
        process.send(json!({"jsonrpc": "2.0", "id": question["id"], "result": answer}));
        let done = process.receive();
        assert_eq!(
            done["result"]["structuredContent"]["erased"], erased,
            "{done}"
        );
    }
    let question = process.call("changes_erase", json!({"key": "a"}));
    let refusal = json!({"code": -32601, "message": "no such method"});
    process.send(json!({"jsonrpc": "2.0", "id": question["id"], "error": refusal}));
    let failed = process.receive();
    assert_eq!(
        failed["result"]["structuredContent"]["error"]["code"], "question-unanswered",
        "{failed}"
    );
    process.end();

    let mut mute = Process::start(data.path(), &json!({}), &[]);
    let refused = mute.call("changes_erase", json!({"key": "a"}));
    assert_eq!(
        refused["result"]["structuredContent"]["error"]["code"], "confirmation-needed",
        "{refused}"
    );
    mute.end();
}

#[test]
fn whoever_starts_the_process_chooses_its_sets_and_whether_it_writes() {
    let data = tempfile::tempdir().unwrap();
    let none = json!({});
    let mut process = Process::start(data.path(), &none, &["--toolsets", "rare"]);
    assert_eq!(
        process.tools(),
        ["changes_get", "changes_find", "relay_call"]
    );
    process.end();

    let mut process = Process::start(data.path(), &none, &["--read-only"]);
    assert_eq!(process.tools(), ["changes_get"]);
    let refused = process.call("changes_set", json!({"key": "a", "value": "b"}));
    assert_eq!(
        refused["result"]["structuredContent"]["error"]["code"], "read-only-process",
        "{refused}"
    );
    process.end();

    let mut process = Process::start(data.path(), &none, &["--toolsets", "rarer"]);
    let refused = process.call("changes_get", json!({"key": "a"}));
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("known: audit, changes, rare"),
        "{refused}"
    );
    process.end();
}

/// A person who answers every form in the same way.
struct Person(bool);

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new());
        ClientConfig::new(capabilities, Implementation::new("person", "1"))
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        assert!(matches!(
            request,
            ElicitRequestParams::FormElicitationParams { message, .. } if message == "Erase a?"
        ));
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"confirm": self.0})))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_client_asks_its_person_in_both_eras() {
    let folder = tempfile::tempdir().unwrap();
    for modern in [false, true] {
        for yes in [false, true] {
            let (transport, _) = TokioChildProcess::builder(tokio::process::Command::from(
                command(folder.path(), &["stdio"]),
            ))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
            let lifecycle = if modern {
                ClientLifecycleMode::Discover {
                    preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                }
            } else {
                ClientLifecycleMode::Initialize
            };
            let client = Person(yes)
                .serve_with_lifecycle(transport, lifecycle)
                .await
                .unwrap();
            let call = async |tool: &'static str, arguments: Value| {
                let mut params = CallToolRequestParams::new(tool);
                params.arguments = arguments.as_object().cloned();
                serde_json::to_value(client.call_tool(params).await.unwrap()).unwrap()
            };
            call("changes_set", json!({"key": "a", "value": "here"})).await;
            let done = call("changes_erase", json!({"key": "a"})).await;
            assert_eq!(done["structuredContent"]["erased"], yes, "{modern}: {done}");
            client.cancel().await.unwrap();
        }
    }
}

#[test]
fn in_the_terminal_a_token_confirms_from_one_process_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let call = |arguments: Value| -> Value {
        let output = command(folder.path(), &["call", "changes_erase"])
            .arg(arguments.to_string())
            .arg("--json")
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    // No person at this stdin.
    let refused = call(json!({"key": "a"}));
    assert_eq!(
        refused["structured"]["error"]["code"],
        "confirmation-needed"
    );
    let preview = call(json!({"key": "a", "dry_run": true}));
    let token = &preview["structured"]["confirm_token"];
    let done = call(json!({"key": "a", "confirm_token": token}));
    assert_eq!(done["structured"]["erased"], true, "{done}");
    let again = call(json!({"key": "a", "confirm_token": token}));
    assert_eq!(
        again["structured"]["error"]["code"],
        "confirm-token-unknown"
    );
}

#[test]
fn check_says_which_of_the_chosen_sets_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = command(folder.path(), &["check", "--json"]);
    let config = folder.path().join("test.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        format!("[mcp]\ntoolsets = [\"changes\", \"chagnes\"]\n{text}"),
    )
    .unwrap();
    let report: Value = serde_json::from_slice(&check.output().unwrap().stdout).unwrap();
    let problem = &report["problems"][0];
    assert_eq!(problem["where"], "mcp.toolsets", "{report}");
    assert_eq!(
        problem["what"],
        "there is no tool set 'chagnes'; known: audit, changes, rare"
    );
}
