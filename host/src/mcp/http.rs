//! MCP over Streamable HTTP at `/mcp`, stateless, and beside it what `web` serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use axum::{Router, middleware};
use ipnet::IpNet;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::choice::{self, READ_ONLY_PATH};
use super::oauth::{self, ResourceServer, StepUp};
use super::sessions::{self, Sessions};
use super::{McpServer, authentication, json_guard, origin, rate};
use crate::capabilities::Services;
use crate::config::{Config, PublicUrl};
use crate::plugins::PluginHost;
use crate::store::StoreError;
use crate::web::{self, HttpPages, client_address};

/// How long connections may take to send their last answer.
const FAREWELL: Duration = Duration::from_secs(5);

/// The server could not run.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Another process listens there, or the address is not ours.
    #[error("cannot listen on {address}: {error}; choose another with --listen or [server].listen")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The same, for the listener of the metrics.
    #[error("cannot listen on {address}: {error}; choose another in [metrics].listen")]
    Metrics {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Tokens are for an address, and there is none.
    #[error(
        "[oauth] needs [server] public_url, since the server does not listen on a loopback address"
    )]
    NoAddress,
    /// The listener failed.
    #[error("the HTTP server failed: {0}")]
    Serve(#[from] std::io::Error),
    /// The database cannot be read.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
}

/// Listens where the config says and serves until `stop` resolves; then lets writes finish.
///
/// # Errors
/// The address is taken, or the listener failed.
pub async fn serve(
    config: &Config,
    host: Arc<PluginHost>,
    services: Arc<Services>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HttpError> {
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| HttpError::Listen { address, error })?;
    serve_on(listener, config, host, services, stop).await
}

/// As [`serve`], on a listener that is there already.
///
/// # Errors
/// The listener failed.
pub async fn serve_on(
    listener: TcpListener,
    config: &Config,
    host: Arc<PluginHost>,
    services: Arc<Services>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HttpError> {
    let address = listener.local_addr()?;
    let streams = CancellationToken::new();
    host.serve_pages(Arc::new(HttpPages::new(&config.server, address)));
    let watched = match config.metrics.listen {
        Some(address) => Some(watch(address, &services, streams.clone()).await?),
        None => None,
    };
    let sessions = Arc::new(Sessions::new());
    let app = router(
        config,
        address,
        host.clone(),
        services,
        (streams.clone(), sessions.clone()),
    )?;
    tracing::info!(%address, url = %format!("http://{address}/mcp"), "serving MCP");

    tokio::spawn(host.clone().handle_events());
    tokio::spawn(host.clone().follow(host.seen().await?));
    let accepting = CancellationToken::new();
    // Without it, Nagle's algorithm and delayed acknowledgements add up to 50 ms to an answer.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(cause = %error, "TCP_NODELAY could not be set");
        }
    });
    let serving = axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(accepting.clone().cancelled_owned());
    let serving = tokio::spawn(async move { serving.await });

    stop.await;
    tracing::info!("stopping: no new connections, reads end, writes may finish");
    accepting.cancel();
    host.shut_down(config.server.shutdown_grace).await;
    sessions.end().await;
    let mut serving = serving;
    // Whoever watches sees the last write end.
    let _stops_being_watched = watched.map(CancellationToken::drop_guard);
    if let Ok(ended) = tokio::time::timeout(FAREWELL, &mut serving).await {
        return ended.unwrap_or(Ok(())).map_err(HttpError::from);
    }
    streams.cancel();
    let _ = tokio::time::timeout(FAREWELL, serving).await;
    Ok(())
}

/// Serves `/metrics` on a listener of its own, until what this answers is cancelled.
async fn watch(
    address: SocketAddr,
    services: &Services,
    streams: CancellationToken,
) -> Result<CancellationToken, HttpError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| HttpError::Metrics { address, error })?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "serving /metrics");
    let stopped = streams.child_token();
    let serving = axum::serve(listener, web::only_metrics(services.metrics.clone()))
        .with_graceful_shutdown(stopped.clone().cancelled_owned());
    tokio::spawn(async move { serving.await });
    Ok(stopped)
}

