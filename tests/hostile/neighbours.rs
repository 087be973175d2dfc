//! A second tenant keeps calling while the first does its worst: every one of its calls is answered, and afterwards the process
//! is as it was.

use std::time::Duration;

use end_to_end::{Client, Server};
use orderdesk_simulator::{Fault, sample};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::secrets::{keep, with_key};
use super::{READS, code, others_still_work, with_hostile};

/// Somebody else, who calls an ordinary plugin all the time.
struct Neighbour {
    client: Client,
    stop: CancellationToken,
    calling: JoinHandle<usize>,
}

impl Neighbour {
    async fn of(server: &Server) -> Self {
        let client = server.tenant("neighbour").await;
        let (stop, caller) = (CancellationToken::new(), client.clone());
        let ended = stop.clone();
        let calling = tokio::spawn(async move {
            let mut answered = 0;
            while !ended.is_cancelled() {
                let message = answered.to_string();
                let said = caller.call("echo_say", json!({"message": message})).await;
                assert_eq!(said.ok()["message"], Value::from(message));
                answered += 1;
            }
            answered
        });
        Self {
            client,
            stop,
            calling,
        }
    }

    /// How many calls were answered; one that was not fails the test here.
    async fn answered(self) -> usize {
        self.stop.cancel();
        let answered = self.calling.await.unwrap();
        others_still_work(&self.client).await;
        answered
    }
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

const TIGHT: &str = r#"
limits = { cpu = "200ms", time = "5s", memory = "64MiB", output = "1MiB", calls = 4 }
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
grants.locks = true
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_the_neighbour_is_answered_and_the_memory_comes_back() {
    let server = with_hostile(TIGHT).start().await;
    let client = server.tenant("acme").await;
    let neighbour = Neighbour::of(&server).await;
    let ways = [
        "loop",
        "memory",
        "recursion",
        "panic",
        "exit",
        "handles",
        "output",
        "output-many",
        "error",
        "log",
        "print",
        "print-long",
        "progress",
    ];
    let mut level = 0;
    for round in 0..3 {
        let mut calls = JoinSet::new();
        for how in ways {
            let client = client.clone();
            calls.spawn(async move { client.call("hostile_break", json!({"how": how})).await });
        }
        while let Some(call) = calls.join_next().await {
            // Some of it is survived, none of it without an answer.
            let reply = call.unwrap();
            assert!(!reply.text.is_empty(), "{}", reply.raw);
        }
        if round == 0 {
            level = resident();
        }
    }
    // The first round fills pools and caches; the next ones add nothing to speak of.
    let grown = resident().saturating_sub(level);
    assert!(grown < 64 << 20, "{} MiB more", grown >> 20);
    assert!(neighbour.answered().await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_in_any_callback_ends_that_call_only() {
    for (callback, method, params) in [
        ("read", "resources/read", json!({"uri": "hostile://1"})),
        ("prompt", "prompts/get", json!({"name": "hostile_p"})),
        (
            "complete",
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "hostile://{id}"}, "argument": {"name": "id", "value": ""}}),
        ),
    ] {
        let settings = json!({"settings": {
            "panic_in": callback,
            "resource": {"uri": "hostile://{id}", "name": "r", "mime": "text/plain", "answer": {"bytes": 1, "pieces": 1, "values": 1}},
            "prompt": {"name": "hostile_p", "messages": 1, "bytes": 1},
        }});
        let lines = format!("{READS}\n{}", toml::to_string(&settings).unwrap());
        let server = with_hostile(&lines).start().await;
        let neighbour = Neighbour::of(&server).await;
        let client = server.tenant("acme").await;
        for _ in 0..3 {
            let answer = client.request(method, params.clone()).await.json();
            assert_eq!(answer["error"]["data"]["code"], "plugin-failed", "{answer}");
        }
        assert!(neighbour.answered().await > 0, "{callback}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_while_it_judges_or_handles_is_the_senders_to_repeat() {
    for (callback, status) in [("webhook", 503), ("event", 200)] {
        let lines =
            format!("{READS}\ngrants.events = [\"hostile\"]\nsettings.panic_in = \"{callback}\"");
        let server = with_hostile(&lines).start().await;
        let neighbour = Neighbour::of(&server).await;
        let client = server.tenant("acme").await;
        let key = secrecy::SecretString::from(client.key());
        let tenancy = &server.application.data.tenancy;
        let principal = tenancy.authenticate(&key).await.unwrap();
        let hooks = &server.application.services.hooks;
        let id = hooks
            .create(&principal, "hostile", "store:1", None)
            .await
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = server.page(&format!("/webhooks/{id}"));
        let answer = http.post(url).body("{}").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{callback}");
        if callback == "event" {
            // Tried, and to be tried again: nothing is lost, nothing fell over.
            let failed = async {
                loop {
                    let listed = hooks.list(Some(&principal.tenant)).await.unwrap();
                    if listed[0].last_error.as_deref() == Some("plugin-failed") {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(30), failed)
                .await
                .expect("the event was not tried");
        }
        assert!(neighbour.answered().await > 0);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_in_memory_from_one_call_to_the_next() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    let other = server.tenant("rival").await;
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let client = if number % 2 == 0 { &client } else { &other }.clone();
        calls.spawn(async move { client.call("hostile_remember", json!({})).await.ok() });
    }
    while let Some(call) = calls.join_next().await {
        assert_eq!(call.unwrap()["seen"], "1");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_locks_and_sessions_end_at_the_tenant() {
    let server = with_hostile(&format!("{READS}\ngrants.locks = true"))
        .start()
        .await;
    let client = server.tenant("acme").await;
    let other = server.tenant("rival").await;
    let put = |value: Option<&str>, subject: Option<&str>| {
        let mut arguments = json!({"slot": "a"});
        for (name, text) in [("put", value), ("act_on", subject)] {
            if let Some(text) = text {
                arguments[name] = text.into();
            }
        }
        arguments
    };
    let seen = async |client: &Client, arguments: Value| {
        let kept = client.call("hostile_cache", arguments).await.ok();
        kept["seen"].as_str().unwrap().to_owned()
    };
    assert_eq!(seen(&client, put(Some("mine"), None)).await, "");
    assert_eq!(seen(&client, put(None, None)).await, "mine");
    assert_eq!(seen(&other, put(None, None)).await, "");
    // Nor does it reach from one store to another.
    assert_eq!(seen(&client, put(Some("first"), Some("store:1"))).await, "");
    assert_eq!(seen(&client, put(None, Some("store:2"))).await, "");
    assert_eq!(seen(&client, put(None, Some("store:1"))).await, "first");

    // Kept for an hour, in one tenant's name.
    let lock = json!({"what": "lock"});
    client.call("hostile_spoil", lock.clone()).await.ok();
    assert_eq!(
        code(&client, "hostile_spoil", lock.clone()).await,
        "lock-kept"
    );
    other.call("hostile_spoil", lock).await.ok();

    let who = async |client: &Client| client.call("hostile_session", json!({})).await.ok();
    let (mine, others) = (who(&client).await, who(&other).await);
    assert_eq!(mine, who(&client).await);
    assert_ne!(mine, others);
    // An opaque word, not the tenant's id or name.
    assert!(!mine.to_string().contains("ten_") && !mine.to_string().contains("acme"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_calls_are_served_or_told_to_come_again() {
    let server = with_hostile(TIGHT).start().await;
    let client = server.tenant("acme").await;
    let neighbour = Neighbour::of(&server).await;
    let (mut served, mut busy) = (0, 0);
    for _ in 0..8 {
        let mut calls = JoinSet::new();
        for _ in 0..250 {
            let client = client.clone();
            let nothing = json!({"how": "nothing"});
            calls.spawn(async move { client.call("hostile_break", nothing).await });
        }
        while let Some(call) = calls.join_next().await {
            let reply = call.unwrap();
            if reply.is_error {
                assert_eq!(reply.error().0, "busy");
                busy += 1;
            } else {
                served += 1;
            }
        }
    }
    assert_eq!(served + busy, 2_000);
    assert!(served > 0);
    assert!(neighbour.answered().await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gigabyte_from_upstream_is_cut_and_not_kept() {
    let server = with_hostile(TIGHT).start().await;
    let client = server.tenant("acme").await;
    let neighbour = Neighbour::of(&server).await;
    let handle = keep(&client, sample::HARBOR_AND_OAK_KEY).await;
    server
        .simulator
        .inject(Fault::sized_body(1 << 30).on("GET", "/store").always());
    let before = resident();
    for _ in 0..3 {
        let asked = with_key("orderdesk", &["store"], &handle, "store:9021");
        let refused = client.call("hostile_read", asked).await;
        assert_eq!(
            refused.structured["error"]["kind"], "too-large",
            "{}",
            refused.text
        );
    }
    // The simulator, which lives in this process, sends it piece by piece too.
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "{} MiB more", grown >> 20);
    assert!(neighbour.answered().await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_keeps_logs_and_nests_is_limited_by_name() {
    let lines = format!(
        "{READS}\nlimits = {{ stored = \"1KiB\", nesting = 8, log_lines = 5 }}\n{}",
        toml::to_string(&json!({"settings": {"tool": {
            "name": "hostile_deep", "description": "Tries.",
            "input": {"type": "object", "properties": {"a": {}}},
            "output": {"type": "object"},
            "answer": {"a": [[[[[[[[1]]]]]]]]},
        }}}))
        .unwrap()
    );
    let server = with_hostile(&lines).start().await;
    let client = server.tenant("acme").await;
    let other = server.tenant("rival").await;
    let fill = |slot: &str, bytes: usize| json!({"slot": slot, "bytes": bytes});

    client.call("hostile_fill", fill("a", 600)).await.ok();
    let (limit, text) = client.call("hostile_fill", fill("b", 600)).await.error();
    assert_eq!(limit, "stored-limit", "{text}");
    assert!(text.contains("plugins.hostile.limits.stored"), "{text}");
    // Each tenant has its own, and room that was made is there at once.
    other.call("hostile_fill", fill("a", 600)).await.ok();
    client.call("hostile_empty", fill("a", 0)).await.ok();
    client.call("hostile_fill", fill("b", 600)).await.ok();

    let mut deep = json!(1);
    for _ in 0..8 {
        deep = json!([deep]);
    }
    for arguments in [json!({}), json!({"a": deep})] {
        let (limit, text) = client.call("hostile_deep", arguments).await.error();
        assert_eq!(limit, "nesting-limit", "{text}");
        assert!(text.contains("plugins.hostile.limits.nesting"), "{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_in_the_clothes_of_endpoints_and_paths_lead_nowhere() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    for endpoint in [
        "orderdesk@evil.example",
        "orderdesk:80@evil.example",
        "orderdesk.evil.example",
        "[::ffff:127.0.0.1]",
        "http://[::ffff:169.254.169.254]",
        "ORDERDESK",
        " orderdesk",
        "",
    ] {
        let asked = json!({"endpoint": endpoint, "method": "GET", "path": ["store"]});
        assert_eq!(
            code(&client, "hostile_request", asked).await,
            "http-not-granted",
            "{endpoint}"
        );
    }
    assert!(server.simulator.requests().is_empty());
    // In a path they are a name like any other, at the endpoint's own origin.
    for segment in [
        "@evil.example",
        "x:80@evil.example",
        "evil.example#",
        "a?b=c",
    ] {
        let asked = json!({"endpoint": "orderdesk", "method": "GET", "path": ["orders", segment]});
        client.call("hostile_request", asked).await;
        let arrived = server.simulator.requests().pop().unwrap();
        assert!(arrived.path.contains("/orders/"), "{}", arrived.path);
        assert!(
            !arrived.path.contains('#') && !arrived.path.contains('?'),
            "{}",
            arrived.path
        );
    }
    server.stop().await;
}
