//! Who the server of `cargo xtask run` serves: a tenant with one store, made on the first run and
//! found again on later ones.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::process;

/// Environment that belongs to the user's own set-up and must not leak into what we start.
pub(crate) const USERS_ENVIRONMENT: [&str; 5] = [
    "ORDERDESK_STORE_ID",
    "ORDERDESK_API_KEY",
    "ORDERDESK_MCP_MASTER_KEY",
    "ORDERDESK_MCP_DATA_DIR",
    "ORDERDESK_MCP_LISTEN",
];

/// An Order Desk store and its key.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) store_id: String,
    pub(crate) api_key: SecretString,
}

impl Store {
    /// The user's own store, when the environment names one; `None` for a sandbox.
    pub(crate) fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let value = |name| variable(name).filter(|value| !value.trim().is_empty());
        match (value("ORDERDESK_STORE_ID"), value("ORDERDESK_API_KEY")) {
            (Some(store_id), Some(api_key)) => Ok(Some(Self {
                store_id: store_id.trim().to_owned(),
                api_key: api_key.trim().into(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!(
                "ORDERDESK_STORE_ID is set but ORDERDESK_API_KEY is not: set both for your own store, or none for a sandbox"
            ),
            (None, Some(_)) => bail!(
                "ORDERDESK_API_KEY is set but ORDERDESK_STORE_ID is not: set both for your own store, or none for a sandbox"
            ),
        }
    }
}

/// The server's program, with what all its commands share.
pub(crate) struct Server<'a> {
    pub(crate) program: &'a Path,
    pub(crate) root: &'a Path,
    pub(crate) config: &'a Path,
    pub(crate) data_directory: &'a Path,
    /// Replaces Order Desk's address.
    pub(crate) base_url: Option<&'a str>,
}

impl Server<'_> {
    /// One of its commands, in an environment without the user's secrets.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config)
            .arg("--data-dir")
            .arg(self.data_directory)
            .current_dir(self.root);
        for name in USERS_ENVIRONMENT {
            command.env_remove(name);
        }
        if let Some(base_url) = self.base_url {
            command.env("ORDERDESK_BASE_URL", base_url);
        }
        command
    }

    /// Calls a tool as the holder of `key`; `secret` is what it asks for.
    fn call(
        &self,
        key: &SecretString,
        tool: &str,
        arguments: &serde_json::Value,
        secret: &SecretString,
    ) -> Result<Answer> {
        let mut command = self.command(&["call", tool, &arguments.to_string(), "--json"]);
        let mut child = command
            .env("ORDERDESK_MCP_MASTER_KEY", key.expose_secret())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the server could not be started")?;
        if let Some(mut stdin) = child.stdin.take() {
            // A server that refuses before it reads closes the pipe; its answer tells why.
            let _closed_early = writeln!(stdin, "{}", secret.expose_secret());
        }
        let output = child.wait_with_output()?;
        serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "`{}` gave no answer ({}): {}",
                process::line_of(&command),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            )
        })
    }
}

/// What `call … --json` prints.
#[derive(Deserialize)]
struct Answer {
    is_error: bool,
    text: String,
}

/// What `tenants create … --json` prints.
#[derive(Deserialize)]
struct NewTenant {
    key_id: String,
    master_key: String,
}

/// What is kept between runs, in the data directory, readable by its owner only.
#[derive(Default, Deserialize, Serialize)]
struct Kept {
    key_id: String,
    /// The sandbox's key; that of a real account is never kept.
    master_key: Option<String>,
    /// Where the simulator was.
    base_url: Option<String>,
    /// Registered stores, with a digest of the key and address they were registered with.
    stores: BTreeMap<String, String>,
}

impl Kept {
    fn file(data_directory: &Path) -> PathBuf {
        data_directory.join("xtask-run.json")
    }

