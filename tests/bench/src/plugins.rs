//! `bench plugins`: what a plugin costs in each language, to load and to call; and what a hundred of them cost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use orderdesk_authoring::build::{self, Built};
use orderdesk_authoring::language::Language;
use orderdesk_authoring::new;
use orderdesk_authoring::tools::Tools;
use orderdesk_mcp::application::Application;
use orderdesk_mcp::capabilities::context::Caller;
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::plugins::{CallRequest, PluginHost};
use orderdesk_mcp::tenancy::Source;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::hundred;
use crate::percentile::Times;
use crate::start::resident;

const LOADING: Duration = Duration::from_secs(300);
const WARM_UP: usize = 200;
const ONE_BY_ONE: usize = 2_000;
const LOAD: Duration = Duration::from_secs(2);
const AT_ONCE: [usize; 3] = [1, 8, 64];
/// Calls that wait at once, and how long the service that they wait for takes: time enough to look at the memory.
const WAITING: usize = 64;
const SLOW: Duration = Duration::from_secs(4);

/// The same plugin in each language: a tool that says what it was told, and one that waits for a service.
const SOURCES: [(Language, &str, &str); 3] = [
    (
        Language::Rust,
        "src/lib.rs",
        include_str!("../plugins/lib.rs"),
    ),
    (
        Language::JavaScript,
        "plugin.js",
        include_str!("../plugins/plugin.js"),
    ),
    (
        Language::Python,
        "plugin.py",
        include_str!("../plugins/plugin.py"),
    ),
];

/// Runs the benchmark and prints it.
pub(crate) async fn bench() -> anyhow::Result<()> {
    let slow = slow_service().await?;
    let mut result = Map::new();
    for (language, file, source) in SOURCES {
        let folder = tempfile::tempdir()?;
        let place = folder.path().to_owned();
        let building = tokio::task::spawn_blocking(move || built(&place, language, file, source));
        let built = building.await??;
        let measured = measure(language, &built, slow).await?;
        eprintln!("{language}: {measured:#}");
        result.insert(language.word().to_owned(), measured);
    }
    result.insert("hundred".to_owned(), hundred::measure().await?);
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "RESULT {}", Value::Object(result))?;
    Ok(())
}

fn name(language: Language) -> String {
    format!("bench-{}", language.word())
}

/// As an author would: a new plugin with another source in it.
fn built(folder: &Path, language: Language, file: &str, source: &str) -> anyhow::Result<Built> {
    let plugin = new::create(folder, &name(language), language)?;
    std::fs::write(plugin.join(file), source)?;
    build::build(&plugin, &Tools::of_user()?)
}

async fn measure(language: Language, built: &Built, slow: u16) -> anyhow::Result<Value> {
    let data = tempfile::tempdir()?;
    let config = config(language, &built.wasm, data.path(), slow)?;
    let (first, cold_ms) = loaded(&config).await?;
    first.host.shut_down(Duration::ZERO).await;
    let (application, warm_ms) = loaded(&config).await?;
    let caller = Caller {
        principal: application.data.tenancy.local_principal().await?,
        single_client: true,
        client: None,
        source: None,
        way: Source::Terminal,
    };
    let subject = Subject {
        host: application.host.clone(),
        caller,
        prefix: name(language).replace('-', "_"),
    };
    for _ in 0..WARM_UP {
        subject.say().await?;
    }
    let mut times = Vec::with_capacity(ONE_BY_ONE);
    for _ in 0..ONE_BY_ONE {
        let began = Instant::now();
        subject.say().await?;
        times.push(began.elapsed());
    }
    let times = Times::new(times);
    let mut measured = json!({
        "bytes": built.bytes,
        "load_cold_ms": cold_ms,
        "load_warm_ms": warm_ms,
        "call_p50_us": times.micros(50).round(),
        "call_p99_us": times.micros(99).round(),
    });
    for at_once in AT_ONCE {
        measured[format!("rps_{at_once}")] = subject.rate(at_once).await?.round().into();
    }
    measured["instance_mb"] = round(subject.memory().await?).into();
    application.host.shut_down(Duration::ZERO).await;
    Ok(measured)
}

fn config(language: Language, wasm: &Path, data: &Path, slow: u16) -> anyhow::Result<Config> {
    let mut config = Config::default();
    config.server.data_dir = data.to_owned();
    // The load is one caller's here.
    config.limits.calls = WAITING;
    let endpoint = format!("base = \"http://127.0.0.1:{slow}\"");
    config
        .endpoints
        .insert("slow".to_owned(), toml::from_str(&endpoint)?);
    let plugin = format!(
        "source = {:?}\ngrants.http = [{{ endpoint = \"slow\", allow = [\"GET /wait\"] }}]",
        wasm.display().to_string()
    );
    config
        .plugins
        .insert(name(language), toml::from_str(&plugin)?);
    Ok(config)
}

/// Starts, and answers how long it took until the plugin was served, in milliseconds.
async fn loaded(config: &Config) -> anyhow::Result<(Application, f64)> {
    let began = Instant::now();
    let application = Application::start(config, &Environment::from([])).await?;
    application.host.loaded(LOADING).await;
    let took = began.elapsed();
    if let Some(problem) = application.host.registry().problems().first() {
        bail!("{}: {}", problem.plugin, problem.what);
    }
    Ok((application, round(took.as_secs_f64() * 1e3)))
}

/// A plugin and who calls it.
#[derive(Clone)]
struct Subject {
    host: Arc<PluginHost>,
    caller: Caller,
    prefix: String,
}

impl Subject {
    async fn say(&self) -> anyhow::Result<()> {
        let arguments = Map::from_iter([("message".to_owned(), json!("hello"))]);
        self.call("say", arguments).await
    }

    async fn call(&self, tool: &str, arguments: Map<String, Value>) -> anyhow::Result<()> {
        let registry = self.host.registry();
        let tool = format!("{}_{tool}", self.prefix);
        let listed = registry
            .find(&tool)
            .with_context(|| format!("no tool {tool}"))?;
        let request = CallRequest::new(self.caller.clone(), arguments, "bench".into());
        match self.host.call(listed, request).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("{tool}: {}", error.message),
        }
    }

    /// Calls per second with so many at once.
    async fn rate(&self, at_once: usize) -> anyhow::Result<f64> {
        let began = Instant::now();
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                let subject = self.clone();
                tokio::spawn(async move {
                    let mut calls = 0_u32;
                    while began.elapsed() < LOAD {
                        subject.say().await?;
                        calls += 1;
                    }
                    anyhow::Ok(calls)
                })
            })
            .collect();
        let mut calls = 0.0;
        for worker in workers {
            calls += f64::from(worker.await??);
        }
        Ok(calls / began.elapsed().as_secs_f64())
    }

    /// Megabytes that each of many waiting calls adds to what is resident.
    async fn memory(&self) -> anyhow::Result<f64> {
        // Let what the load left be given back first.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = resident(std::process::id())?;
        let calls: Vec<_> = (0..WAITING)
            .map(|_| {
                let subject = self.clone();
                tokio::spawn(async move { subject.call("wait", Map::new()).await })
            })
            .collect();
        tokio::time::sleep(SLOW * 3 / 4).await;
        let during = resident(std::process::id())?;
        for call in calls {
            call.await??;
        }
        Ok(((during - before) / WAITING as f64).max(0.0))
    }
}

/// A service that answers late.
async fn slow_service() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(SLOW).await;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(port)
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Where a hundred plugins can be made from.
pub(crate) fn echo() -> anyhow::Result<PathBuf> {
    crate::server::guest("guest-echo")
}
