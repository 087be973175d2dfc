//! What `connect` prints, taken by the word: each link and file names a program that really serves.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{SERVER_KEY, program, root, share_compiled_code};
use rmcp::ServiceExt;
use rmcp::transport::TokioChildProcess;
use serde_json::Value;

/// What `connect CLIENT` answers with `--json`.
fn connect(client: &str, more: &[&str]) -> Value {
    let output = Command::new(program("orderdesk-mcp"))
        .args(["--json", "connect", client])
        .args(more)
        .current_dir(root())
        .env("ORDERDESK_MCP_MASTER_KEY", "odm_must_not_show")
        .env("ORDERDESK_API_KEY", "sandbox-must-not-show")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("must_not_show") && !text.contains("must-not-show"));
    serde_json::from_str(&text).unwrap()
}

/// The parameters of a link, decoded as a browser does.
fn parameters(link: &Value) -> Vec<(String, String)> {
    let link = reqwest::Url::parse(link.as_str().unwrap()).unwrap();
    link.query_pairs().into_owned().collect()
}

/// The server that a link of Cursor or LM Studio holds.
fn linked(link: &Value) -> Value {
    let parameters = parameters(link);
    let of = |name: &str| &parameters.iter().find(|(key, _)| key == name).unwrap().1;
    assert_eq!(of("name"), "orderdesk");
    serde_json::from_slice(&STANDARD.decode(of("config")).unwrap()).unwrap()
}

/// The server that a link of Visual Studio Code holds: its query is one JSON object.
fn linked_in_vs_code(link: &Value) -> Value {
    let (json, _) = parameters(link).remove(0);
    serde_json::from_str(&json).unwrap()
}

/// Starts what a client would start, far from the project, and lists its tools.
async fn serves(server: &Value, data: &Path) {
    share_compiled_code(data);
    let mut command = tokio::process::Command::new(server["command"].as_str().unwrap());
    let arguments = server["args"].as_array().unwrap();
    command
        .args(arguments.iter().map(|argument| argument.as_str().unwrap()))
        .current_dir(data)
        .env("ORDERDESK_MCP_DATA_DIR", data)
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env_remove("ORDERDESK_STORE_ID")
        .env_remove("ORDERDESK_API_KEY")
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .kill_on_drop(true);
    let (transport, _) = TokioChildProcess::builder(command)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = ().serve(transport).await.unwrap();
    assert!(!client.list_all_tools().await.unwrap().is_empty());
    client.cancel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_link_and_file_starts_a_server() {
    let data = tempfile::tempdir().unwrap();
    for client in ["cursor", "lm-studio"] {
        let printed = connect(client, &[]);
        let server = linked(&printed["link"]);
        assert_eq!(printed["content"]["mcpServers"]["orderdesk"], server);
        serves(&server, data.path()).await;
    }
    let printed = connect("vs-code", &[]);
    let server = linked_in_vs_code(&printed["link"]);
    let file = &printed["content"]["servers"]["orderdesk"];
    assert_eq!(server["inputs"], printed["content"]["inputs"]);
    for key in ["type", "command", "args", "env"] {
        assert_eq!(server[key], file[key]);
    }
    serves(&server, data.path()).await;
    let printed = connect("claude-desktop", &[]);
    serves(&printed["content"]["mcpServers"]["orderdesk"], data.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_for_claude_code_starts_a_server_after_its_two_dashes() {
    let data = tempfile::tempdir().unwrap();
    let line = connect("claude-code", &[])["line"].clone();
    let (add, start) = line.as_str().unwrap().split_once(" -- ").unwrap();
    assert_eq!(add, "claude mcp add --transport stdio orderdesk");
    // As a shell reads it.
    let words = Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {start}")])
        .output()
        .unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    let mut words = words.lines();
    let server = serde_json::json!({
        "command": words.next().unwrap(),
        "args": words.collect::<Vec<_>>(),
    });
    serves(&server, data.path()).await;
}

#[test]
fn a_server_is_reached_by_its_url_and_its_key_is_asked_for_or_left_open() {
    let url = ["--url", "https://mcp.example.com/mcp"];
    for (client, key) in [
        ("cursor", "Bearer ${env:ORDERDESK_MCP_MASTER_KEY}"),
        ("lm-studio", "Bearer PUT-YOUR-KEY-HERE"),
    ] {
        let server = linked(&connect(client, &url)["link"]);
        assert_eq!(server["url"], url[1]);
        assert_eq!(server["headers"]["Authorization"], key);
    }
    let server = linked_in_vs_code(&connect("vs-code", &url)["link"]);
    assert_eq!(server["type"], "http");
    let input = &server["inputs"][0];
    assert_eq!(input["password"], true);
    assert_eq!(
        server["headers"]["Authorization"].as_str().unwrap(),
        format!("Bearer ${{input:{}}}", input["id"].as_str().unwrap())
    );
    let line = connect("claude-code", &url)["line"].clone();
    assert_eq!(
        line,
        "claude mcp add --transport http orderdesk https://mcp.example.com/mcp --header \"Authorization: Bearer $ORDERDESK_MCP_MASTER_KEY\""
    );
}

#[test]
fn shells_and_man_are_told_every_command() {
    let run = |arguments: &[&str]| {
        let output = Command::new(program("orderdesk-mcp"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = run(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"serve") && commands.contains(&"connect"));
    let manual = run(&["man"]);
    let bash = run(&["completions", "bash"]);
    for command in &commands {
        let heading = format!(".SH \"{}\"", command.to_uppercase());
        assert!(manual.contains(&heading), "{heading} is not in the manual");
        assert!(bash.contains(command));
    }
    // What a shell refuses to read completes nothing.
    let checked = Command::new("bash").args(["-n", "-c", &bash]).output();
    assert!(checked.unwrap().status.success());
}
