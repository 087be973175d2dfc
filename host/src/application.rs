//! From a configuration to something that can serve: database, keys, endpoints, plugins, wired once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::capabilities::Services;
use crate::capabilities::buckets::DatabaseBuckets;
use crate::capabilities::cache::ResponseCache;
use crate::capabilities::http::{EndpointSettings, HttpCapability, SettingsError};
use crate::capabilities::stored::StoredBytes;
use crate::capabilities::turns::Turns;
use crate::capabilities::usage::GuestMemory;
use crate::clock::SystemClock;
use crate::config::{Config, Endpoint, Environment};
use crate::observe::Metrics;
use crate::plugins::{
    CompiledCode, EngineError, GUEST_MEMORY, Native, PluginEngine, PluginHost, audit_list,
    unknown_toolset,
};
use crate::store::sqlite::{self, BackupError, Restored};
use crate::store::{Database, SqliteDatabase, StoreError, prepare_data_directory};
use crate::tenancy::audit::Entry;
use crate::tenancy::{
    Confirmations, Consents, Documents, Hooks, Links, Locks, LoginLimit, Secrets, ServerKey,
    ServerKeyError, ServerKeySource, Source, Tenancy, TenancyError, Upkeep,
};

/// The variable that holds the server key, where it shall not be a file.
pub const SERVER_KEY: &str = "ORDERDESK_MCP_SERVER_KEY";
/// The variable that holds the server key that takes the other one's place: `server-key rotate` changes to it, and processes
/// that know both go on without a restart.
pub const NEW_SERVER_KEY: &str = "ORDERDESK_MCP_NEW_SERVER_KEY";
/// The variable that holds an access key, for stdio and the command line.
pub const ACCESS_KEY: &str = "ORDERDESK_MCP_MASTER_KEY";
/// The database's file in the data directory.
const DATABASE: &str = "orderdesk-mcp.db";
/// As long as plugins may take that are compiled for the first time.
const LOADING: Duration = Duration::from_secs(600);

