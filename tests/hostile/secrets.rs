//! An API key in a plugin's hands is a handle: no way leads from it to the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{Client, ServerBuilder};
use orderdesk_simulator::{Clock, Fault, Simulator, SimulatorConfig, sample};
use serde_json::{Value, json};

use super::{READS, code, others_still_work, with_hostile};

const KEY: &str = sample::HARBOR_AND_OAK_KEY;

fn echoing() -> SimulatorConfig {
    SimulatorConfig {
        echo: true,
        ..SimulatorConfig::sample(7, Clock::System)
    }
}

pub async fn keep(client: &Client, key: &str) -> String {
    let kept = client.call("hostile_keep", json!({"api_key": key})).await;
    assert!(!kept.raw.contains(key), "{}", kept.raw);
    kept.ok()["seen"].as_str().unwrap().to_owned()
}

pub fn with_key(endpoint: &str, path: &[&str], handle: &str, subject: &str) -> Value {
    json!({
        "endpoint": endpoint, "method": "GET", "path": path, "handle": handle, "sealed_in": "ORDERDESK-API-KEY",
        "headers": [["ORDERDESK-STORE-ID", "9021"]], "act_on": subject,
    })
}

/// Bytes of the key in a row that would be too many: fewer stand in the names of the sample data.
const TOO_MANY: usize = 8;

/// How something else than plain text writes a part of a secret.
type Form<'a> = &'a dyn Fn(&[u8]) -> String;

/// Whether a text holds a part of a secret: as it is, in hexadecimal, percent-encoded, JSON-escaped, or in base64 at
/// any place within something longer.
fn betrays(text: &str, secret: &str) -> Option<String> {
    let every =
        |write: fn(u8) -> String| move |part: &[u8]| part.iter().map(|b| write(*b)).collect();
    let forms: [Form<'_>; 6] = [
        &|part| String::from_utf8_lossy(part).into_owned(),
        &every(|byte| format!("{byte:02x}")),
        &every(|byte| format!("{byte:02X}")),
        &every(|byte| format!("%{byte:02X}")),
        &every(|byte| format!("%{byte:02x}")),
        &every(|byte| format!("\\u{byte:04x}")),
    ];
    let mut texts = vec![text.to_owned()];
    texts.extend(decoded(text));
    for part in secret.as_bytes().windows(TOO_MANY) {
        for form in forms {
            let form = form(part);
            if texts.iter().any(|text| text.contains(&form)) {
                return Some(form);
            }
        }
    }
    None
}

/// What every run of base64 digits reads as, begun at each of its first four digits.
fn decoded(text: &str) -> Vec<String> {
    let digit = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    text.split(|c| !digit(c))
        .map(|run| run.replace('-', "+").replace('_', "/"))
        .flat_map(|run| {
            (0..4.min(run.len())).map(move |skipped| {
                let whole = (run.len() - skipped) / 4 * 4;
                let bytes = STANDARD.decode(&run[skipped..skipped + whole]);
                String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
            })
        })
        .collect()
}

