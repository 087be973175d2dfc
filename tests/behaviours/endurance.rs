//! Many calls over stdio, and the end of a busy server.

use std::process::Stdio;
use std::time::Duration;

use end_to_end::{Installation, Signal, Stream, guest, rounds};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;

async fn installation() -> (Simulator, Installation) {
    let config = SimulatorConfig::sample(7, Clock::System);
    let simulator = Simulator::start(config).await.unwrap();
    let installation = Installation::new(&simulator, |config| {
        for name in ["shelf", "echo"] {
            let mut plugin = toml::Table::new();
            let source = guest(&format!("guest-{name}"));
            plugin.insert("source".into(), source.display().to_string().into());
            let plugins = config["plugins"].as_table_mut().unwrap();
            plugins.insert(name.to_owned(), plugin.into());
        }
    });
    (simulator, installation)
}

/// The `number`th of many messages: calls that work, that fail, that nobody knows, and what is no message at all.
fn mixed(number: usize) -> String {
    let call = |tool: &str, arguments: Value| {
        let params =
            json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": number}});
        json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
            .to_string()
    };
    let ask = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).to_string()
    };
    match number % 12 {
        0 => call(
            "echo_say",
            json!({"message": "multi\nline \u{2028} and \u{1b}[31m color"}),
        ),
        1 => call("stores_list", json!({})),
        2 => call("echo_say", json!({"mesage": 1})),
        3 => call("no_such_tool", json!({})),
        4 => ask("resources/read", json!({"uri": "shelf://about"})),
        5 => ask(
            "prompts/get",
            json!({"name": "shelf_recommend", "arguments": {"topic": "x"}}),
        ),
        6 => ask("no/such/method", json!({})),
        7 => call("shelf_read_aloud", json!({"pages": 2, "page_ms": 0})),
        8 => ask("resources/read", json!({"uri": "shelf://nowhere"})),
        9 => ask("ping", json!({})),
        10 => call("orders_get", json!({"order_id": "1"})),
        _ => ask("tools/list", json!({})),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stdout_of_thousands_of_mixed_calls_at_debug_level_holds_json_rpc_alone() {
    let (_simulator, installation) = installation().await;
    let key = installation.tenant("acme").await;
    let mut child = installation
        .command(&["stdio"])
        .env("ORDERDESK_MCP_MASTER_KEY", &key)
        .env("RUST_LOG", "debug")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let logged = tokio::spawn(async move {
        let mut count = 0;
        while let Ok(Some(_)) = log.next_line().await {
            count += 1;
        }
        count
    });
    let calls = rounds(600, 10_000);
    let writing = tokio::spawn(async move {
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let hello =
            json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello});
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let mut first = format!("{hello}\n{ready}\n");
        // A broken line is answered, and the process lives.
        first.push_str("{\"jsonrpc\": \"2.0\", \"id\": \n");
        stdin.write_all(first.as_bytes()).await.unwrap();
        for number in 0..calls {
            let line = format!("{}\n", mixed(number));
            stdin.write_all(line.as_bytes()).await.unwrap();
        }
        stdin
    });
    let (mut answered, mut broken) = (0, 0);
    while answered < calls {
        let line = tokio::time::timeout(Duration::from_secs(120), lines.next_line()).await;
        let line = line.expect("it is stuck").unwrap().expect("it ended");
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON-RPC: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        broken += usize::from(message["error"]["code"] == -32700);
        answered += usize::from(message["id"].is_u64() && message.get("method").is_none());
    }
    assert_eq!(broken, 1);
    drop(writing.await.unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
    assert!(ended.expect("it did not end with stdin").unwrap().success());
    while let Some(line) = lines.next_line().await.unwrap() {
        let _: Value = serde_json::from_str(&line).unwrap();
    }
    assert!(logged.await.unwrap() > calls / 4, "no debug lines");
}

/// A client that gives up over stdio hears nothing more of that call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_over_stdio_has_no_answer() {
    let (_simulator, installation) = installation().await;
    let key = installation.tenant("acme").await;
    let mut child = installation
        .command(&["stdio"])
        .env("ORDERDESK_MCP_MASTER_KEY", &key)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let long = json!({"name": "shelf_read_aloud", "arguments": {"pages": 100, "page_ms": 200}, "_meta": {"progressToken": "p"}});
    let say = json!({"name": "echo_say", "arguments": {"message": "after"}});
    let mut send = async |message: Value| {
        stdin
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    };
    send(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})).await;
    send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": long})).await;
    while !lines
        .next_line()
        .await
        .unwrap()
        .unwrap()
        .contains("notifications/progress")
    {}
    let give_up = json!({"requestId": 2, "reason": "enough"});
    send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": give_up})).await;
    // Finished calls and unknown ones may be cancelled as well.
    let nothing = json!({"requestId": 77});
    send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": nothing})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    send(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": say})).await;
    let mut since = Vec::new();
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["id"] == 3 {
            break;
        }
        since.push(message);
    }
    let answers: Vec<_> = since.iter().filter(|it| it["id"] == 2).collect();
    assert!(answers.is_empty(), "{answers:?}");
}

/// SIGTERM while Order Desk takes a second for everything: streams end with a result, what was begun is whole, and the process is
/// gone within five seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_ends_in_five_seconds_and_leaves_nothing_half_done() {
    let (simulator, installation) = installation().await;
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    let client = agent.http();
    let store = json!({"store_id": "9021", "api_key": "sandbox-key-9021"});
    client.call("stores_register", store).await.ok();
    let listed = client.call("orders_list", json!({"limit": 4})).await.ok();
    let orders: Vec<String> = listed["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["id"].as_str().unwrap().to_owned())
        .collect();
    simulator.set_latency(Duration::from_secs(1));

    let mut listener = Stream::listen(&client, json!({"toolsListChanged": true})).await;
    let mut working = JoinSet::new();
    for (number, order) in orders.iter().enumerate() {
        let (client, order) = (client.clone(), order.clone());
        working.spawn(async move {
            let note = format!("note {number}");
            let arguments = json!({"order_id": order, "note": note});
            let reply = client.call("orders_add_note", arguments).await;
            (order, note, reply)
        });
    }
    let mut reading = JoinSet::new();
    for offset in 0..8 {
        let client = client.clone();
        reading.spawn(async move { client.call("orders_list", json!({"offset": offset})).await });
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    let asked = std::time::Instant::now();
    process.signal(Signal::TERM);
    assert!(listener.result().await["result"].is_object());
    let mut written = Vec::new();
    while let Some(done) = working.join_next().await {
        written.push(done.unwrap());
    }
    // Each read has an answer too: its page, or that it was cancelled.
    while let Some(read) = reading.join_next().await {
        let read = read.unwrap();
        assert!(!read.is_error || read.error().0 == "cancelled");
    }
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(6),
        "{:?}",
        asked.elapsed()
    );

    for (order, note, reply) in written {
        let there = simulator
            .with_store(9021, |store| {
                let order = store.order(order.parse().unwrap()).unwrap();
                order.to_json(0, true).to_string().contains(&note)
            })
            .unwrap();
        assert_eq!(there, !reply.is_error, "{order}: {}", reply.text);
    }
}
