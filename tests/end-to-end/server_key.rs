//! The server key is changed while servers run.

use end_to_end::{Client, Installation, SERVER_KEY};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use serde_json::json;

const NEXT: &str = "bmV4dCBzZXJ2ZXIga2V5IG9mIHRoZXNlIHRlc3RzISE=";

async fn simulator() -> Simulator {
    Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap()
}

async fn serves(client: &Client) -> bool {
    let listed = client
        .request(
            "tools/call",
            json!({"name": "stores_list", "arguments": {}}),
        )
        .await;
    listed.status == 200
        && listed.json()["result"]["structuredContent"]["stores"][0]["store_id"] == "9021"
}

async fn register(client: &Client) {
    let registration =
        json!({"store_id": sample::HARBOR_AND_OAK_ID, "api_key": sample::HARBOR_AND_OAK_KEY});
    client.call("stores_register", registration).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_the_file_is_changed_under_running_servers_without_anybody_present() {
    let simulator = simulator().await;
    let place = Installation::new(&simulator, |_| {}).with_own_server_key();
    let master = place.tenant("acme").await;
    let (_one, client) = place.serve_with(&master, &[]).await;
    register(&client).await;
    let hook = [
        "webhooks",
        "create",
        "--tenant",
        "acme",
        "--plugin",
        "orders",
        "--subject",
        "store:9021",
    ];
    let hook = place.run(&hook, Some(&master)).await;
    let file = place.data().join("server.key");
    let before = std::fs::read(&file).unwrap();
    for version in [2, 3] {
        let rotated = place.run(&["server-key", "rotate"], None).await;
        assert_eq!(
            rotated,
            json!({"version": version, "access_keys": 1, "hooks": 1, "in_file": true})
        );
        assert!(serves(&client).await);
    }
    assert_ne!(std::fs::read(&file).unwrap(), before);
    // The hook's key opens: an unsigned request is judged, and refused by the plugin.
    let posted = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(client.url().replace(
            "/mcp",
            &format!("/webhooks/{}", hook["hook_id"].as_str().unwrap()),
        ))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 403);
    let (_two, again) = place.serve_with(&master, &[]).await;
    assert!(serves(&again).await);
    // The old key opens nothing.
    std::fs::write(&file, before).unwrap();
    let refused = place.try_run(&["tenants", "list"], None).await.unwrap_err();
    assert!(refused.contains("another server key"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_from_the_environment_is_changed_to_the_one_beside_it() {
    let simulator = simulator().await;
    let place = Installation::new(&simulator, |_| {});
    let master = place.tenant("acme").await;
    let both = [("ORDERDESK_MCP_NEW_SERVER_KEY", NEXT)];
    let (_one, prepared) = place.serve_with(&master, &both).await;
    let (_two, unprepared) = place.serve_with(&master, &[]).await;
    register(&prepared).await;

    let refused = place
        .try_run(&["server-key", "rotate"], None)
        .await
        .unwrap_err();
    assert!(
        refused.contains("ORDERDESK_MCP_NEW_SERVER_KEY"),
        "{refused}"
    );
    assert!(serves(&unprepared).await);
    let mut rotate = place.command(&["server-key", "rotate"]);
    let rotated = rotate.envs(both).output().await.unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    let said = String::from_utf8_lossy(&rotated.stdout).into_owned();
    assert!(
        said.contains("Set ORDERDESK_MCP_SERVER_KEY") && !said.contains(NEXT),
        "{said}"
    );

    assert!(serves(&prepared).await);
    let stuck = unprepared.request("tools/list", json!({})).await;
    assert_eq!(
        stuck.status, 503,
        "it is this server's fault, not the key's: {}",
        stuck.text
    );
    let next = [("ORDERDESK_MCP_SERVER_KEY", NEXT)];
    let (_three, restarted) = place.serve_with(&master, &next).await;
    assert!(serves(&restarted).await);
    let old = place.try_run(&["tenants", "list"], None).await.unwrap_err();
    assert!(
        old.contains("another server key") && !old.contains(SERVER_KEY),
        "{old}"
    );
}
