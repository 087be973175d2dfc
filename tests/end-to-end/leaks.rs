//! Canaries: after a busy session no secret stands anywhere in the data directory or the log, in any usual form.

use std::path::Path;
use std::process::{Command, Stdio};

use end_to_end::{program, root};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use serde_json::Value;

fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex = |upper: bool| -> String {
        secret
            .bytes()
            .map(|byte| {
                if upper {
                    format!("{byte:02X}")
                } else {
                    format!("{byte:02x}")
                }
            })
            .collect()
    };
    let reversed: String = secret.chars().rev().collect();
    [secret.to_owned(), hex(false), hex(true), reversed]
        .into_iter()
        .map(String::into_bytes)
        .collect()
}

pub fn assert_absent(place: &str, bytes: &[u8], secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(
                !bytes.windows(form.len()).any(|window| window == form),
                "a secret stands in {place}"
            );
        }
    }
}

pub fn every_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, look)
        } else {
            look(&path)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_of_a_secret_is_in_the_data_directory_or_the_log() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let password = simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store
                .setting("smtp_password")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        })
        .unwrap();
    let email = simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store.orders().next().unwrap().text("email")
        })
        .unwrap();
    let base = simulator.base_url();
    tokio::task::spawn_blocking(move || {
        let data = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str], master: Option<&str>| {
            let mut command = Command::new(program("orderdesk-mcp"));
            command
                .args(arguments)
                .args(["--json", "--data-dir"])
                .arg(data.path())
                .current_dir(root())
                .env("ORDERDESK_BASE_URL", &base)
                .env("ORDERDESK_STORE_ID", "9021")
                .env("ORDERDESK_API_KEY", sample::HARBOR_AND_OAK_KEY)
                .env("RUST_LOG", "trace")
                .env_remove("ORDERDESK_MCP_MASTER_KEY")
                .stdin(Stdio::null());
            if let Some(master) = master {
                command.env("ORDERDESK_MCP_MASTER_KEY", master);
            }
            command.output().unwrap()
        };
        let created = run(&["tenants", "create", "--name", "acme"], None);
        let master = serde_json::from_slice::<Value>(&created.stdout).unwrap()["master_key"]
            .as_str()
            .unwrap()
            .to_owned();
        let secrets = [
            sample::HARBOR_AND_OAK_KEY.to_owned(),
            master.clone(),
            password,
        ];
        let mut log = created.stderr;
        for (arguments, key) in [
            (&["call", "stores_folders"][..], None),
            (&["call", "orders_list", "{\"limit\": 5}"], None),
            (&["call", "orders_get", "{\"order_id\": 1}"], None),
            (&["call", "stores_list"], Some(master.as_str())),
        ] {
            let output = run(arguments, key);
            assert_absent("an answer", &output.stdout, &secrets);
            log.extend(output.stderr);
        }
        assert!(log.len() > 1000, "the log is suspiciously short");
        assert_absent("the log", &log, &secrets);
        assert_absent("the log", &log, &[email]);
        let mut files = 0;
        every_file(data.path(), &mut |path| {
            files += 1;
            assert_absent(
                &path.display().to_string(),
                &std::fs::read(path).unwrap(),
                &secrets,
            );
        });
        assert!(files >= 5, "{files} files");
    })
    .await
    .unwrap();
}
