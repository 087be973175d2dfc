//! An API key in a plugin's hands is a handle: no way leads from it to the key.

use end_to_end::Client;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use serde_json::{Value, json};

use super::{READS, code, with_hostile};

const KEY: &str = sample::HARBOR_AND_OAK_KEY;

fn echoing() -> SimulatorConfig {
    SimulatorConfig {
        echo: true,
        ..SimulatorConfig::sample(7, Clock::System)
    }
}

async fn keep(client: &Client, key: &str) -> String {
    let kept = client.call("hostile_keep", json!({"api_key": key})).await;
    assert!(!kept.raw.contains(key), "{}", kept.raw);
    kept.ok()["seen"].as_str().unwrap().to_owned()
}

fn with_key(endpoint: &str, path: &[&str], handle: &str, subject: &str) -> Value {
    json!({
        "endpoint": endpoint, "method": "GET", "path": path, "handle": handle, "sealed_in": "ORDERDESK-API-KEY",
        "headers": [["ORDERDESK-STORE-ID", "9021"]], "act_on": subject,
    })
}

/// Every form of the key that is likely to come back.
fn forms() -> Vec<String> {
    let hex = |upper: bool| -> String {
        KEY.bytes()
            .map(|byte| {
                if upper {
                    format!("{byte:02X}")
                } else {
                    format!("{byte:02x}")
                }
            })
            .collect()
    };
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = KEY
        .chars()
        .map(|c| format!("\\u{:04x}", c as u32))
        .collect();
    vec![
        KEY.to_owned(),
        hex(true),
        hex(false),
        percent,
        escaped,
        base64(KEY.as_bytes()),
    ]
}

/// RFC 4648, section 4, without the padding: the end of a longer text may differ.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|chunk| {
            let group = u32::from(chunk[0]) << 16 | u32::from(chunk[1]) << 8 | u32::from(chunk[2]);
            [18, 12, 6, 0].map(|shift| ALPHABET[(group >> shift & 63) as usize] as char)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_hands_out_or_echoes_the_key_gives_the_plugin_no_byte_of_it() {
    let server = with_hostile(READS).simulator(echoing()).start().await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    for path in ["store", "echo"] {
        let seen = client
            .call(
                "hostile_request",
                with_key("orderdesk", &[path], &handle, "store:9021"),
            )
            .await;
        assert!(!seen.is_error, "{path}: {}", seen.text);
        // It did arrive upstream.
        let sent = server.simulator.requests().pop().unwrap();
        assert_eq!(sent.header("orderdesk-api-key"), Some(KEY), "{path}");
        assert!(seen.text.contains("[sealed]"), "{path}: {}", seen.text);
        for form in forms() {
            assert!(!seen.raw.contains(&form), "{path}: {form} in {}", seen.raw);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_passwords_in_a_stores_settings_reach_no_plugin() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    let password = server
        .simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store
                .setting("smtp_password")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        })
        .unwrap();
    let seen = client
        .call(
            "hostile_request",
            with_key("orderdesk", &["store"], &handle, "store:9021"),
        )
        .await;
    assert!(!seen.is_error, "{}", seen.text);
    assert!(!seen.raw.contains(&password), "{}", seen.raw);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_key_sent_to_the_plugins_own_server_arrives_nowhere() {
    let own = Simulator::start(echoing()).await.unwrap();
    let base = own.base_url();
    let lines = READS.replace(
        "grants.http = [",
        "grants.http = [{ endpoint = \"own\", allow = [\"GET /echo\"] }, ",
    );
    let server = with_hostile(&lines)
        .config(move |config| {
            let mut own = config.endpoints["orderdesk"].clone();
            own.base = orderdesk_mcp::config::FromEnvironment::Literal(base.into());
            config.endpoints.insert("own".into(), own);
        })
        .start()
        .await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    assert_eq!(
        code(
            &client,
            "hostile_request",
            with_key("own", &["echo"], &handle, "store:9021")
        )
        .await,
        "secret-not-for-this"
    );
    assert!(own.requests().is_empty(), "{:?}", own.requests());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_opens_neither_for_another_tenant_nor_for_another_store() {
    let server = with_hostile(READS).start().await;
    let (client, rival) = (server.tenant("acme").await, server.tenant("rival").await);
    let handle = keep(&client, KEY).await;
    client
        .call(
            "hostile_request",
            with_key("orderdesk", &["store"], &handle, "store:9021"),
        )
        .await
        .ok();
    let before = server.simulator.requests().len();
    let of_rival = code(
        &rival,
        "hostile_request",
        with_key("orderdesk", &["store"], &handle, "store:9021"),
    )
    .await;
    let invented = code(
        &rival,
        "hostile_request",
        with_key("orderdesk", &["store"], "sec_00", "store:9021"),
    )
    .await;
    assert_eq!(
        (of_rival.as_str(), invented.as_str()),
        ("secret-not-found", "secret-not-found")
    );
    assert_eq!(
        code(
            &client,
            "hostile_request",
            with_key("orderdesk", &["store"], &handle, "store:9022")
        )
        .await,
        "secret-not-for-this"
    );
    assert_eq!(server.simulator.requests().len(), before);
    server.stop().await;
}

/// The handle that the `stores` plugin keeps for its store, read with its grant.
async fn handle_of_stores(client: &Client) -> String {
    let place = json!({"namespace": "stores", "prefix": "store/"});
    let documents = client.call("hostile_document", place).await.ok();
    let text = documents["seen"].as_str().unwrap();
    let start = text.find("sec_").unwrap();
    text[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_plugins_key_needs_a_grant_and_a_moved_endpoint_gets_no_key() {
    let data = tempfile::tempdir().unwrap();
    let reads_stores = format!("{READS}\ngrants.read = [\"stores\"]");
    let server = with_hostile(&reads_stores).data(data.path()).start().await;
    let client = server.tenant_with_store("acme").await;
    let (handle, master) = (handle_of_stores(&client).await, client.key().to_owned());
    let asked = with_key("orderdesk", &["store"], &handle, "store:9021");
    client.call("hostile_request", asked.clone()).await.ok();
    let address = server.simulator.address();
    server.stop().await;

    // The operator moved the endpoint: what was entered for the old address is not sent to the new one.
    let moved = with_hostile(&reads_stores).data(data.path()).start().await;
    assert_ne!(moved.simulator.address(), address);
    assert_eq!(
        code(&moved.client(&master), "hostile_request", asked.clone()).await,
        "endpoint-moved"
    );
    assert!(moved.simulator.requests().is_empty());
    moved.stop().await;

    // At the old address again, but the plugin lost its grant.
    let same_place = SimulatorConfig {
        listen: address,
        ..SimulatorConfig::sample(7, Clock::System)
    };
    let without = with_hostile(READS)
        .data(data.path())
        .simulator(same_place)
        .start()
        .await;
    assert_eq!(
        code(&without.client(&master), "hostile_request", asked).await,
        "not-granted"
    );
    assert!(without.simulator.requests().is_empty());
    without.stop().await;
}
