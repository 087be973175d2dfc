//! Nothing stays behind: of many calls, of clients that greet, of listeners that go away. `cargo xtask bench soak` looks at the
//! memory over a million calls; here it is what is alive that comes back to where it was.

use std::time::Duration;

use end_to_end::{Client, Installation, Process, Stream, guest, rounds};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::json;

const TOKEN: &str = "read-by-prometheus-and-by-nobody-else";
/// Alive in an idle server.
const GAUGES: [&str; 3] = [
    "orderdesk_mcp_calls_running",
    "orderdesk_mcp_calls_waiting",
    "orderdesk_mcp_guest_memory_in_use_bytes",
];

/// What is alive, by the server's own count.
async fn alive(client: &Client) -> f64 {
    let url = client.url().replace("/mcp", "/metrics");
    let http = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let text = http
        .get(url)
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("orderdesk_mcp_calls_total"), "{text}");
    let values = text
        .lines()
        .filter(|line| GAUGES.iter().any(|gauge| line.starts_with(gauge)));
    values
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Calls, greetings, and listeners that are dropped while the server still speaks to them.
async fn use_it(client: &Client, times: usize) {
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
    for number in 0..times {
        let message = json!({"message": "hello ".repeat(number % 500)});
        client.call("echo_say", message).await.ok();
        client.call("stores_list", json!({})).await.ok();
        client.call("echo_say", json!({"mesage": 1})).await.error();
        if number % 3 == 0 {
            assert_eq!(client.legacy("initialize", hello.clone()).await.status, 200);
        }
        if number % 10 == 0 {
            drop(Stream::listen(client, json!({"toolsListChanged": true})).await);
        }
    }
}

/// What a pool of connections may have grown by. What is left behind by each client would be there hundreds of times.
const KEPT: usize = 4;

/// About as many files, sockets and threads as before, once the server has noticed who is gone.
async fn comes_back_to(process: &Process, before: (usize, usize)) {
    let mut now = process.open();
    // Connections that were dropped are noticed by an event of the system, of which nobody tells here.
    for _ in 0..300 {
        if now.0 <= before.0 + KEPT && now.1 <= before.1 + KEPT {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        now = process.open();
    }
    panic!("open before: {before:?}, now: {now:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_greetings_and_listeners_that_go_away_leave_nothing_alive() {
    let config = SimulatorConfig::sample(7, Clock::System);
    let simulator = Simulator::start(config).await.unwrap();
    let installation = Installation::new(&simulator, |config| {
        let mut echo = toml::Table::new();
        let source = guest("guest-echo").display().to_string();
        echo.insert("source".into(), source.into());
        let plugins = config["plugins"].as_table_mut().unwrap();
        plugins.insert("echo".to_owned(), echo.into());
        let token = toml::Table::from_iter([("env".to_owned(), "METRICS_TOKEN".into())]);
        let metrics = toml::Table::from_iter([("token".to_owned(), token.into())]);
        config.insert("metrics".to_owned(), metrics.into());
    })
    .with_variable("METRICS_TOKEN", TOKEN);
    let key = installation.tenant("acme").await;
    let (process, client) = installation.serve_with(&key, &[]).await;
    // Threads and database connections that are made once, and kept.
    use_it(&client, 60).await;
    assert_eq!(alive(&client).await, 0.0);
    let before = process.open();
    use_it(&client, rounds(200, 10_000)).await;
    assert_eq!(alive(&client).await, 0.0);
    comes_back_to(&process, before).await;
}