    fn load(data_directory: &Path) -> Result<Option<Self>> {
        let file = Self::file(data_directory);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("{} is damaged; `--fresh` starts anew", file.display()))
    }

    fn save(&self, data_directory: &Path) -> Result<()> {
        let file = Self::file(data_directory);
        let unfinished = file.with_extension("new");
        let mut writer = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        writer.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(&unfinished, &file).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Makes the data directory, empty if `fresh`.
pub(crate) fn prepare_directory(data_directory: &Path, fresh: bool) -> Result<()> {
    if fresh && data_directory.exists() {
        fs::remove_dir_all(data_directory)
            .with_context(|| format!("cannot empty {}", data_directory.display()))?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_directory)
        .with_context(|| format!("cannot create {}", data_directory.display()))
}

/// Where the simulator was on the last run.
pub(crate) fn last_base_url(data_directory: &Path) -> Result<Option<String>> {
    Ok(Kept::load(data_directory)?.and_then(|kept| kept.base_url))
}

/// The access to the served tenant.
#[derive(Debug)]
pub(crate) struct Access {
    /// What to show: a new key, or the sandbox's. A real account's key is shown on its first run only.
    pub(crate) key: Option<SecretString>,
    /// Whether later runs can show it again.
    pub(crate) key_is_kept: bool,
    /// Whether the store is registered.
    pub(crate) registered: bool,
}

/// Makes the tenant if there is none and registers the store if it is not.
pub(crate) fn open(
    server: &Server<'_>,
    store: &Store,
    sandbox: bool,
    known_key: Option<SecretString>,
) -> Result<Access> {
    let directory = server.data_directory;
    let (mut kept, usable, shown) = match Kept::load(directory)? {
        Some(kept) => {
            let sandbox_key = kept.master_key.clone().map(SecretString::from);
            let usable = sandbox_key.clone().or(known_key);
            (kept, usable, sandbox_key)
        }
        None => {
            let name = if sandbox { "sandbox" } else { "account" };
            let json = process::output_of(
                &mut server.command(&["tenants", "create", "--name", name, "--json"]),
            )?;
            let tenant: NewTenant = serde_json::from_str(&json)
                .context("`tenants create --json` answered something unexpected")?;
            let kept = Kept {
                key_id: tenant.key_id,
                master_key: sandbox.then(|| tenant.master_key.clone()),
                ..Kept::default()
            };
            kept.save(directory)?;
            let key = SecretString::from(tenant.master_key);
            (kept, Some(key.clone()), Some(key))
        }
    };

    let digest = registration_digest(store, server.base_url);
    let mut registered = kept.stores.get(&store.store_id) == Some(&digest);
    if let (false, Some(key)) = (registered, &usable) {
        register(server, key, store)?;
        kept.stores.insert(store.store_id.clone(), digest);
        registered = true;
    }
    kept.base_url = server.base_url.map(str::to_owned);
    kept.save(directory)?;
    Ok(Access {
        key: shown,
        key_is_kept: kept.master_key.is_some(),
        registered,
    })
}

/// Registers a store; one that is there is replaced, since its sealed key opens only where it was
/// sealed for.
fn register(server: &Server<'_>, key: &SecretString, store: &Store) -> Result<()> {
    let arguments = serde_json::json!({ "store_id": store.store_id, "replace": true });
    let answer = server.call(key, "stores_register", &arguments, &store.api_key)?;
    if answer.is_error {
        bail!(
            "store {} could not be registered: {}",
            store.store_id,
            answer.text
        );
    }
    Ok(())
}

/// Tells whether a registration still fits, without keeping the key itself.
fn registration_digest(store: &Store, base_url: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(base_url.unwrap_or_default());
    hash.update([0]);
    hash.update(store.api_key.expose_secret());
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |wanted| {
            let (_, value) = pairs.iter().find(|(name, _)| *name == wanted)?;
            Some((*value).to_owned())
        }
    }

    #[test]
    fn without_an_account_there_is_a_sandbox() {
        assert!(Store::from_environment(environment(&[])).unwrap().is_none());
        let blank = environment(&[("ORDERDESK_STORE_ID", ""), ("ORDERDESK_API_KEY", " ")]);
        assert!(Store::from_environment(blank).unwrap().is_none());
    }

    #[test]
    fn half_an_account_is_an_error_that_names_the_other_half() {
        let half = environment(&[("ORDERDESK_STORE_ID", "1")]);
        let error = Store::from_environment(half).unwrap_err();
        assert!(error.to_string().contains("ORDERDESK_API_KEY is not"));
    }

    /// A program that behaves like the server's commands, and counts.
    fn fake_server(folder: &Path) -> PathBuf {
        let program = folder.join("server");
        let script = r#"#!/bin/sh
log="$(dirname "$0")/log"
case "$1" in
  tenants) echo "created" >>"$log"; echo '{"tenant_id":"t","name":"n","key_id":"k","master_key":"the-master-key"}' ;;
  call) read -r secret
    echo "$2 $3 key=$ORDERDESK_MCP_MASTER_KEY secret=$secret api=$ORDERDESK_API_KEY" >>"$log"
    echo '{"is_error":false,"structured":{},"text":"done"}' ;;
esac
"#;
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    fn store() -> Store {
        Store {
            store_id: "9021".into(),
            api_key: "the-api-key".into(),
        }
    }

    struct Fixture {
        folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fake_server(folder.path());
            prepare_directory(&folder.path().join("data"), false).unwrap();
            Self { folder }
        }

        fn open(&self, base_url: &str, sandbox: bool) -> Access {
            let folder = self.folder.path();
            let server = Server {
                program: &folder.join("server"),
                root: folder,
                config: Path::new("orderdesk.toml"),
                data_directory: &folder.join("data"),
                base_url: Some(base_url),
            };
            open(&server, &store(), sandbox, None).unwrap()
        }

        fn log(&self) -> Vec<String> {
            let text = fs::read_to_string(self.folder.path().join("log")).unwrap();
            text.lines().map(str::to_owned).collect()
        }

        fn kept(&self) -> PathBuf {
            Kept::file(&self.folder.path().join("data"))
        }
    }

    const REGISTER: &str = r#"stores_register {"store_id":"9021","replace":true} key=the-master-key secret=the-api-key api="#;

    #[test]
    fn a_sandbox_is_made_once_and_its_key_is_kept_for_its_owner_only() {
        let fixture = Fixture::new();
        let first = fixture.open("http://127.0.0.1:1", true);
        let second = fixture.open("http://127.0.0.1:1", true);
        assert!(first.registered && second.registered && second.key_is_kept);
        assert_eq!(second.key.unwrap().expose_secret(), "the-master-key");
        assert_eq!(fixture.log(), ["created", REGISTER]);
        let mode = fs::metadata(fixture.kept()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            !fs::read_to_string(fixture.kept())
                .unwrap()
                .contains("the-api-key")
        );
    }

    #[test]
    fn a_simulator_elsewhere_means_registering_anew() {
        let fixture = Fixture::new();
        fixture.open("http://127.0.0.1:1", true);
        fixture.open("http://127.0.0.1:2", true);
        assert_eq!(fixture.log(), ["created", REGISTER, REGISTER]);
    }

    #[test]
    fn the_key_of_a_real_account_is_shown_once_and_not_kept() {
        let fixture = Fixture::new();
        let first = fixture.open("http://127.0.0.1:1", false);
        assert!(first.key.is_some() && !first.key_is_kept && first.registered);
        assert!(
            !fs::read_to_string(fixture.kept())
                .unwrap()
                .contains("the-master-key")
        );
        let second = fixture.open("http://127.0.0.1:1", false);
        assert!(second.key.is_none() && second.registered);
    }
}
