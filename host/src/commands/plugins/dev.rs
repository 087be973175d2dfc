//! `plugins dev`: build at every change, serve meanwhile.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};
use orderdesk_authoring::build::{self, Built};
use orderdesk_authoring::tools::Tools;
use orderdesk_mcp::application::{Application, Data};
use orderdesk_mcp::config::{Config, Environment, Plugin};
use orderdesk_mcp::mcp;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::blocking;
use crate::asked_to_stop;

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

    let mut key = None;
    loop {
        let built = tokio::select! {
            () = &mut stop => return Ok(()),
            built = build_once(&plugin) => built,
        };
        let changed = match built {
            Ok(built) => {
                install(&mut config, &plugin, &built);
                if key.is_none() {
                    key = Some(access_key(&config, own_data, environment).await?);
                }
                serve(
                    &mut config,
                    environment,
                    key.as_ref().and_then(Option::as_ref),
                    async {
                        tokio::select! {
                            () = &mut stop => false,
                            more = changes.recv() => more.is_some(),
                        }
                    },
                )
                .await?
            }
            Err(error) => {
                eprintln!("error: {error:#}\n==> waiting for a change");
                tokio::select! {
                    () = &mut stop => false,
                    more = changes.recv() => more.is_some(),
                }
            }
        };
        if !changed {
            return Ok(());
        }
    }
}

async fn build_once(plugin: &Path) -> anyhow::Result<Built> {
    let plugin = plugin.to_owned();
    blocking(move || build::build(&plugin, &Tools::of_user()?)).await
}

/// Serves until `until` ends, and answers what that did.
async fn serve(
    config: &mut Config,
    environment: &Environment,
    key: Option<&SecretString>,
    until: impl Future<Output = bool>,
) -> anyhow::Result<bool> {
    let application = Application::start(config, environment).await?;
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let address = listener.local_addr()?;
    // Clients find it where it was, whatever port was free the first time.
    config.server.listen = address;
    application.host.loaded(config.mcp.list_wait).await;
    let registry = application.host.registry();
    for problem in registry.problems() {
        eprintln!(
            "[plugins.{}] is not served: {}",
            problem.plugin, problem.what
        );
    }
    eprintln!(
        "==> serving {} tools at http://{address}/mcp",
        registry.tools().len()
    );
    if let Some(key) = key {
        eprintln!("    Authorization: Bearer {}", key.expose_secret());
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (config, host, services) = (
        config.clone(),
        application.host.clone(),
        application.services.clone(),
    );
    let mut serving = tokio::spawn(async move {
        mcp::serve_on(listener, &config, host, services, async {
            let _ = stopped.await;
        })
        .await
    });
    tokio::pin!(until);
    let answer = tokio::select! {
        answer = &mut until => answer,
        ended = &mut serving => {
            ended.context("serving broke off")??;
            bail!("the server ended by itself");
        }
    };
    let _ = stop.send(());
    serving.await.context("serving broke off")??;
    Ok(answer)
}

/// Puts the component where the configuration has the plugin, or adds one that is granted nothing.
fn install(config: &mut Config, plugin: &Path, built: &Built) {
    let name = built
        .wasm
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let named = config
        .plugins
        .iter()
        .find(|(_, settings)| {
            settings
                .source
                .canonicalize()
                .is_ok_and(|it| it.starts_with(plugin))
        })
        .map(|(name, _)| name.clone())
        .unwrap_or(name);
    match config.plugins.get_mut(&named) {
        Some(settings) => {
            settings.source.clone_from(&built.wasm);
            // What is being written changes all the time.
            settings.sha256 = None;
        }
        None => {
            eprintln!(
                "    the configuration has no [plugins.{named}]: it is served without grants; `plugins check {}` says what to add",
                built.wasm.display()
            );
            let source = format!("source = {:?}", built.wasm.display().to_string());
            if let Ok(settings) = toml::from_str::<Plugin>(&source) {
                config.plugins.insert(named, settings);
            }
        }
    }
}

/// Changes of the plugin's own files, one signal for several that come together.
fn watch(plugin: &Path) -> anyhow::Result<mpsc::Receiver<()>> {
    // One that waits is enough: a build sees all that came before it.
    let (changed, changes) = mpsc::channel(1);
    let folder = plugin.to_owned();
    let mut debouncer = new_debouncer(QUIET, move |events: DebounceEventResult| {
        if events.is_ok_and(|events| {
            events
                .iter()
                .any(|event| build::is_source(&folder, &event.path))
        }) {
            let _ = changed.try_send(());
        }
    })?;
    debouncer
        .watcher()
        .watch(plugin, RecursiveMode::Recursive)
        .with_context(|| format!("{} cannot be watched", plugin.display()))?;
    // It watches as long as it lives, which is as long as the process.
    std::mem::forget(debouncer);
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
