//! The server under test: the configuration that ships, the echo plugin, and the same tool built in.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use orderdesk_mcp::application::Application;
use orderdesk_mcp::capabilities::context::Caller;
use orderdesk_mcp::capabilities::contract::Error;
use orderdesk_mcp::config::{self, Environment};
use orderdesk_mcp::mcp;
use orderdesk_mcp::plugins::{Answer, Native, NativeTool, Tool};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// As long as plugins may take that are compiled for the first time.
const LOADING: Duration = Duration::from_secs(600);

/// The native tool's name.
pub(crate) const NATIVE_TOOL: &str = "native_say";

/// Says what it was told, as the echo plugin's `echo_say` does.
struct Say;

#[async_trait]
impl NativeTool for Say {
    async fn call(&self, _: &Caller, mut arguments: Map<String, Value>) -> Result<Answer, Error> {
        let message = arguments.remove("message").unwrap_or_default();
        let structured = Map::from_iter([("message".to_owned(), message)]);
        Ok(Answer {
            content: Vec::new(),
            structured: Some(structured.into()),
        })
    }
}

/// Where `cargo xtask` put the components of the guests.
pub(crate) fn guest(name: &str) -> anyhow::Result<PathBuf> {
    let folder =
        std::env::var_os("ORDERDESK_GUESTS_DIR").context("run it with `cargo xtask bench call`")?;
    Ok(PathBuf::from(folder).join(format!("{name}.wasm")))
}

/// The configuration that ships.
pub(crate) fn shipped_config() -> anyhow::Result<PathBuf> {
    Ok(std::env::var_os("ORDERDESK_CONFIG")
        .context("run it with `cargo xtask bench call`")?
        .into())
}

/// What the hostile plugin is granted: as much as it needs to get as far as its worst.
const HOSTILE: &str = r#"
consent = "operator"
grants.locks = true
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
"#;

/// Serves until stdin ends; prints `{port, key, rival_key}` when ready.
pub(crate) async fn serve(data_dir: &Path, base_url: &str, hostile: bool) -> anyhow::Result<()> {
    let environment = Environment::from([("ORDERDESK_BASE_URL", base_url)]);
    let settings = [("server.data_dir", data_dir.display().to_string())];
    let mut config = config::load(Some(&shipped_config()?), &environment, &settings)?;
    let echo = format!("source = {:?}", guest("guest-echo")?.display().to_string());
    config
        .plugins
        .insert("echo".to_owned(), toml::from_str(&echo)?);
    if hostile {
        let source = guest("guest-hostile")?.display().to_string();
        let plugin = toml::from_str(&format!("source = {source:?}\n{HOSTILE}"))?;
        config.plugins.insert("hostile".to_owned(), plugin);
    }
    // What is measured is what the server takes, not how long it waits for Order Desk's sake.
    if let Some(endpoint) = config.endpoints.get_mut("orderdesk") {
        endpoint.rate = Some(config::Rate {
            burst: NonZeroU32::MAX,
            per_second: NonZeroU32::MAX,
        });
    }
    // Fifty connections of one tenant are the load here, not an abuse.
    if !hostile {
        config.limits.calls = 64;
    }
    config.limits.key = config::KeyLimit {
        per_minute: NonZeroU32::MAX,
        burst: NonZeroU32::MAX,
    };

    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    let native = Native {
        tool: Arc::new(
            Tool::native(NATIVE_TOOL, "Say", "Says what it was told.", schema)
                .map_err(anyhow::Error::msg)?,
        ),
        code: Arc::new(Say),
        limits: config.limits.clone(),
    };
    let application = Application::start_with(&config, &environment, vec![native]).await?;
    let created = application.data.tenancy.create_tenant("bench").await?;
    let rival = application.data.tenancy.create_tenant("rival").await?;
    application.host.loaded(LOADING).await;
    if let Some(problem) = application.host.registry().problems().first() {
        anyhow::bail!("{}: {}", problem.plugin, problem.what);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ready = json!({
        "port": listener.local_addr()?.port(),
        "key": created.master_key.expose_secret(),
        "rival_key": rival.master_key.expose_secret(),
    });
    println_line(&ready)?;
    let ended = async {
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
    };
    mcp::serve_on(
        listener,
        &config,
        application.host,
        application.services,
        ended,
    )
    .await?;
    Ok(())
}

fn println_line(value: &Value) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