/// Why nothing can be served.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made or written.
    #[error("the data directory {path} cannot be used: {error}")]
    DataDirectory {
        /// Where.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// No server key.
    #[error(transparent)]
    ServerKey(#[from] ServerKeyError),
    /// The database does not open.
    #[error("the database cannot be used: {0}")]
    Database(#[from] StoreError),
    /// Database and server key do not belong together.
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    /// An endpoint's base is not there.
    #[error("endpoints.{endpoint}.base: {what}")]
    Base {
        /// Which endpoint.
        endpoint: String,
        /// What is wrong.
        what: String,
    },
    /// An endpoint's settings contradict each other.
    #[error(transparent)]
    Endpoint(#[from] SettingsError),
    /// There is to be a token for metrics, and there is none.
    #[error("metrics.token: {0}")]
    MetricsToken(String),
    /// A tool of this program itself is wrong.
    #[error("a built-in tool is wrong: {0}")]
    Native(String),
    /// No WebAssembly on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// Nothing could open what would be restored.
    #[error(
        "there is no server key in {0}: put the server.key that the backup was made with there first, or set ORDERDESK_MCP_SERVER_KEY"
    )]
    NoServerKey(String),
    /// The data cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tenants and data, without plugins: enough for administration.
pub struct Data {
    /// Durable state.
    pub database: Arc<dyn Database>,
    /// Tenants and keys.
    pub tenancy: Arc<Tenancy>,
}

impl Data {
    /// Opens the data directory, which is made if it is not there.
    ///
    /// # Errors
    /// Directory, database or server key cannot be used.
    pub async fn open(config: &Config, environment: &Environment) -> Result<Self, StartError> {
        let data = Self::open_for_serving(config, environment).await?;
        data.tenancy.audit().acts_come_from(Source::Terminal);
        Ok(data)
    }

    async fn open_for_serving(
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, StartError> {
        let folder = &config.server.data_dir;
        prepare_data_directory(folder).map_err(|error| StartError::DataDirectory {
            path: folder.display().to_string(),
            error,
        })?;
        let server_key = server_key(folder, environment)?;
        let database: Arc<dyn Database> =
            Arc::new(SqliteDatabase::open(folder.join(DATABASE)).await?);
        let tenancy = Tenancy::open(database.clone(), server_key, Arc::new(SystemClock)).await?;
        Ok(Self {
            database,
            tenancy: Arc::new(tenancy),
        })
    }

    /// Copies the database to a new file while it is in use. Answers its bytes.
    ///
    /// # Errors
    /// The file exists, or there is no sound copy.
    pub async fn backup(&self, config: &Config, file: &Path) -> Result<u64, RestoreError> {
        let database = config.server.data_dir.join(DATABASE);
        let name = file.file_name().map(|name| name.to_string_lossy());
        let act = Entry::act("backup", None, serde_json::json!({"file": name}));
        let target = file.to_owned();
        let copied = async {
            let copying = tokio::task::spawn_blocking(move || sqlite::backup(&database, &target));
            Ok(copying.await.map_err(StoreError::Interrupted)??)
        };
        let audit = self.tenancy.audit();
        audit.administer(act, copied, |_, _| {}).await
    }

    /// Puts a backup in the place of the database, if it belongs to this installation's server key.
    ///
    /// # Errors
    /// The backup is not sound, or opens with another key; data is there, or in use. Then nothing was changed.
    pub async fn restore(
        config: &Config,
        environment: &Environment,
        file: &Path,
        replace: bool,
    ) -> Result<Restored, RestoreError> {
        let folder = &config.server.data_dir;
        // A new key would open nothing.
        if environment.get(SERVER_KEY).is_none() && !ServerKey::is_in(folder) {
            return Err(RestoreError::NoServerKey(folder.display().to_string()));
        }
        prepare_data_directory(folder).map_err(|error| StartError::DataDirectory {
            path: folder.display().to_string(),
            error,
        })?;
        let runtime = tokio::runtime::Handle::current();
        let (from, database) = (file.to_owned(), folder.join(DATABASE));
        let (folder, environment) = (folder.clone(), environment.clone());
        let restoring = tokio::task::spawn_blocking(move || {
            sqlite::restore(&from, &database, replace, |candidate| {
                runtime.block_on(async {
                    let database: Arc<dyn Database> = Arc::new(
                        SqliteDatabase::open(candidate)
                            .await
                            .map_err(StartError::from)?,
                    );
                    let key = server_key(&folder, &environment)?;
                    let clock = Arc::new(SystemClock);
                    let tenancy = Tenancy::open(database.clone(), key, clock)
                        .await
                        .map_err(StartError::from)?;
                    let audit = tenancy.audit();
                    audit.acts_come_from(Source::Terminal);
                    let act = Entry::act("restore", None, serde_json::json!({}));
                    let nothing_more = async { Ok::<(), RestoreError>(()) };
                    audit.administer(act, nothing_more, |(), _| {}).await?;
                    // Whoever still has it open would keep the file from its place.
                    drop(tenancy);
                    while Arc::strong_count(&database) > 1 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Ok(())
                })
            })
        });
        restoring.await.map_err(StoreError::Interrupted)?
    }

    /// What plugins may reach.
    ///
    /// # Errors
    /// An endpoint's settings are wrong.
    pub fn services(
        &self,
        config: &Config,
        environment: &Environment,
    ) -> Result<Arc<Services>, StartError> {
        let clock = Arc::new(SystemClock);
        let mut endpoints = HashMap::new();
        for (name, endpoint) in &config.endpoints {
            endpoints.insert(
                name.clone(),
                endpoint_settings(name, endpoint, environment)?,
            );
        }
        let metrics = Arc::new(Metrics::default());
        let operator_token = config
            .metrics
            .token(environment)
            .map_err(StartError::MetricsToken)?;
        let login_limit = Arc::new(LoginLimit::new(metrics.clone()));
        self.tenancy.watch_logins(login_limit.clone());
        self.tenancy.audit().count_in(metrics.clone());
        let buckets = Arc::new(DatabaseBuckets::new(self.database.clone(), clock.clone()));
        Ok(Arc::new(Services {
            clock: clock.clone(),
            tenancy: self.tenancy.clone(),
            secrets: Secrets::new(self.database.clone(), clock.clone()),
            documents: Documents::new(self.database.clone(), clock.clone()),
            stored: StoredBytes::new(self.database.clone()),
            locks: Locks::new(self.database.clone(), clock.clone()),
            confirmations: Confirmations::new(self.database.clone(), clock.clone()),
            hooks: Hooks::new(self.database.clone(), clock.clone(), &self.tenancy),
            links: Links::new(self.database.clone(), clock.clone(), &self.tenancy),
            consents: Consents::new(self.database.clone(), clock, self.tenancy.audit().clone()),
            cache: ResponseCache::shared(self.database.clone()),
            http: HttpCapability::new(endpoints, buckets, metrics.clone())?,
            login_limit,
            operator_token,
            guest_memory: Arc::new(GuestMemory::new(GUEST_MEMORY, metrics.clone())),
            turns: Turns::of_this_machine(),
            metrics,
        }))
    }
}

/// Everything that serves calls.
pub struct Application {
    /// Tenants and data.
    pub data: Data,
    /// What plugins may reach.
    pub services: Arc<Services>,
    /// The plugins, perhaps still loading.
    pub host: Arc<PluginHost>,
}

impl Application {
    /// Opens the data, starts to load the plugins in the background, and answers.
    ///
    /// # Errors
    /// Something without which nothing can be served.
    pub async fn start(config: &Config, environment: &Environment) -> Result<Self, StartError> {
        Self::start_with(config, environment, Vec::new()).await
    }

    /// As [`Self::start`], with tools that are built into this process.
    ///
    /// # Errors
    /// Something without which nothing can be served.
    pub async fn start_with(
        config: &Config,
        environment: &Environment,
        mut native: Vec<Native>,
    ) -> Result<Self, StartError> {
        let data = Data::open_for_serving(config, environment).await?;
        let services = data.services(config, environment)?;
        let list = audit_list(data.tenancy.audit().clone(), &config.limits);
        native.push(list.map_err(StartError::Native)?);
        let folder = config.server.data_dir.join("compiled");
        let compiled = CompiledCode::open(folder.clone(), data.tenancy.compiled_code_key())
            .map_err(|error| StartError::DataDirectory {
                path: folder.display().to_string(),
                error,
            })?;
        let host = PluginHost::start(
            config,
            PluginEngine::new()?,
            compiled,
            services.clone(),
            native,
        );
        let upkeep = Upkeep::new(data.database.clone(), &data.tenancy, config.audit.keep);
        let stopping = host.stopping();
        tokio::spawn(async move { upkeep.until(stopping.cancelled_owned()).await });
        tokio::spawn(host.clone().keep_counting());
        tokio::spawn(warn_of_unknown_sets(
            host.clone(),
            config.mcp.toolsets.clone(),
        ));
        Ok(Self {
            data,
            services,
            host,
        })
    }
}

/// Plugins come after the configuration, so a set of it that there is not is seen only when all are there.
async fn warn_of_unknown_sets(host: Arc<PluginHost>, chosen: Vec<String>) {
    host.loaded(LOADING).await;
    if let Some(what) = unknown_toolset(&chosen, &host.registry()) {
        tracing::warn!("[mcp] toolsets: {what}");
    }
}

fn server_key(folder: &Path, environment: &Environment) -> Result<ServerKeySource, StartError> {
    let Some(text) = environment.get(SERVER_KEY) else {
        return Ok(ServerKeySource::Directory(folder.to_owned()));
    };
    let mut keys = vec![ServerKey::from_base64(text)?];
    if let Some(text) = environment.get(NEW_SERVER_KEY) {
        keys.push(ServerKey::from_base64(text)?);
    }
    Ok(ServerKeySource::Given(keys))
}

fn endpoint_settings(
    name: &str,
    endpoint: &Endpoint,
    environment: &Environment,
) -> Result<EndpointSettings, StartError> {
    let wrong = |what: String| StartError::Base {
        endpoint: name.to_owned(),
        what,
    };
    let base = endpoint
        .base
        .resolve(environment)
        .map_err(|variable| wrong(format!("the environment variable {variable} is not set")))?;
    let base = base
        .as_str()
        .ok_or_else(|| wrong("it must be a URL".into()))?;
    let base =
        url::Url::parse(base).map_err(|error| wrong(format!("'{base}' is not a URL: {error}")))?;
    let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    Ok(EndpointSettings {
        headers: endpoint.headers.clone(),
        sealed_headers: endpoint.sealed_headers.clone(),
        conceal: endpoint.conceal.clone(),
        rate: endpoint.rate,
        connect_timeout: endpoint.connect_timeout,
        read_timeout: endpoint.read_timeout,
        max_response_bytes: bytes(endpoint.max_response),
        max_request_bytes: bytes(endpoint.max_request),
        retries: endpoint.retries,
        tokens_remaining_header: endpoint.tokens_remaining_header.clone(),
        retry_after_header: endpoint.retry_after_header.clone(),
        ..EndpointSettings::new(base)
    })
}
