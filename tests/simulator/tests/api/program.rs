//! The program `orderdesk-sim`.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::http_client;

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_orderdesk-sim"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap()
}

async fn get(base_url: &str, path: &str) -> reqwest::Response {
    let request = http_client()
        .get(format!("{base_url}{path}"))
        .header("orderdesk-store-id", "9021")
        .header("orderdesk-api-key", "sandbox-key-9021");
    request.send().await.unwrap()
}

#[tokio::test]
async fn it_says_in_json_where_it_listens_and_obeys_toggles() {
    let arguments = [
        "--json",
        "--seed",
        "7",
        "--toggle",
        "not_found_status=200",
        "--no-rate-limit",
    ];
    let mut child = program(&arguments);
    let ready: Value = serde_json::from_str(&first_line(&mut child).await).unwrap();
    let base_url = ready["base_url"].as_str().unwrap();
    assert!(base_url.ends_with("/api/v2"));
    assert_eq!(ready["stores"][0]["id"], "9021");
    assert_eq!(ready["stores"][0]["key"], "sandbox-key-9021");
    assert_eq!(ready["stores"][1]["name"], "North Pier Outfitters");
    assert_eq!(get(base_url, "/orders/7").await.status().as_u16(), 200);
    for _ in 0..30 {
        assert_eq!(get(base_url, "/test").await.status().as_u16(), 200);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn it_says_in_words_where_it_listens_and_ends_on_sigterm() {
    let mut child = program(&[]);
    let line = first_line(&mut child).await;
    assert!(
        line.starts_with("Order Desk simulator ready at http://127.0.0.1:"),
        "{line}"
    );
    let id = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .unwrap()
            .success()
    );
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn it_refuses_unknown_toggles() {
    let mut child = program(&["--toggle", "limits=1"]);
    assert!(!child.wait().await.unwrap().success());
    let mut complaint = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaint)
        .await
        .unwrap();
    assert!(
        complaint.contains("there is no toggle named `limits`"),
        "{complaint}"
    );
}

#[tokio::test]
async fn its_help_lists_every_toggle() {
    let mut child = program(&["--help"]);
    let mut help = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut help)
        .await
        .unwrap();
    for toggle in orderdesk_simulator::Toggles::default().describe() {
        assert!(help.contains(toggle.name), "{}", toggle.name);
    }
}
