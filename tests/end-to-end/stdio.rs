//! The real program over stdin and stdout, with rmcp's own client.

use std::path::Path;
use std::process::Stdio;

use end_to_end::{SERVER_KEY, program, root, share_compiled_code};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::TokioChildProcess;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

fn server(data: &Path, simulator: &Simulator, variables: &[(&str, &str)]) -> Command {
    std::fs::create_dir_all(data).unwrap();
    // Compiling is not what these tests are about; on a busy machine it outlasts what a client waits for the list.
    share_compiled_code(data);
    let mut command = Command::new(program("orderdesk-mcp"));
    command
        .arg("stdio")
        .arg("--config")
        .arg(root().join("orderdesk.toml"))
        .env("ORDERDESK_MCP_DATA_DIR", data)
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env("ORDERDESK_BASE_URL", simulator.base_url())
        .env_remove("ORDERDESK_STORE_ID")
        .env_remove("ORDERDESK_API_KEY")
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .envs(variables.iter().copied())
        .kill_on_drop(true);
    command
}

async fn call(
    client: &rmcp::service::RunningService<rmcp::RoleClient, ()>,
    tool: &'static str,
    arguments: Value,
) -> Value {
    let mut params = CallToolRequestParams::new(tool);
    params.arguments = arguments.as_object().cloned();
    serde_json::to_value(client.call_tool(params).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_with_one_store_needs_no_key_and_no_set_up() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let variables = [
        ("ORDERDESK_STORE_ID", "9021"),
        ("ORDERDESK_API_KEY", "sandbox-key-9021"),
    ];
    let command = server(&data.path().join("new"), &simulator, &variables);
    let (transport, _) = TokioChildProcess::builder(command)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = ().serve(transport).await.unwrap();
    assert!(client.list_all_tools().await.unwrap().len() >= 11);
    let listed = call(&client, "orders_list", json!({"limit": 2})).await;
    assert_eq!(listed["structuredContent"]["returned"], 2, "{listed}");
    // A process is one client: what it chose serves it.
    let chosen = call(&client, "stores_use_store", json!({"identifier": "9021"})).await;
    assert_ne!(chosen["isError"], true, "{chosen}");
    client.cancel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_in_the_environment_is_said_clearly() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let variables = [
        ("ORDERDESK_STORE_ID", "9021"),
        ("ORDERDESK_API_KEY", "not-the-right-key"),
    ];
    let (transport, _) = TokioChildProcess::builder(server(data.path(), &simulator, &variables))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = ().serve(transport).await.unwrap();
    let failed = call(&client, "orders_list", json!({})).await;
    assert_eq!(failed["isError"], true);
    let text = failed["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("Order Desk refused") && !text.contains("not-the-right-key"),
        "{text}"
    );
    client.cancel().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stdout_holds_nothing_but_json_rpc_and_the_end_of_stdin_ends_the_process() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut child = server(data.path(), &simulator, &[("RUST_LOG", "trace")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let initialize = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize}).to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "stores_list", "arguments": {}}}).to_string(),
    ];
    let mut answered = Vec::new();
    for message in messages {
        stdin
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
        if message.contains("\"id\"") {
            // That lists have changed since it started, the process says whenever it wants.
            let answer = loop {
                let line = lines.next_line().await.unwrap().unwrap();
                let message: Value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON-RPC: {line}"));
                assert_eq!(message["jsonrpc"], "2.0");
                if message.get("id").is_some() {
                    break message;
                }
            };
            answered.push(answer["id"].clone());
        }
    }
    assert_eq!(answered, [1, 2, 3]);
    drop(stdin);
    assert!(child.wait().await.unwrap().success());
    while let Some(line) = lines.next_line().await.unwrap() {
        assert!(line.contains("list_changed"), "{line}");
    }
}

/// A checkout can bring along a file of any name, and an editor starts its servers in it: whoever wrote that file must not say
/// which plugins reach the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_lies_where_a_client_starts_the_program_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (checkout, user) = (folder.path().join("checkout"), folder.path().join("user"));
    std::fs::create_dir_all(&checkout).unwrap();
    std::fs::create_dir_all(user.join("orderdesk-mcp")).unwrap();
    std::fs::write(checkout.join("orderdesk.toml"), "[theirs]\n").unwrap();
    let own = "[mcp]\ninstructions = \"The person's own.\"\n";
    std::fs::write(user.join("orderdesk-mcp/orderdesk.toml"), own).unwrap();
    let started = |arguments: &[&str]| {
        let mut command = Command::new(program("orderdesk-mcp"));
        command
            .args(arguments)
            .current_dir(&checkout)
            .env("XDG_CONFIG_HOME", &user)
            .env("ORDERDESK_MCP_DATA_DIR", folder.path().join("data"))
            .env_remove("ORDERDESK_MCP_MASTER_KEY")
            .kill_on_drop(true);
        command
    };

    let (transport, _) = TokioChildProcess::builder(started(&["stdio"]))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let client = ().serve(transport).await.unwrap();
    let instructions = client.peer_info().unwrap().instructions.clone().unwrap();
    assert!(instructions.contains("The person's own."), "{instructions}");
    client.cancel().await.unwrap();

    // Whoever types a command there means the file that lies there.
    let output = started(&["tenants", "list"]).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("theirs"),
        "{text}"
    );
}
