//! Components that are refused: one clear line each, and the rest is served.

use std::path::PathBuf;

use end_to_end::{Server, guest};

use super::by_hand::{EMPTY, component};
use super::others_still_work;

/// Loads a plugin beside the ordinary ones; answers why it was refused.
pub async fn refusal(name: &str, source: PathBuf, lines: &str) -> String {
    let server = Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .plugin(name, &source, lines)
        .start()
        .await;
    let problems = server.application.host.registry().problems().to_vec();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].plugin, name);
    let what = problems[0].what.clone();
    assert!(!what.contains(char::is_control), "{what:?}");
    assert!(what.len() < 1_000, "{what}");
    let client = server.tenant("acme").await;
    let listed = client.tools().await;
    // Not one of its tools is served, whatever else it declares.
    assert!(
        listed.iter().all(|tool| !tool["name"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{name}_"))),
        "{listed:?}"
    );
    others_still_work(&client).await;
    server.stop().await;
    what
}

async fn refused_bytes(bytes: &[u8], lines: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, bytes).unwrap();
    refusal("other", path, lines).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_component_is_refused() {
    for bytes in [
        b"not wasm at all".to_vec(),
        wat::parse_str("(module)").unwrap(),
        Vec::new(),
    ] {
        let what = refused_bytes(&bytes, "").await;
        assert!(what.contains("not a WebAssembly component"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_code_is_never_taken_from_outside() {
    let server = Server::start().await;
    // What this very host compiled, without the seal before it.
    let kept = std::fs::read_dir(server.data_dir().join("compiled"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "cwasm"))
        .unwrap();
    let machine_code = std::fs::read(kept).unwrap().split_off(32);
    server.stop().await;
    assert!(machine_code.starts_with(b"\x7fELF"));
    let what = refused_bytes(&machine_code, "").await;
    assert!(what.contains("machine code"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_without_tools_is_refused() {
    let what = refused_bytes(&wat::parse_str("(component)").unwrap(), "").await;
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
        let what = refused_bytes(&wat::parse_str(component).unwrap(), "").await;
        assert!(what.contains(import), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_for_another_contract_is_told_which() {
    let component = r#"(component (import "orderdesk:plugin/http@0.9.0" (instance)))"#;
    let what = refused_bytes(&wat::parse_str(component).unwrap(), "").await;
    assert!(what.contains("0.9.0") && what.contains("0.1.0"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_file_than_the_pinned_one_or_none_is_refused() {
    let pinned = format!("sha256 = \"{}\"", "0".repeat(64));
    let what = refusal("other", guest("guest-hostile"), &pinned).await;
    assert!(what.contains("sha256"), "{what}");
    let what = refusal("other", PathBuf::from("/nowhere/plugin.wasm"), "").await;
    assert!(what.contains("/nowhere/plugin.wasm"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_loops_while_it_is_loaded_is_refused() {
    let short = "limits = { cpu = \"200ms\" }";
    let what = refusal("stuck", guest("guest-stuck"), short).await;
    assert!(what.contains("plugins.stuck.limits.cpu"), "{what}");
    // Before any function of the contract is called.
    let start = "(func $forever (loop (br 0))) (start $forever)";
    let what = refused_bytes(&component("unreachable", 1, start), short).await;
    assert!(what.contains("plugins.other.limits.cpu"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_grow_no_further_than_the_host_lets_them() {
    let table = "(table $table 1 funcref)";
    // A host that lets it grow to 60,001 elements gets a trap; one that does not, a loop.
    let grow = |elements: u32| {
        format!(
            "(if (i32.eq (table.grow $table (ref.null func) (i32.const {elements})) (i32.const -1))
               (then (loop (br 0))))
             unreachable"
        )
    };
    let short = "limits = { cpu = \"200ms\" }";
    let what = refused_bytes(&component(&grow(60_000), 1, table), short).await;
    assert!(what.contains("plugins.other.limits.cpu"), "{what}");
    let what = refused_bytes(&component(&grow(1_000), 1, table), short).await;
    assert!(what.contains("unreachable"), "{what}");
    // More from the start.
    let what = refused_bytes(
        &component("unreachable", 1, "(table 10000000 funcref)"),
        short,
    )
    .await;
    assert!(what.contains("table"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_memory_than_allowed_from_the_start_is_refused() {
    let what = refused_bytes(
        &component("unreachable", 2_000, ""),
        "limits = { memory = \"16MiB\" }",
    )
    .await;
    assert!(what.contains("plugins.other.limits.memory"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_point_outside_the_plugins_memory_are_refused() {
    for pointer in ["-4", "65532", "1"] {
        let what = refused_bytes(&component(&format!("i32.const {pointer}"), 1, ""), "").await;
        assert!(what.contains("failed while listing its tools"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_exports_nothing_beside_tools_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, component(EMPTY, 1, "")).unwrap();
    let server = Server::builder()
        .plugin("echo", &guest("guest-echo"), "")
        .plugin("other", &path, "")
        .start()
        .await;
    assert_eq!(server.application.host.registry().problems(), []);
    others_still_work(&server.tenant("acme").await).await;
    server.stop().await;
}
