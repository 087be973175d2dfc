//! Health: what anybody may know, and what one needs a key for.

use end_to_end::{Server, guest};
use serde_json::Value;

async fn page(server: &Server, path: &str, token: Option<&str>) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.get(server.page(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_may_know_whether_it_lives_and_serves() {
    let server = Server::start().await;
    assert_eq!(page(&server, "/health/live", None).await.0, 200);
    for path in ["/health", "/health/ready"] {
        let (status, body) = page(&server, path, None).await;
        assert_eq!((status, &body["status"]), (200, &"ready".into()), "{path}");
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["status", "database", "plugins"],
            "nothing else is public"
        );
    }
    // Off unless it is asked for.
    assert_eq!(page(&server, "/metrics", None).await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_key_sees_how_it_is_and_nothing_secret() {
    let server = Server::builder()
        .plugin(
            "stuck",
            &guest("guest-stuck"),
            "limits = { cpu = \"50ms\" }\n",
        )
        .start()
        .await;
    let client = server.tenant("acme").await;
    assert_eq!(page(&server, "/health/detailed", None).await.0, 401);
    assert_eq!(
        page(&server, "/health/detailed", Some("odm_no")).await.0,
        401
    );

    let (status, body) = page(&server, "/health/detailed", Some(client.key())).await;
    assert_eq!((status, &body["plugins"]), (503, &"refused".into()));
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["database"], "ok");
    assert!(body["revision"].as_u64().unwrap() >= 3);
    let endpoint = body["endpoints"]["orderdesk"].as_str().unwrap();
    assert!(server.simulator.base_url().starts_with(endpoint));
    let plugins = body["loaded_plugins"].as_array().unwrap();
    for plugin in plugins {
        let name = plugin["name"].as_str().unwrap();
        let (state, digits) = match name {
            "stuck" => ("refused", None),
            _ => ("loaded", Some(64)),
        };
        assert_eq!(plugin["state"], state, "{name}");
        assert_eq!(plugin["sha256"].as_str().map(str::len), digits, "{name}");
    }
    assert_eq!(plugins.len(), 4);
    assert!(!body.to_string().contains(client.key()));
    server.stop().await;
}
