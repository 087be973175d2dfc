//! One data directory and one configuration, and processes of the real program that share them.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use orderdesk_simulator::Simulator;
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{Peer, RoleClient, RunningService};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::client::{Client, ToolReply};
use super::files;
use super::server::{SERVER_KEY, share_compiled_code};

/// As long as a process may take to start, or to end when nothing holds it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an operator has installed once and may run several times.
pub struct Installation {
    folder: TempDir,
    base_url: String,
}

/// A running process of the program; it is killed when this is dropped.
pub struct Process {
    child: Child,
}

/// A client of a process, over whatever that serves. Clones speak to the same process.
#[derive(Clone)]
pub enum Agent {
    /// Over HTTP.
    Http(Client),
    /// Over stdin and stdout.
    Stdio(StdioClient),
}

/// rmcp's own client, over stdin and stdout.
#[derive(Clone)]
pub struct StdioClient {
    peer: Peer<RoleClient>,
    /// The connection ends with the last clone.
    _connection: Arc<RunningService<RoleClient, ()>>,
}

impl Installation {
    /// With the configuration that ships, changed by `change`, speaking to this simulator.
    pub fn new(simulator: &Simulator, change: impl FnOnce(&mut toml::Table)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installation = Self {
            folder,
            base_url: simulator.base_url(),
        };
        let text = std::fs::read_to_string(files::root().join("orderdesk.toml")).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        // On a busy machine a component that nobody compiled before takes its time.
        if let Some(toml::Value::Table(mcp)) = config.get_mut("mcp") {
            mcp.insert("list_wait".to_owned(), "120s".into());
        }
        change(&mut config);
        std::fs::write(installation.config(), config.to_string()).unwrap();
        // The configuration names its components by paths that start at its folder.
        let plugins = installation.folder.path().join("plugins");
        std::os::unix::fs::symlink(files::root().join("plugins"), plugins).unwrap();
        std::fs::create_dir(installation.data()).unwrap();
        share_compiled_code(&installation.data());
        installation
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("orderdesk.toml")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What its processes keep, as somebody with the file sees and changes it.
    pub fn raw_database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data().join("orderdesk-mcp.db")).unwrap()
    }

    /// The program with these arguments, its configuration and its data; nothing of it is shown.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(files::program("orderdesk-mcp"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .env("ORDERDESK_MCP_DATA_DIR", self.data())
            .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
            .env("ORDERDESK_BASE_URL", &self.base_url)
            .env("RUST_LOG", "info")
            .env_remove("ORDERDESK_STORE_ID")
            .env_remove("ORDERDESK_API_KEY")
            .env_remove("ORDERDESK_MCP_MASTER_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Makes a tenant with the command line; answers its key.
    pub async fn tenant(&self, name: &str) -> String {
        let output = self
            .command(&["tenants", "create", "--name", name, "--json"])
            .output()
            .await
            .unwrap();
        let created: Value = serde_json::from_slice(&output.stdout).unwrap();
        created["master_key"].as_str().unwrap().to_owned()
    }

    /// Starts `stdio` for the tenant of this key.
    pub async fn stdio(&self, key: &str) -> (Process, Agent) {
        let mut child = self
            .command(&["stdio"])
            .env("ORDERDESK_MCP_MASTER_KEY", key)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let connection = tokio::time::timeout(PATIENCE, ().serve(pipes)).await;
        let connection = connection.expect("the process did not greet").unwrap();
        let client = StdioClient {
            peer: connection.peer().clone(),
            _connection: Arc::new(connection),
        };
        (Process { child }, Agent::Stdio(client))
    }

    /// Starts `serve` on a free port, with a client for the tenant of this key.
    pub async fn serve(&self, key: &str) -> (Process, Agent) {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = tokio::time::timeout(PATIENCE, log.next_line()).await;
            let line = line.expect("the server did not say where it listens");
            let line: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap_or_default();
            if let Some(url) = line["url"].as_str() {
                break url.to_owned();
            }
        };
        // A full pipe would stop the process.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let client = Client::new(url, SecretString::from(key.to_owned()));
        (Process { child }, Agent::Http(client))
    }
}

impl Process {
    /// Sends a signal, such as that of Ctrl-C.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("the process did not end")
            .unwrap()
    }
}

impl Agent {
    /// The client, of one that speaks HTTP.
    pub fn http(&self) -> Client {
        match self {
            Self::Http(client) => client.clone(),
            Self::Stdio(_) => panic!("it speaks over stdin and stdout"),
        }
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> ToolReply {
        match self {
            Self::Http(client) => client.call(tool, arguments).await,
            Self::Stdio(client) => client.call(tool, arguments).await,
        }
    }
}

impl StdioClient {
    async fn call(&self, tool: &str, arguments: Value) -> ToolReply {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = arguments.as_object().cloned();
        let result = self.peer.call_tool(params).await;
        let result = result.unwrap_or_else(|error| panic!("{tool} had no result: {error}"));
        let result = serde_json::to_value(result).unwrap();
        ToolReply::of(&result, result.to_string())
    }
}
