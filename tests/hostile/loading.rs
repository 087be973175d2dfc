//! Components that are refused: one clear line each, and the rest is served.

use std::path::PathBuf;

use end_to_end::{Server, guest};
use serde_json::json;

use super::others_still_work;

/// Loads a plugin beside the ordinary ones; answers why it was refused.
async fn refusal(name: &str, source: PathBuf, lines: &str) -> String {
    let server = Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .plugin(name, &source, lines)
        .start()
        .await;
    let problems = server.application.host.registry().problems().to_vec();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].plugin, name);
    assert!(!problems[0].what.contains('\n'), "{}", problems[0].what);
    others_still_work(&server.tenant("acme").await).await;
    server.stop().await;
    problems[0].what.clone()
}

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

async fn refused_bytes(bytes: &[u8]) -> String {
    let (_folder, path) = file(bytes);
    refusal("other", path, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_plugin_is_served_by_a_config_change_of_two_lines() {
    let server = Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .start()
        .await;
    let client = server.tenant("acme").await;
    assert!(
        client
            .tools()
            .await
            .iter()
            .any(|tool| tool["name"] == "echo_say")
    );
    assert_eq!(
        client
            .call("echo_say", json!({"message": "hello"}))
            .await
            .ok()["message"],
        "hello"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_component_is_refused() {
    for bytes in [
        b"not wasm at all".to_vec(),
        wat::parse_str("(module)").unwrap(),
        Vec::new(),
    ] {
        let what = refused_bytes(&bytes).await;
        assert!(what.contains("not a WebAssembly component"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_without_tools_is_refused() {
    let what = refused_bytes(&wat::parse_str("(component)").unwrap()).await;
    assert!(what.contains("orderdesk:plugin/tools"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_no_plugin_gets_is_named() {
    for import in [
        "wasi:http/outgoing-handler@0.2.0",
        "orderdesk:plugin/reveal@0.1.0",
        "evil:host/shell",
    ] {
        let component = format!(r#"(component (import "{import}" (instance)))"#);
        let what = refused_bytes(&wat::parse_str(component).unwrap()).await;
        assert!(what.contains(import), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_for_another_contract_is_told_which() {
    let component = r#"(component (import "orderdesk:plugin/http@0.9.0" (instance)))"#;
    let what = refused_bytes(&wat::parse_str(component).unwrap()).await;
    assert!(what.contains("0.9.0") && what.contains("0.1.0"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_than_the_pinned_one_is_refused() {
    let pinned = format!("sha256 = \"{}\"", "0".repeat(64));
    let what = refusal("other", guest("guest-hostile"), &pinned).await;
    assert!(what.contains("sha256"), "{what}");
    let what = refusal("other", PathBuf::from("/nowhere/plugin.wasm"), "").await;
    assert!(what.contains("/nowhere/plugin.wasm"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_outside_the_prefixes_or_taken_already_is_refused() {
    let what = refusal("other", guest("guest-echo"), "").await;
    assert!(
        what.contains("echo_say") && what.contains("other_"),
        "{what}"
    );
    let what = refusal("other", guest("guest-echo"), "prefixes = [\"echo_\"]").await;
    assert!(
        what.contains("echo_say") && what.contains("'echo'"),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_for_an_endpoint_that_is_not_granted_is_refused() {
    let what = refusal("hostile", guest("guest-hostile"), "").await;
    assert!(
        what.contains("api_key") && what.contains("not granted"),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_loops_while_it_is_loaded_is_refused() {
    let what = refusal(
        "stuck",
        guest("guest-stuck"),
        "limits = { cpu = \"200ms\" }",
    )
    .await;
    assert!(what.contains("limits.cpu"), "{what}");
}
