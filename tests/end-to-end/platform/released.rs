//! Components that were built for released versions of the contract, kept as they were (docs/contract.md): what a stranger built
//! once goes on to be served.

use end_to_end::{Server, root};
use orderdesk_mcp::capabilities::contract::SERVED;
use serde_json::json;

/// What one of its arguments is sealed for.
const GRANT: &str = r#"grants.http = [{ endpoint = "orderdesk", allow = ["GET /orders/*"] }]"#;

/// The versions that are frozen, oldest first: the folders in `wit/`.
fn frozen() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("wit")).unwrap();
    let folders = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir());
    let mut versions: Vec<String> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    versions.sort();
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_built_for_each_served_version_is_loaded_and_called() {
    let frozen = frozen();
    for version in SERVED {
        assert!(frozen.iter().any(|it| it == version), "{version}");
        let kept = root().join("tests/contract").join(version);
        // The other imports all there is, so that it is served at all says that all of it is there.
        let server = Server::builder()
            .plugin("echo", &kept.join("guest-echo.wasm"), "")
            .plugin("hostile", &kept.join("guest-hostile.wasm"), GRANT)
            .start()
            .await;
        let client = server.tenant("acme").await;
        let said = client.call("echo_say", json!({"message": "still here"}));
        assert_eq!(said.await.ok()["message"], "still here", "{version}");
        let nothing = client
            .call("hostile_break", json!({"how": "nothing"}))
            .await;
        nothing.ok();
        server.stop().await;
    }
}
