//! `plugins add` and `plugins list`: what an operator does with a stranger's plugin.

use end_to_end::{Installation, guest};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::json;

use super::sources::shelf;
use super::{complaint, insert, plugin, printed};

async fn installation(simulator: &Simulator) -> Installation {
    Installation::new(simulator, |_| {})
}

async fn simulator() -> Simulator {
    Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_shown_pinned_and_written_into_a_configuration_that_stays_as_it_was() {
    let simulator = simulator().await;
    let installation = installation(&simulator).await;
    let file = installation.config();
    let commented = format!(
        "# Mine.\n{}\n# The end.\n",
        std::fs::read_to_string(&file).unwrap()
    );
    std::fs::write(&file, &commented).unwrap();
    let source = guest("guest-changes").display().to_string();
    let arguments = ["plugins", "add", &source];

    // Nobody can be asked; nothing is written.
    let output = installation.output(&arguments, None).await;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "changes_set (writes)",
        "changes_get (reads)",
        r#"tools = ["changes_set", "changes_erase","#,
        "to relay calls",
        "nobody; its signature is not asked for",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(complaint(&output).contains("--yes"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), commented);

    let added = [&arguments[..], &["--yes", "--json"]].concat();
    let added = printed(&installation.output(&added, None).await);
    assert_eq!(added["name"], "changes");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# Mine.\n") && text.contains("# The end.\n"),
        "{text}"
    );
    let config: toml::Table = text.parse().unwrap();
    let plugin = &config["plugins"]["changes"];
    assert_eq!(plugin["sha256"].as_str(), added["sha256"].as_str());
    assert_eq!(plugin["prefixes"].to_string(), r#"["changes_", "relay_"]"#);
    assert_eq!(
        plugin["grants"]["tools"].to_string(),
        r#"["changes_set", "changes_erase", "orders_list", "orders_gone", "stores_list"]"#
    );
    let listed = printed(
        &installation
            .output(&["plugins", "list", "--json"], None)
            .await,
    );
    let listed = listed["plugins"].as_array().unwrap();
    let ours = listed.iter().find(|row| row["name"] == "changes").unwrap();
    assert_eq!(
        (&ours["state"], &ours["consent"]),
        (&json!("served"), &json!("tenant"))
    );

    // Once more: the pin is renewed, what the operator wrote stays.
    installation.change(|config| {
        let plugin = &mut config["plugins"]["changes"];
        let plugin = plugin.as_table_mut().unwrap();
        plugin.insert("sha256".to_owned(), "0".repeat(64).into());
        plugin.remove("grants");
    });
    let again = [&arguments[..], &["--yes", "--json"]].concat();
    let again = printed(&installation.output(&again, None).await);
    assert_eq!(again["replaced"], true);
    let config: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    let plugin = config["plugins"]["changes"].as_table().unwrap();
    assert_eq!(plugin["sha256"].as_str(), added["sha256"].as_str());
    assert!(!plugin.contains_key("grants"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_from_elsewhere_is_downloaded_once_and_what_is_none_leaves_no_trace() {
    let simulator = simulator().await;
    let installation = installation(&simulator).await;
    let file = installation.config();
    let before = std::fs::read_to_string(&file).unwrap();
    let shelf = shelf(std::fs::read(guest("guest-echo")).unwrap(), None).await;
    let url = |path: &str| format!("{}/{path}", shelf.url);
    let no_component = std::env::temp_dir().join(format!("{}-no.wasm", std::process::id()));
    std::fs::write(&no_component, b"no component").unwrap();
    for (source, says) in [
        (url("gone.wasm"), "404"),
        ("http://example.com/a.wasm".to_owned(), "https://"),
        (
            no_component.display().to_string(),
            "not a WebAssembly component",
        ),
    ] {
        let arguments = ["plugins", "add", &source, "--yes"];
        let said = complaint(&installation.output(&arguments, None).await);
        assert!(said.contains(says), "{source}: {said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    }
    std::fs::remove_file(no_component).unwrap();
    // A publisher that signed nothing.
    installation.change(|config| {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let publishers: toml::Table = format!("acme.key = {key:?}").parse().unwrap();
        config.insert("publishers".to_owned(), publishers.into());
    });
    let source = url("echo.wasm");
    let signed = ["plugins", "add", &source, "--yes", "--publisher", "acme"];
    let said = complaint(&installation.output(&signed, None).await);
    assert!(said.contains("minisig"), "{said}");

    let added = ["plugins", "add", &source, "--yes", "--json"];
    printed(&installation.output(&added, None).await);
    let asked = shelf.asked.load(std::sync::atomic::Ordering::SeqCst);
    let said = r#"{"message": "hello"}"#;
    let said = installation
        .output(&["call", "echo_say", said, "--json"], None)
        .await;
    assert_eq!(printed(&said)["structured"]["message"], "hello");
    assert_eq!(shelf.asked.load(std::sync::atomic::Ordering::SeqCst), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_tells_what_each_plugin_did_and_keeps() {
    let simulator = simulator().await;
    let installation = Installation::new(&simulator, |config| {
        let lines = "prefixes = [\"changes_\", \"relay_\"]\nconsent = \"operator\"";
        insert(config, "changes", plugin(&guest("guest-changes"), lines));
    });
    let usage = async || {
        let listed = ["plugins", "list", "--usage", "--json"];
        let listed = printed(&installation.output(&listed, None).await);
        let rows = listed["plugins"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["name"] == "changes");
        row.unwrap()["usage"].clone()
    };
    assert_eq!(usage().await["calls"], 0);
    let set = r#"{"key": "a", "value": "b"}"#;
    for tool in ["changes_set", "changes_get"] {
        let arguments = if tool == "changes_set" {
            set
        } else {
            r#"{"key": "a"}"#
        };
        let called = installation
            .output(&["call", tool, arguments, "--json"], None)
            .await;
        assert_eq!(printed(&called)["is_error"], false);
    }
    let after = usage().await;
    assert_eq!(
        (
            &after["calls"],
            &after["failed"],
            &after["documents"],
            &after["tenants"]
        ),
        (&json!(2), &json!(0), &json!(1), &json!(1)),
        "{after}"
    );
    assert!(after["stored_bytes"].as_u64().unwrap() > 0, "{after}");
}
