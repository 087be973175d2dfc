//! `plugins dev`: build at every change, serve meanwhile.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use orderdesk_authoring::build::{self, Built};
use orderdesk_authoring::tools::Tools;
use orderdesk_mcp::application::{Application, Data};
use orderdesk_mcp::config::{Config, Environment, Plugin, Source};
use orderdesk_mcp::mcp;
use orderdesk_mcp::plugins::PluginHost;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::blocking;
use crate::asked_to_stop;
use crate::commands::changes::Changes;

/// Editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(150);
/// The tenant that is served where nobody chose a data directory.
const TENANT: &str = "dev";
/// Where that tenant's key is kept, in the data directory: what it opens is here too, and nothing else.
const KEY_FILE: &str = "dev.key";

/// Builds, serves, and does both again at every change, until asked to stop.
pub(super) async fn dev(
    path: &Path,
    listen: Option<SocketAddr>,
    mut config: Config,
    own_data: bool,
    environment: &Environment,
) -> anyhow::Result<()> {
    let plugin = path
        .canonicalize()
        .with_context(|| format!("{} is not there", path.display()))?;
    if let Some(listen) = listen {
        config.server.listen = listen;
    }
    if !own_data {
        config.server.data_dir = data_folder()?;
    }
    let mut changes = watch(&plugin)?;
    let stop = asked_to_stop()?;
    tokio::pin!(stop);

    let mut serving: Option<Serving> = None;
    loop {
        let built = tokio::select! {
            () = &mut stop => break,
            built = build_once(&plugin) => built,
        };
        match built {
            Ok(built) => {
                install(&mut config, &plugin, &built)?;
                match &serving {
                    None => {
                        serving = Some(Serving::start(&mut config, own_data, environment).await?)
                    }
                    Some(serving) => serving.reload(&config).await,
                }
            }
            Err(error) => eprintln!("error: {error:#}\n==> waiting for a change"),
        }
        tokio::select! {
            () = &mut stop => break,
            ended = ended(&mut serving) => return ended,
            _ = changes.next() => {}
        }
    }
    match serving {
        Some(serving) => serving.end().await,
        None => Ok(()),
    }
}

async fn build_once(plugin: &Path) -> anyhow::Result<Built> {
    let plugin = plugin.to_owned();
    blocking(move || build::build(&plugin, &Tools::of_user()?)).await
}

/// The server, from the first build that succeeded.
struct Serving {
    host: Arc<PluginHost>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Serving {
    async fn start(
        config: &mut Config,
        own_data: bool,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let key = access_key(config, own_data, environment).await?;
        let application = Application::start(config, environment).await?;
        let listener = TcpListener::bind(config.server.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let address = listener.local_addr()?;
        let host = application.host.clone();
        host.loaded(config.mcp.list_wait).await;
        eprintln!("==> serving MCP at http://{address}/mcp");
        if let Some(key) = key {
            eprintln!("    Authorization: Bearer {}", key.expose_secret());
        }
        tell(&host);
        let (stop, stopped) = oneshot::channel();
        let (config, serving) = (config.clone(), host.clone());
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            mcp::serve_on(listener, &config, serving, application.services, stopped).await?;
            Ok(())
        });
        Ok(Self { host, stop, server })
    }

    /// Calls under way finish as they began; clients hear that there is another list.
    async fn reload(&self, config: &Config) {
        let reloaded = self.host.reload(config).await;
        for (plugin, what) in &reloaded.failed {
            eprintln!("[plugins.{plugin}] stays as it was: {what}");
        }
        if reloaded.failed.is_empty() {
            tell(&self.host);
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        self.server.await.context("serving broke off")?
    }
}

/// Ends when the server does, which it does not by itself unless something is wrong.
async fn ended(serving: &mut Option<Serving>) -> anyhow::Result<()> {
    match serving {
        Some(serving) => (&mut serving.server).await.context("serving broke off")?,
        None => std::future::pending().await,
    }
}

fn tell(host: &PluginHost) {
    let registry = host.registry();
    for problem in registry.problems() {
        eprintln!(
            "[plugins.{}] is not served: {}",
            problem.plugin, problem.what
        );
    }
    eprintln!("==> {} tools are served", registry.tools().len());
}

/// Puts the component where the configuration has the plugin, or adds one that is granted nothing.
fn install(config: &mut Config, plugin: &Path, built: &Built) -> anyhow::Result<()> {
    let stem = built.wasm.file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy().into_owned();
    let is_this = |settings: &Plugin| {
        let source = settings.source.file();
        let source = source.and_then(|it| it.canonicalize().ok());
        source.is_some_and(|source| source.starts_with(plugin))
    };
    let mut named = config.plugins.iter().filter(|(_, it)| is_this(it));
    let name = named.next().map_or(stem, |(name, _)| name.clone());
    if let Some(settings) = config.plugins.get_mut(&name) {
        settings.source = Source::File(built.wasm.clone());
        // What is being written changes all the time.
        settings.sha256 = None;
        settings.publisher = None;
        return Ok(());
    }
    eprintln!(
        "    the configuration has no [plugins.{name}]: it is served without grants; `plugins check {}` says what to add",
        built.wasm.display()
    );
    let source = format!("source = {:?}", built.wasm.display().to_string());
    config.plugins.insert(name, toml::from_str(&source)?);
    Ok(())
}

/// Changes of the plugin's own files.
fn watch(plugin: &Path) -> anyhow::Result<Changes> {
    let folder = plugin.to_owned();
    let mut changes = Changes::new(QUIET, move |path| build::is_source(&folder, path))?;
    let watching = changes.watch(plugin, true);
    watching.with_context(|| format!("{} cannot be watched", plugin.display()))?;
    Ok(changes)
}

/// A data directory beside those of servers that others use.
fn data_folder() -> anyhow::Result<PathBuf> {
    let tools = Tools::of_user()?;
    let folder = tools.folder().parent().context("the cache has no folder")?;
    Ok(folder.join("dev"))
}

/// The key of the tenant that is served: made once, and kept beside its data. None where somebody chose the data.
async fn access_key(
    config: &Config,
    own_data: bool,
    environment: &Environment,
) -> anyhow::Result<Option<SecretString>> {
    if own_data {
        return Ok(None);
    }
    let data = Data::open(config, environment).await?;
    let file = config.server.data_dir.join(KEY_FILE);
    if let Ok(kept) = std::fs::read_to_string(&file) {
        return Ok(Some(SecretString::from(kept.trim())));
    }
    let created = data.tenancy.create_tenant(TENANT).await?;
    let key = created.master_key.expose_secret();
    write_privately(&file, key).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Some(SecretString::from(key)))
}

fn write_privately(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}
