//! From a configuration to something that can serve: database, keys, endpoints, plugins, wired once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::capabilities::Services;
use crate::capabilities::buckets::DatabaseBuckets;
use crate::capabilities::cache::ResponseCache;
use crate::capabilities::http::{EndpointSettings, HttpCapability, SettingsError};
use crate::clock::SystemClock;
use crate::config::{Config, Endpoint, Environment};
use crate::plugins::{
    CompiledCode, EngineError, Native, PluginEngine, PluginHost, unknown_toolset,
};
use crate::store::{Database, SqliteDatabase, StoreError, prepare_data_directory};
use crate::tenancy::{
    Confirmations, Documents, Hooks, Locks, Secrets, ServerKey, ServerKeyError, ServerKeySource,
    Tenancy, TenancyError,
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
/// How often expired rows are removed.
const PURGE: Duration = Duration::from_secs(600);

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
    /// No WebAssembly on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
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
        let folder = &config.server.data_dir;
        prepare_data_directory(folder).map_err(|error| StartError::DataDirectory {
            path: folder.display().to_string(),
            error,
        })?;
        let server_key = match environment.get(SERVER_KEY) {
            Some(text) => {
                let mut keys = vec![ServerKey::from_base64(text)?];
                if let Some(text) = environment.get(NEW_SERVER_KEY) {
                    keys.push(ServerKey::from_base64(text)?);
                }
                ServerKeySource::Given(keys)
            }
            None => ServerKeySource::Directory(folder.clone()),
        };
        let database: Arc<dyn Database> =
            Arc::new(SqliteDatabase::open(folder.join(DATABASE)).await?);
        let tenancy = Tenancy::open(database.clone(), server_key, Arc::new(SystemClock)).await?;
        Ok(Self {
            database,
            tenancy: Arc::new(tenancy),
        })
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
        let buckets = Arc::new(DatabaseBuckets::new(self.database.clone(), clock.clone()));
        Ok(Arc::new(Services {
            clock: clock.clone(),
            tenancy: self.tenancy.clone(),
            secrets: Secrets::new(self.database.clone(), clock.clone()),
            documents: Documents::new(self.database.clone(), clock.clone()),
            locks: Locks::new(self.database.clone(), clock.clone()),
            confirmations: Confirmations::new(self.database.clone(), clock.clone()),
            hooks: Hooks::new(self.database.clone(), clock, &self.tenancy),
            cache: ResponseCache::default(),
            http: HttpCapability::new(endpoints, buckets)?,
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
        native: Vec<Native>,
    ) -> Result<Self, StartError> {
        let data = Data::open(config, environment).await?;
        let services = data.services(config, environment)?;
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
        tokio::spawn(purge(data.database.clone(), host.stopping()));
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
    host.loaded(PURGE).await;
    if let Some(what) = unknown_toolset(&chosen, &host.registry()) {
        tracing::warn!("[mcp] toolsets: {what}");
    }
}

async fn purge(database: Arc<dyn Database>, stopping: tokio_util::sync::CancellationToken) {
    use crate::clock::Clock;
    let mut interval = tokio::time::interval(PURGE);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = stopping.cancelled() => return,
        }
        match database.purge(SystemClock.now()).await {
            Ok(purged) => tracing::debug!(?purged, "removed expired rows"),
            Err(error) => tracing::warn!(cause = %error, "expired rows could not be removed"),
        }
    }
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
