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
use tokio::task::JoinHandle;

use super::client::{Client, ToolReply};
use super::files;
use super::server::{SERVER_KEY, share_compiled_code};

/// As long as a process may take to start, or to end when nothing holds it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an operator has installed once and may run several times.
pub struct Installation {
    folder: TempDir,
    base_url: String,
    variables: Vec<(String, String)>,
    /// Its server key stands in a file of its own, as on a machine where nobody set a variable.
    own_server_key: bool,
}

/// A running process of the program; it is killed when this is dropped.
pub struct Process {
    child: Child,
    /// What it logs, once it ended.
    log: Option<JoinHandle<String>>,
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
            variables: Vec::new(),
            own_server_key: false,
        };
        let text = std::fs::read_to_string(files::root().join("orderdesk.toml")).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        // On a busy machine a component that nobody compiled before takes its time.
        if let Some(toml::Value::Table(mcp)) = config.get_mut("mcp") {
            mcp.insert("list_wait".to_owned(), "120s".into());
        }
        // Tests call faster than agents do.
        if let Some(toml::Value::Table(limits)) = config.get_mut("limits") {
            let most = i64::from(u32::MAX);
            let key = [("per_minute", most), ("burst", most)];
            let key = key.map(|(name, value)| (name.to_owned(), value.into()));
            limits.insert("key".to_owned(), toml::Table::from_iter(key).into());
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

    /// With this variable in the environment of its processes.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, with a server key of its own in the data directory; it compiles its components itself.
    #[must_use]
    pub fn with_own_server_key(mut self) -> Self {
        self.own_server_key = true;
        for shared in ["compiled", "orderdesk-mcp.db"] {
            std::fs::remove_file(self.data().join(shared)).unwrap();
        }
        self
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("orderdesk.toml")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What its processes keep, as somebody with the file sees and changes it.
    pub fn raw_database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data().join("orderdesk-mcp.db")).unwrap()
    }

    /// Changes the configuration's file, in one piece, as an editor does.
    pub fn change(&self, change: impl FnOnce(&mut toml::Table)) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        change(&mut config);
        let new = self.folder.path().join("new.toml");
        std::fs::write(&new, config.to_string()).unwrap();
        std::fs::rename(new, self.config()).unwrap();
    }

    /// Runs a command to its end, with this access key in its environment, whatever comes of it.
    pub async fn output(&self, arguments: &[&str], key: Option<&str>) -> std::process::Output {
        let mut command = self.command(arguments);
        command.stderr(Stdio::piped());
        if let Some(key) = key {
            command.env("ORDERDESK_MCP_MASTER_KEY", key);
        }
        tokio::time::timeout(PATIENCE * 2, command.output())
            .await
            .expect("the command did not end")
            .unwrap()
    }

    /// The program with these arguments, to be run on this installation.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(files::program("orderdesk-mcp"));
        if !self.own_server_key {
            command.env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY);
        }
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .env("ORDERDESK_MCP_DATA_DIR", self.data())
            .env("ORDERDESK_BASE_URL", &self.base_url)
            .env("RUST_LOG", "info")
            .env_remove("ORDERDESK_STORE_ID")
            .env_remove("ORDERDESK_API_KEY")
            .env_remove("ORDERDESK_MCP_MASTER_KEY")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Makes a tenant with the command line; answers its key.
    pub async fn tenant(&self, name: &str) -> String {
        let created = self.run(&["tenants", "create", "--name", name], None).await;
        created["master_key"].as_str().unwrap().to_owned()
    }

    /// Runs a command with `--json`, as the tenant of this key; answers its object, or what it says is wrong.
    pub async fn try_run(&self, arguments: &[&str], key: Option<&str>) -> Result<Value, String> {
        let mut command = self.command(arguments);
        if let Some(key) = key {
            command.env("ORDERDESK_MCP_MASTER_KEY", key);
        }
        let output = command
            .arg("--json")
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The same, of a command that succeeds.
    pub async fn run(&self, arguments: &[&str], key: Option<&str>) -> Value {
        self.try_run(arguments, key)
            .await
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// What starts `stdio`, for the tenant of this key or the local one.
    pub fn stdio_command(&self, key: Option<&str>) -> Command {
        let mut command = self.command(&["stdio"]);
        if let Some(key) = key {
            command.env("ORDERDESK_MCP_MASTER_KEY", key);
        }
        command
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
        let log = None;
        (Process { child, log }, Agent::Stdio(client))
    }

    /// Starts `serve` on a free port, with a client for the tenant of this key.
    pub async fn serve(&self, key: &str) -> (Process, Agent) {
        let (process, client) = self.serve_with(key, &[]).await;
        (process, Agent::Http(client))
    }

    /// The same, under these variables too.
    pub async fn serve_with(&self, key: &str, environment: &[(&str, &str)]) -> (Process, Client) {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
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
        let log = tokio::spawn(async move {
            let mut read = String::new();
            while let Ok(Some(line)) = log.next_line().await {
                read.push_str(&line);
                read.push('\n');
            }
            read
        });
        let client = Client::new(url, SecretString::from(key.to_owned()));
        let log = Some(log);
        (Process { child, log }, client)
    }
}

impl Process {
    /// Sends a signal, such as that of Ctrl-C.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// What is open in it: files, sockets, and threads that run.
    pub fn open(&self) -> (usize, usize) {
        let id = self.child.id().unwrap();
        let count = |what: &str| {
            std::fs::read_dir(format!("/proc/{id}/{what}"))
                .unwrap()
                .count()
        };
        (count("fd"), count("task"))
    }

    /// Waits for its end; answers what `serve` logged since it told its address.
    pub async fn log_at_its_end(mut self) -> String {
        let log = self.log.take().expect("only the log of serve is read");
        self.ended().await;
        log.await.unwrap()
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

impl Agent {
    /// Whether the process refuses to call this tool at all, which takes no argument.
    pub async fn refuses(&self, tool: &str) -> bool {
        match self {
            Self::Http(client) => {
                let call = serde_json::json!({"name": tool, "arguments": {}});
                client.request("tools/call", call).await.status == 401
            }
            Self::Stdio(client) => {
                let params = CallToolRequestParams::new(tool.to_owned());
                client.peer.call_tool(params).await.is_err()
            }
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
