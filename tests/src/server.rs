//! The server under test.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{self, Config, Environment, KeyLimit};
use orderdesk_mcp::mcp;
use orderdesk_mcp::tenancy::Scopes;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::Client;
use super::files;

/// All servers of all tests share compiled code, which is sealed under this key: otherwise each compiles every component.
pub const SERVER_KEY: &str = "dGVzdHMgc2hhcmUgdGhpcyBzZXJ2ZXIga2V5ICAgICE=";
/// The database's name in a data directory.
const DATABASE: &str = "orderdesk-mcp.db";
const LOADING: Duration = Duration::from_secs(120);

/// A server and the simulator that it speaks to.
pub struct Server {
    /// Order Desk.
    pub simulator: Simulator,
    /// The running server's insides, for tests that look under the hood.
    pub application: Arc<Application>,
    /// The configuration that it runs with.
    pub config: Config,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    data_dir: PathBuf,
    /// Removed at the end, unless the test brought its own.
    _own_data: Option<TempDir>,
}

/// What differs from the configuration that ships.
pub struct ServerBuilder {
    plugins: Vec<(String, String)>,
    change: Box<dyn FnOnce(&mut Config) + Send>,
    simulator: Option<SimulatorConfig>,
    data: Option<PathBuf>,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            plugins: Vec::new(),
            change: Box::new(|_| {}),
            simulator: None,
            data: None,
        }
    }
}

impl ServerBuilder {
    /// Adds a plugin as an operator would: `lines` stand below `[plugins.NAME]`, after its `source`. The operator's consent is
    /// enough for it, unless the lines say otherwise.
    #[must_use]
    pub fn plugin(mut self, name: &str, source: &Path, lines: &str) -> Self {
        // What consent is about has tests of its own.
        let consent = if lines.contains("consent = ") {
            ""
        } else {
            "consent = \"operator\"\n"
        };
        let source = source.display().to_string();
        let table = format!("source = {source:?}\n{consent}{lines}");
        self.plugins.push((name.to_owned(), table));
        self
    }

