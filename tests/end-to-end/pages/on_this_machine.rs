//! The page of a process that serves stdio: on this machine, for its own links, and only while one of them is good. Spoken with in
//! MCP 2025-11-25, whose clients declare at the beginning that they open pages.

use std::process::Stdio;

use end_to_end::{Browser, Installation};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::{enter, store};

struct Wire {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

impl Wire {
    async fn start(installation: &Installation, key: Option<&str>, capabilities: Value) -> Self {
        let mut command = installation.stdio_command(key);
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut wire = Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            log: BufReader::new(child.stderr.take().unwrap()).lines(),
            _child: child,
        };
        let client = json!({"name": "t", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client});
        wire.ask("initialize", hello).await;
        wire.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        wire
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .await;
        let line = self.stdout.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn register(&mut self) -> Value {
        let call = json!({"name": "stores_register", "arguments": store()});
        self.ask("tools/call", call).await
    }

    async fn logged(&mut self, what: &str) {
        while let Some(line) = self.log.next_line().await.unwrap() {
            if line.contains(what) {
                return;
            }
        }
        panic!("the log ended without '{what}'");
    }
}

/// What the error -32042 asks the client to open.
fn required(answer: &Value) -> String {
    assert_eq!(answer["error"]["code"], -32042, "{answer}");
    let elicitation = &answer["error"]["data"]["elicitations"][0];
    assert_eq!(elicitation["mode"], "url", "{answer}");
    assert!(
        elicitation["elicitationId"]
            .as_str()
            .unwrap()
            .starts_with("odp_")
    );
    elicitation["url"].as_str().unwrap().to_owned()
}

async fn installation() -> (Simulator, Installation) {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let installation = Installation::new(&simulator, |_| {});
    (simulator, installation)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_at_this_machine_needs_no_key_and_the_listener_ends_with_the_link() {
    let (_simulator, installation) = installation().await;
    let url_mode = json!({"elicitation": {"url": {}}});
    let mut wire = Wire::start(&installation, None, url_mode).await;
    let url = required(&wire.register().await);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let mut browser = Browser::default();
    let page = browser.open(&url).await;
    assert!(!page.asks_for("access_key"), "{}", page.html);
    let fields = [
        ("secret.api_key", sample::HARBOR_AND_OAK_KEY),
        ("decision", "yes"),
    ];
    let done = browser.submit(&page, &fields).await;
    assert_eq!(done.status, 200, "{}", done.html);
    drop(browser);
    wire.logged("the page is closed").await;
    let address = url.split('/').nth(2).unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let told = wire.register().await;
    let told = &told["result"]["structuredContent"];
    assert_eq!(told["store"]["store_id"], "9021", "{told}");
    // The next link gets a listener again.
    assert_ne!(required(&wire.register().await), url);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_in_the_environment_the_page_asks_for_one_and_serves_its_own_links_only() {
    let (_simulator, installation) = installation().await;
    let key = installation.tenant("acme").await;
    let mut wire = Wire::start(&installation, Some(&key), json!({})).await;
    let answer = wire.register().await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    let url = super::url_in(text);
    let mut browser = Browser::default();
    assert!(
        enter(&mut browser, &url, &key)
            .await
            .asks_for("secret.api_key")
    );

    // Another process's link is none of this one's.
    let mut other = Wire::start(&installation, None, json!({})).await;
    let answer = other.register().await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    let elsewhere = super::url_in(text);
    let (here, _) = url.rsplit_once('/').unwrap();
    let (_, token) = elsewhere.rsplit_once('/').unwrap();
    let page = browser.open(&format!("{here}/{token}")).await;
    assert_eq!(page.status, 404, "{}", page.html);
}
