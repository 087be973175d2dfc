//! Memory, processor time, wall-clock time, output: a call that passes a limit fails by itself, with the limit's name.

use end_to_end::{Client, Server, eventually};
use orderdesk_simulator::{Fault, sample};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::secrets::{keep, with_key};
use super::{READS, code, others_still_work, with_hostile};

/// Limits short enough for a test, and the grants that the attempts need to get as far as the limit.
const TIGHT: &str = r#"
limits = { cpu = "300ms", time = "30s", memory = "32MiB", output = "1MiB", http_requests = 5 }
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
"#;
/// As short as a deadline can be for the plugin to get as far as its waiting.
const IMPATIENT: &str = r#"
limits = { time = "1s", total_time = "3s" }
grants.locks = true
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
"#;

async fn started(lines: &str) -> (Server, Client) {
    let server = with_hostile(lines).start().await;
    let client = server.tenant("acme").await;
    (server, client)
}

/// A request with the store's own key: the simulator does not even hold others.
async fn asks_for_its_store(client: &Client) -> Value {
    let handle = keep(client, sample::HARBOR_AND_OAK_KEY).await;
    with_key("orderdesk", &["store"], &handle, "store:9021")
}

async fn breaks_with(client: &Client, how: &str, wanted: &str, names: &str) {
    let (code, text) = client
        .call("hostile_break", json!({"how": how}))
        .await
        .error();
    assert_eq!(code, wanted, "{how}: {text}");
    assert!(text.contains(names), "{how}: {text}");
    others_still_work(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_use_up_the_host_ends_in_a_typed_error_that_names_the_limit() {
    let (server, client) = started(TIGHT).await;
    for (how, wanted, names) in [
        ("loop", "cpu-limit", "plugins.hostile.limits.cpu"),
        ("memory", "memory-limit", "plugins.hostile.limits.memory"),
        ("recursion", "plugin-failed", "hostile"),
        ("panic", "plugin-failed", "hostile"),
        ("exit", "plugin-failed", "hostile"),
        ("handles", "plugin-failed", "hostile"),
    ] {
        breaks_with(&client, how, wanted, names).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_bounded_in_every_part_of_it() {
    let (server, client) = started(TIGHT).await;
    for how in [
        "output",
        "output-many",
        "output-link",
        "output-mime",
        "error",
        "error-code",
    ] {
        breaks_with(
            &client,
            how,
            "output-limit",
            "plugins.hostile.limits.output",
        )
        .await;
    }
    server.stop().await;
}

/// What costs the host more than its bytes say has limits of its own, whatever an operator allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_errors_and_answers_of_thousands_of_pieces_are_not_passed_on() {
    let roomy = TIGHT.replace("32MiB", "256MiB").replace("300ms", "20s");
    let roomy = roomy.replace("1MiB", "64MiB");
    let (server, client) = started(&roomy).await;
    breaks_with(&client, "error", "output-limit", "64 KiB").await;
    let broke = "plugin-broke-its-contract";
    breaks_with(&client, "output-many", broke, "Tell its author").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_of_output_are_not_even_taken() {
    let roomy = TIGHT.replace("32MiB", "256MiB").replace("300ms", "20s");
    let (server, client) = started(&roomy).await;
    breaks_with(
        &client,
        "output-100",
        "output-limit",
        "plugins.hostile.limits.output",
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_log_lines_prints_and_progress_are_survived() {
    let (server, client) = started(TIGHT).await;
    for how in ["log", "print", "progress"] {
        let reply = client.call("hostile_break", json!({"how": how})).await;
        assert!(
            !reply.is_error || reply.structured["error"]["code"] == "cpu-limit",
            "{how}: {}",
            reply.text
        );
        others_still_work(&client).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_without_end_and_sleep_without_end_stop_at_the_deadline() {
    let (server, client) = started(IMPATIENT).await;
    let (ended, text) = client.call("hostile_pause", json!({})).await.error();
    assert_eq!(ended, "time-limit", "{text}");
    assert!(text.contains("plugins.hostile.limits.total_time"), "{text}");
    others_still_work(&client).await;
    breaks_with(
        &client,
        "sleep",
        "time-limit",
        "plugins.hostile.limits.time",
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_without_end_leave_their_place_to_others_and_come_to_rest() {
    let limits = r#"limits = { calls = 1, cpu = "300ms", time = "10s", total_time = "30min" }"#;
    let (server, client) = started(&format!("{limits}\n{READS}")).await;
    let host = &server.application.host;
    // Those that run, and those that wait or rest.
    let of_hostile = || host.queues().get("hostile").copied();
    let pausing = tokio::spawn({
        let client = client.clone();
        async move { client.call("hostile_pause", json!({})).await }
    });
    eventually("it runs", async || of_hostile().is_some()).await;
    for _ in 0..20 {
        let nothing = json!({"how": "nothing"});
        client.call("hostile_break", nothing).await.ok();
    }
    // Then it has computed for as long as it may at once, and waits most of the time.
    eventually("it rests", async || of_hostile() == Some((0, 1))).await;
    assert!(!pausing.is_finished());
    pausing.abort();
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_lock_ends_at_the_deadline_and_frees_the_lock() {
    let (server, client) = started(IMPATIENT).await;
    for _ in 0..2 {
        let ended = code(&client, "hostile_wait", json!({})).await;
        assert!(["time-limit", "locked"].contains(&&*ended), "{ended}");
        others_still_work(&client).await;
    }
    let taken = client.call("hostile_spoil", json!({"what": "lock"})).await;
    assert!(!taken.is_error, "{}", taken.text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_never_answers_holds_no_call_past_its_deadline() {
    let (server, client) = started(IMPATIENT).await;
    server
        .simulator
        .inject(Fault::hang().on("GET", "/store").always());
    let ended = client
        .call("hostile_read", asks_for_its_store(&client).await)
        .await;
    assert_eq!(
        ended.structured["error"]["kind"], "timeout",
        "{}",
        ended.text
    );
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_call_are_counted() {
    let (server, client) = started(TIGHT).await;
    let asked = json!({"endpoint": "orderdesk", "method": "GET", "path": ["store"], "times": 50});
    let (code, text) = client.call("hostile_read", asked).await.error();
    assert_eq!(code, "too-many-requests-in-call");
    assert!(
        text.contains("plugins.hostile.limits.http_requests"),
        "{text}"
    );
    assert_eq!(server.simulator.count("GET", "/store"), 5);
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_its_own_schema_is_an_error() {
    let (server, client) = started(TIGHT).await;
    assert_eq!(
        code(&client, "hostile_lie", json!({})).await,
        "plugin-broke-its-contract"
    );
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_are_bounded_the_next_wait_and_too_many_are_told_busy() {
    let lines = "limits = { calls = 1 }\ngrants.http = [{ endpoint = \"orderdesk\", allow = [\"GET /store\"] }]";
    let (server, client) = started(lines).await;
    let (fault, held) = Fault::hold();
    server.simulator.inject(fault.on("GET", "/store"));
    let asked = asks_for_its_store(&client).await;
    let occupant = tokio::spawn({
        let client = client.clone();
        async move { client.call("hostile_read", asked).await }
    });
    held.arrived().await;

    // The queue of one tenant's calls to one plugin, and ten more than it holds.
    let (queue, extra) = (64, 10);
    let mut calls = JoinSet::new();
    for _ in 0..queue + extra {
        let client = client.clone();
        calls.spawn(async move {
            client
                .call("hostile_break", json!({"how": "nothing"}))
                .await
        });
    }
    for _ in 0..extra {
        let (code, text) = calls.join_next().await.unwrap().unwrap().error();
        assert_eq!(code, "busy", "{text}");
        assert!(text.contains("plugins.hostile.limits.calls"), "{text}");
    }
    // Neither other plugins nor other tenants wait with them.
    others_still_work(&client).await;
    let rival = server.tenant("rival").await;
    rival
        .call("hostile_break", json!({"how": "nothing"}))
        .await
        .ok();

    held.release();
    assert!(!occupant.await.unwrap().is_error);
    while let Some(waited) = calls.join_next().await {
        waited.unwrap().ok();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_trapping_calls_do_not_disturb_fifty_ordinary_ones() {
    let (server, client) = started(READS).await;
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let trapping = client.clone();
        calls.spawn(async move {
            let trapped = trapping
                .call("hostile_break", json!({"how": "panic"}))
                .await;
            assert_eq!(trapped.error().0, "plugin-failed");
        });
        let client = client.clone();
        calls.spawn(async move {
            let message = number.to_string();
            let said = client.call("echo_say", json!({"message": message})).await;
            assert_eq!(said.ok()["message"], Value::from(message));
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    server.stop().await;
}