    /// Changes the configuration before the server starts.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        let before = self.change;
        self.change = Box::new(move |config| {
            before(config);
            change(config);
        });
        self
    }

    /// Starts against this simulator instead of the one with sample data.
    #[must_use]
    pub fn simulator(mut self, config: SimulatorConfig) -> Self {
        self.simulator = Some(config);
        self
    }

    /// Keeps its data in this directory, which outlives the server.
    #[must_use]
    pub fn data(mut self, directory: &Path) -> Self {
        self.data = Some(directory.to_owned());
        self
    }

    /// Starts simulator and server, and waits until every plugin is loaded or refused.
    pub async fn start(self) -> Server {
        let simulator = self
            .simulator
            .unwrap_or_else(|| SimulatorConfig::sample(7, Clock::System));
        let simulator = Simulator::start(simulator).await.unwrap();
        let own_data = self.data.is_none().then(|| tempfile::tempdir().unwrap());
        let data_dir = self
            .data
            .unwrap_or_else(|| own_data.as_ref().unwrap().path().to_owned());
        share_compiled_code(&data_dir);
        let environment = Environment::from([
            ("ORDERDESK_BASE_URL", simulator.base_url().as_str()),
            ("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY),
        ]);
        let settings = [("server.data_dir", data_dir.display().to_string())];
        let mut config = config::load(
            Some(&files::root().join("orderdesk.toml")),
            &environment,
            &settings,
        )
        .unwrap();
        // Tests call faster than agents do.
        config.limits.key = KeyLimit {
            per_minute: NonZeroU32::MAX,
            burst: NonZeroU32::MAX,
        };
        for (name, table) in self.plugins {
            config.plugins.insert(name, toml::from_str(&table).unwrap());
        }
        (self.change)(&mut config);

        let application = Arc::new(Application::start(&config, &environment).await.unwrap());
        assert!(
            application.host.loaded(LOADING).await,
            "the plugins did not load"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = {
            let (config, application) = (config.clone(), application.clone());
            tokio::spawn(async move {
                let stopped = async {
                    let _ = stopped.await;
                };
                let (host, services) = (application.host.clone(), application.services.clone());
                mcp::serve_on(listener, &config, host, services, stopped)
                    .await
                    .unwrap();
            })
        };
        Server {
            simulator,
            application,
            config,
            address,
            stop: Some(stop),
            serving: Some(serving),
            data_dir,
            _own_data: own_data,
        }
    }
}

impl Server {
    /// A server with the configuration that ships and the simulator's sample stores.
    pub async fn start() -> Self {
        ServerBuilder::default().start().await
    }

    /// What may differ.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The URL of the MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The URL of another page of the server.
    pub fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone()
    }

    /// Makes a tenant; answers a client with its key.
    pub async fn tenant(&self, name: &str) -> Client {
        use secrecy::ExposeSecret;
        let created = self
            .application
            .data
            .tenancy
            .create_tenant(name)
            .await
            .unwrap();
        self.client(created.master_key.expose_secret())
    }

    /// A client with some key.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.url(), SecretString::from(key))
    }

    /// Another key of the tenant of `maker`, with these limits.
    pub async fn limited(&self, maker: &Client, scopes: Scopes) -> Client {
        use secrecy::ExposeSecret;
        let tenancy = &self.application.data.tenancy;
        let key = SecretString::from(maker.key());
        let maker = tenancy.authenticate(&key).await.unwrap();
        let created = tenancy
            .create_access_key(&maker, "another", scopes, None)
            .await
            .unwrap();
        self.client(created.key.expose_secret())
    }

    /// What the server keeps, as somebody with the file sees and changes it.
    pub fn raw_database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data_dir.join("orderdesk-mcp.db")).unwrap()
    }

    /// A tenant with the first sample store registered.
    pub async fn tenant_with_store(&self, name: &str) -> Client {
        let client = self.tenant(name).await;
        let (id, key, _) = self.simulator.stores().into_iter().next().unwrap();
        client
            .call(
                "stores_register",
                serde_json::json!({"store_id": id, "api_key": key}),
            )
            .await
            .ok();
        client
    }

    /// Asks the server to stop as SIGTERM does, and waits until it has.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }

    /// Asks the server to stop, and does not wait.
    pub fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits for a server that was asked to stop.
    pub async fn stopped(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }
}

/// Gives a data directory the compiled code of all tests. It opens under [`SERVER_KEY`] and the key of one installation, which
/// a directory without a database gets, too.
pub fn share_compiled_code(data: &Path) {
    let shared = files::target().join("compiled-for-tests");
    std::fs::create_dir_all(&shared).unwrap();
    if !data.join("compiled").exists() {
        std::os::unix::fs::symlink(&shared, data.join("compiled")).unwrap();
    }
    let database = data.join(DATABASE);
    if !database.exists() {
        std::fs::copy(installation(&shared), database).unwrap();
    }
}

/// A database without tenants, made once for each state of the schema.
fn installation(shared: &Path) -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut schema = DefaultHasher::new();
        let migrations = files::root().join("host/src/store/migrations");
        let mut steps: Vec<_> = std::fs::read_dir(migrations)
            .unwrap()
            .map(|step| step.unwrap().path())
            .collect();
        steps.sort();
        for step in steps {
            schema.write(&std::fs::read(step).unwrap());
        }
        let made = shared.join(format!("installation-{:016x}.db", schema.finish()));
        if !made.exists() {
            let folder = tempfile::tempdir_in(shared).unwrap();
            let listed = Command::new(files::program("orderdesk-mcp"))
                .args(["tenants", "list", "--data-dir"])
                .arg(folder.path())
                .current_dir(files::root())
                .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
                .output()
                .unwrap();
            assert!(listed.status.success(), "{listed:?}");
            let database = folder.path().join(DATABASE);
            rusqlite::Connection::open(&database)
                .unwrap()
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .unwrap();
            // Whole or not at all: other test programs look for it, too.
            std::fs::rename(database, &made).unwrap();
        }
        made
    })
}