#[test]
fn the_tests_themselves_would_see_a_key_in_every_form() {
    let json_escaped: String = KEY
        .chars()
        .map(|c| format!("\\u{:04x}", c as u32))
        .collect();
    let percent_encoded: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for form in [KEY.to_owned(), json_escaped, percent_encoded] {
        assert!(betrays(&format!("x{form}y"), KEY).is_some(), "{form}");
    }
    for prefix in ["", "a", "ab"] {
        let form = STANDARD.encode(format!("{prefix}{KEY}"));
        assert!(betrays(&format!("({form})"), KEY).is_some(), "{form}");
    }
    assert_eq!(betrays("[sealed] and a store of the sandbox", KEY), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_hands_out_or_echoes_the_key_gives_the_plugin_no_byte_of_it() {
    let server = with_hostile(READS).simulator(echoing()).start().await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    // What stands before the key shifts it in base64.
    for (path, prefix) in [("store", ""), ("echo", ""), ("echo", "a"), ("echo", "ab")] {
        let arrived = format!("{prefix}{KEY}");
        server
            .simulator
            .with_store(sample::HARBOR_AND_OAK_ID, |store| {
                store.rotate_key(&arrived);
            });
        let mut asked = with_key("orderdesk", &[path], &handle, "store:9021");
        asked["prefix"] = prefix.into();
        let seen = client.call("hostile_request", asked).await;
        assert!(!seen.is_error, "{path}: {}", seen.text);
        // It did arrive upstream.
        let sent = server.simulator.requests().pop().unwrap();
        assert_eq!(sent.header("orderdesk-api-key"), Some(&*arrived), "{path}");
        assert!(seen.text.contains("[sealed]"), "{path}: {}", seen.text);
        for answer in [&seen.raw, &seen.text] {
            assert_eq!(betrays(answer, KEY), None, "{path}: {answer}");
        }
        others_still_work(&client).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_passwords_in_a_stores_settings_reach_no_plugin() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    let settings: Vec<(&str, String)> = server
        .simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            ["api_key", "smtp_host", "smtp_username", "smtp_password"]
                .map(|name| {
                    let value = store.setting(name).and_then(Value::as_str);
                    (name, value.unwrap_or(KEY).to_owned())
                })
                .into()
        })
        .unwrap();
    let seen = client
        .call(
            "hostile_request",
            with_key("orderdesk", &["store"], &handle, "store:9021"),
        )
        .await;
    assert!(!seen.is_error, "{}", seen.text);
    for (name, value) in settings {
        assert!(seen.text.contains(name), "{}", seen.text);
        assert!(!seen.raw.contains(&value), "{name}: {}", seen.raw);
    }
    assert_eq!(betrays(&seen.raw, KEY), None, "{}", seen.raw);
    server.stop().await;
}

/// The plugin may also ask a server of its own.
fn with_own(own: &Simulator) -> ServerBuilder {
    let base = own.base_url();
    let lines = READS.replace(
        "grants.http = [",
        "grants.http = [{ endpoint = \"own\", allow = [\"GET /echo\"] }, ",
    );
    with_hostile(&lines).config(move |config| {
        let mut own = config.endpoints["orderdesk"].clone();
        own.base = orderdesk_mcp::config::FromEnvironment::Literal(base.into());
        config.endpoints.insert("own".into(), own);
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_key_sent_to_the_plugins_own_server_arrives_nowhere() {
    let own = Simulator::start(echoing()).await.unwrap();
    let server = with_own(&own).start().await;
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
    // Nor does it become one for there.
    assert_eq!(
        code(
            &client,
            "hostile_spoil",
            json!({"what": "check-hmac", "handle": handle})
        )
        .await,
        "secret-not-for-this"
    );
    assert_eq!(
        code(
            &client,
            "hostile_spoil",
            json!({"what": "authenticate", "handle": handle})
        )
        .await,
        "not-a-key"
    );
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_sends_the_request_elsewhere_does_not_send_the_key_along() {
    let own = Simulator::start(echoing()).await.unwrap();
    let server = with_own(&own).start().await;
    let client = server.tenant("acme").await;
    let handle = keep(&client, KEY).await;
    for status in [301, 302, 307, 308] {
        let elsewhere = format!("{}/echo", own.base_url());
        let redirect = Fault::answer(status, &[("location", &elsewhere)], "");
        server.simulator.inject(redirect.on("GET", "/store"));
        let asked = with_key("orderdesk", &["store"], &handle, "store:9021");
        let answered = client.call("hostile_request", asked).await;
        assert_eq!(betrays(&answered.raw, KEY), None, "{}", answered.raw);
        assert!(own.requests().is_empty(), "{status}: {:?}", own.requests());
    }
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_can_be_sealed_for_granted_endpoints_only() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    assert_eq!(
        code(&client, "hostile_spoil", json!({"what": "seal-elsewhere"})).await,
        "not-granted"
    );
    others_still_work(&client).await;
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
    let mut about_nothing = with_key("orderdesk", &["store"], &handle, "");
    about_nothing.as_object_mut().unwrap().remove("act_on");
    assert_eq!(
        code(&client, "hostile_request", about_nothing).await,
        "secret-not-for-this"
    );
    assert_eq!(server.simulator.requests().len(), before);
    others_still_work(&client).await;
    others_still_work(&rival).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_may_use_anothers_key_cannot_revoke_it() {
    let server = with_hostile(&format!("{READS}\ngrants.read = [\"stores\"]"))
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    let handle = handle_of_stores(&client).await;
    let revoke = json!({"what": "revoke", "handle": handle});
    assert_eq!(
        code(&client, "hostile_spoil", revoke).await,
        "secret-not-found"
    );
    let listed = client.call("orders_list", json!({})).await;
    assert!(!listed.is_error, "{}", listed.text);
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
