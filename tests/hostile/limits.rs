//! Memory, processor time, wall-clock time, output: a call that passes a limit fails by itself, with the limit's name.

use end_to_end::Server;
use serde_json::{Value, json};

use super::{READS, code, others_still_work, with_hostile};

/// Limits short enough for a test, and the grants that the attempts need to get as far as the limit.
const TIGHT: &str = r#"
limits = { cpu = "300ms", time = "3s", memory = "32MiB", output = "1MiB", http_requests = 5 }
grants.locks = true
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
"#;

async fn tight() -> (Server, end_to_end::Client) {
    let server = with_hostile(TIGHT).start().await;
    let client = server.tenant("acme").await;
    (server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_use_up_the_host_ends_in_a_typed_error_that_names_the_limit() {
    let (server, client) = tight().await;
    for (how, wanted, names) in [
        ("loop", "cpu-limit", "plugins.hostile.limits.cpu"),
        ("memory", "memory-limit", "plugins.hostile.limits.memory"),
        ("output", "output-limit", "plugins.hostile.limits.output"),
        ("recursion", "plugin-failed", "hostile"),
        ("panic", "plugin-failed", "hostile"),
    ] {
        let (code, text) = client
            .call("hostile_break", json!({"how": how}))
            .await
            .error();
        assert_eq!(code, wanted, "{how}: {text}");
        assert!(text.contains(names), "{how}: {text}");
        others_still_work(&client).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_log_lines_and_prints_are_survived() {
    let (server, client) = tight().await;
    for how in ["log", "print"] {
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
async fn steps_without_end_and_waits_without_end_stop_at_the_deadline() {
    let (server, client) = tight().await;
    assert_eq!(
        code(&client, "hostile_pause", json!({})).await,
        "time-limit"
    );
    // Both hold a worker's time only by waiting: the lock of the first attempt is its own.
    let waited = code(&client, "hostile_wait", json!({})).await;
    assert!(
        ["time-limit", "locked"].contains(&waited.as_str()),
        "{waited}"
    );
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_call_are_counted() {
    let (server, client) = tight().await;
    let asked = json!({"endpoint": "orderdesk", "method": "GET", "path": ["store"], "times": 50});
    assert_eq!(
        code(&client, "hostile_read", asked).await,
        "too-many-requests-in-call"
    );
    assert_eq!(server.simulator.count("GET", "/store"), 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_its_own_schema_is_an_error() {
    let (server, client) = tight().await;
    assert_eq!(
        code(&client, "hostile_lie", json!({})).await,
        "plugin-broke-its-contract"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_are_bounded_and_trapping_ones_do_not_disturb_others() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    let (code, _) = client
                        .call("hostile_break", json!({"how": "panic"}))
                        .await
                        .error();
                    assert_eq!(code, "plugin-failed");
                } else {
                    let said = client
                        .call("echo_say", json!({"message": number.to_string()}))
                        .await
                        .ok();
                    assert_eq!(said["message"], Value::from(number.to_string()));
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    server.stop().await;
}