fn router(
    config: &Config,
    address: SocketAddr,
    host: Arc<PluginHost>,
    services: Arc<Services>,
    (streams, sessions): (CancellationToken, Arc<Sessions>),
) -> Result<Router, HttpError> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    }
    hosts.extend(config.server.allowed_hosts.iter().cloned());
    let origins = origins(config, address);
    let public_url = config.server.public_url.as_ref();
    hosts.extend(public_url.and_then(PublicUrl::host));
    let audience = web::Audience {
        hosts: hosts.clone(),
        https: public_url.is_some_and(PublicUrl::is_https),
        local: false,
        given: None,
    };
    let settings = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(config.mcp.legacy_sessions)
        .with_json_response(true)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins.iter().cloned())
        .enforce_origin_validation()
        .with_max_request_body_bytes(json_guard::BODY_BYTES)
        .with_cancellation_token(streams);
    let server = McpServer::new(host.clone(), config, None);
    let keys = server.shared.keys.clone();
    let proxies: Arc<[IpNet]> = config.server.trusted_proxies.clone().into();
    let service =
        StreamableHttpService::new(move || Ok(server.again()), sessions.clone(), settings);

    let oauth = resource_server(config, address, &services)?;
    let mut mcp = Router::new()
        .route_service("/mcp", service.clone())
        .route_service("/mcp/", service.clone())
        .route_service(READ_ONLY_PATH, service);
    if let Some(server) = oauth.clone() {
        let (host, config) = (host.clone(), Arc::new(config.mcp.clone()));
        let step_up = StepUp {
            server,
            host,
            config,
        };
        mcp = mcp.layer(middleware::from_fn_with_state(step_up, StepUp::guard));
    }
    mcp = mcp
        .layer(middleware::from_fn(choice::choose))
        .layer(middleware::from_fn(json_guard::guard))
        .layer(middleware::from_fn_with_state(keys, rate::guard));
    if config.mcp.legacy_sessions {
        mcp = mcp.layer(middleware::from_fn_with_state(sessions, sessions::guard));
    }
    mcp = authenticated(mcp, config, services.clone(), oauth.clone());
    Ok(mcp
        .layer(middleware::from_fn_with_state(origins, origin::guard))
        .merge(oauth.map_or_else(Router::new, oauth::metadata))
        .merge(web::router(host.clone()))
        .merge(web::pages(host.clone(), audience))
        .merge(web::health(host))
        .merge(web::metrics(services))
        .layer(middleware::from_fn_with_state(
            proxies,
            client_address::note,
        )))
}

/// What `[oauth]` makes of this server, if anything.
fn resource_server(
    config: &Config,
    address: SocketAddr,
    services: &Arc<Services>,
) -> Result<Option<Arc<ResourceServer>>, HttpError> {
    let Some(oauth) = &config.oauth else {
        return Ok(None);
    };
    let base = web::own_url(&config.server, address).ok_or(HttpError::NoAddress)?;
    let server = Arc::new(ResourceServer::new(oauth, &base, services.clone()));
    let prepared = server.clone();
    tokio::spawn(async move { prepared.prepare().await });
    Ok(Some(server))
}

/// The origins whose pages may call: those in the configuration, and this server's own while it is reached on this machine.
fn origins(config: &Config, address: SocketAddr) -> Arc<[String]> {
    let mut origins = config.server.allowed_origins.clone();
    if address.ip().is_loopback() {
        let own = ["127.0.0.1", "localhost", "[::1]"];
        origins.extend(own.map(|host| format!("http://{host}:{}", address.port())));
    }
    origins.into()
}

fn authenticated(
    mcp: Router,
    config: &Config,
    services: Arc<Services>,
    oauth: Option<Arc<ResourceServer>>,
) -> Router {
    #[cfg(feature = "conformance")]
    if config.mcp.conformance {
        return mcp.layer(middleware::from_fn_with_state(
            services,
            authentication::local_without_key,
        ));
    }
    mcp.layer(middleware::from_fn_with_state(
        authentication::Door {
            services,
            auto_provision: config.security.auto_provision,
            oauth,
        },
        authentication::authenticate,
    ))
}
