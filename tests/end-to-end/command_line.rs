//! The program's commands, as scripts and operators use them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use end_to_end::{program, root};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::Value;

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("orderdesk-mcp"));
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .current_dir(root())
        .env_remove("ORDERDESK_STORE_ID")
        .env_remove("ORDERDESK_API_KEY")
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .env("ORDERDESK_BASE_URL", "http://127.0.0.1:9/api/v2")
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not JSON: {output:?}"))
}

#[test]
fn a_tenant_is_made_once_and_its_key_is_shown_only_then() {
    let data = tempfile::tempdir().unwrap();
    let created = command(
        data.path(),
        &["tenants", "create", "--name", "acme", "--json"],
    )
    .output()
    .unwrap();
    let created = json(&created);
    for field in ["tenant_id", "name", "key_id", "master_key"] {
        assert!(created[field].is_string(), "{created}");
    }
    assert!(created["master_key"].as_str().unwrap().starts_with("odm_"));
    let again = command(data.path(), &["tenants", "create", "--name", "ACME"])
        .output()
        .unwrap();
    assert!(!again.status.success());
    let listed = command(data.path(), &["tenants", "list", "--json"])
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&listed.stdout).contains(created["master_key"].as_str().unwrap())
    );
    assert_eq!(json(&listed)["tenants"][0]["name"], "acme");
}

#[test]
fn check_names_what_is_wrong_and_fails() {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("x.toml");
    let config_text = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let output = command(
            data.path(),
            &["check", "--json", "--config", config.to_str().unwrap()],
        )
        .output()
        .unwrap();
        let report = json(&output);
        assert_eq!(
            report["ok"].as_bool().unwrap(),
            output.status.success(),
            "{report}"
        );
        report
    };
    let pinned = format!(
        "[plugins.stores]\nsource = {:?}\nsha256 = \"00\"\n",
        root().join("plugins/stores.wasm")
    );
    for (text, place, what) in [
        (
            "[server]\nlissten = \"x\"\n",
            "server",
            "did you mean 'listen'?",
        ),
        (
            "[plugins.gone]\nsource = \"gone.wasm\"\n",
            "plugins.gone",
            "gone.wasm",
        ),
        (pinned.as_str(), "plugins.stores", "sha256"),
        (
            "[endpoints.shop]\nbase = \"http://127.0.0.1:9/\"\nprobe = \"test\"\n[plugins]\n",
            "endpoints.shop",
            "cannot be reached",
        ),
        (
            "[endpoints.shop]\nbase = \"not a url\"\n",
            "endpoints.shop.base",
            "not a URL",
        ),
    ] {
        let report = config_text(text);
        let found = report["problems"]
            .as_array()
            .unwrap()
            .iter()
            .any(|problem| {
                problem["where"].as_str().unwrap().contains(place)
                    && problem["what"].as_str().unwrap().contains(what)
                    && !problem["fix"].as_str().unwrap().is_empty()
            });
        assert!(found, "{what}: {report}");
    }
}

#[test]
fn every_subcommand_has_a_help_text() {
    let data = tempfile::tempdir().unwrap();
    for subcommand in [
        &[][..],
        &["serve"],
        &["stdio"],
        &["check"],
        &["tenants"],
        &["tenants", "create"],
        &["tenants", "list"],
        &["tenants", "suspend"],
        &["tenants", "resume"],
        &["tenants", "delete"],
        &["keys"],
        &["keys", "create"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["keys", "revoke"],
        &["server-key"],
        &["server-key", "rotate"],
        &["call"],
    ] {
        let arguments: Vec<&str> = subcommand.iter().copied().chain(["--help"]).collect();
        let output = command(data.path(), &arguments).output().unwrap();
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && help.contains("Usage: orderdesk-mcp"),
            "{subcommand:?}: {help}"
        );
        assert!(
            help.contains("--config") && help.contains("--data-dir") && help.contains("--json"),
            "{help}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_takes_a_secret_from_stdin_and_never_from_the_command_line() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let base = simulator.base_url();
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_owned();
    tokio::task::spawn_blocking(move || {
        let refused = command(
            &path,
            &[
                "call",
                "stores_register",
                r#"{"store_id": "9021", "api_key": "k"}"#,
            ],
        )
        .env("ORDERDESK_BASE_URL", &base)
        .output()
        .unwrap();
        assert!(!refused.status.success());
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("must not stand on the command line")
        );

        let mut registering = command(
            &path,
            &[
                "call",
                "stores_register",
                r#"{"store_id": "9021"}"#,
                "--json",
            ],
        )
        .env("ORDERDESK_BASE_URL", &base)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
        registering
            .stdin
            .take()
            .unwrap()
            .write_all(b"sandbox-key-9021\n")
            .unwrap();
        let registered = registering.wait_with_output().unwrap();
        let answer = json(&registered);
        assert_eq!(answer["is_error"], false, "{answer}");
        assert_eq!(answer["structured"]["store"]["store_id"], "9021");

        let wrong = command(&path, &["call", "orders_list", r#"{"limit": 0}"#, "--json"])
            .output()
            .unwrap();
        assert!(!wrong.status.success());
        assert_eq!(json(&wrong)["is_error"], true);
    })
    .await
    .unwrap();
}
