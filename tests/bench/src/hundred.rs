//! What a hundred plugins cost: the time from starting the program to its answer with all their tools, and its memory.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use orderdesk_mcp::application::Data;
use orderdesk_mcp::config::{Config, Environment};

use crate::plugins::{echo, round};
use crate::start::start_with;

const PLUGINS: usize = 100;
/// Warm starts; the best counts, since others share the machine.
const STARTS: usize = 5;

/// Starts once to compile, then with everything in the cache.
pub(crate) async fn measure() -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let component = std::fs::read(echo()?)?;
    let mut config = String::from("[mcp]\nlist_wait = \"300s\"\n");
    for number in 0..PLUGINS {
        let name = format!("e{number:03}");
        let file = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, renamed(&component, &format!("{name}_"))?)?;
        writeln!(
            config,
            "[plugins.{name}]\nsource = {:?}",
            file.display().to_string()
        )?;
    }
    let config_file = folder.path().join("hundred.toml");
    std::fs::write(&config_file, config)?;

    let data_dir = folder.path().join("data");
    let mut settings = Config::default();
    settings.server.data_dir.clone_from(&data_dir);
    let data = Data::open(&settings, &Environment::from([])).await?;
    let created = data.tenancy.create_tenant("bench").await?;
    let key = created.master_key.expose_secret();
    drop(data);

    let nowhere = "http://127.0.0.1:9";
    let cold = start_with(&config_file, &data_dir, nowhere, key).await?;
    let mut warm_ms = f64::INFINITY;
    let mut megabytes = 0.0;
    for _ in 0..STARTS {
        let started = start_with(&config_file, &data_dir, nowhere, key).await?;
        if started.tools < PLUGINS {
            bail!("only {} of {PLUGINS} plugins were listed", started.tools);
        }
        if started.millis < warm_ms {
            (warm_ms, megabytes) = (started.millis, started.megabytes);
        }
    }
    Ok(json!({
        "plugins": PLUGINS,
        "start_cold_ms": round(cold.millis),
        "start_warm_ms": round(warm_ms),
        "rss_mb": round(megabytes),
    }))
}

/// The echo plugin with tools of other names: each is another component, with a digest and compiled code of its own.
fn renamed(component: &[u8], prefix: &str) -> anyhow::Result<Vec<u8>> {
    const PREFIX: &[u8] = b"echo_";
    let mut renamed = component.to_vec();
    let at: Vec<usize> = component
        .windows(PREFIX.len())
        .enumerate()
        .filter(|(_, window)| *window == PREFIX)
        .map(|(at, _)| at)
        .collect();
    for at in &at {
        let place = renamed
            .get_mut(*at..at + PREFIX.len())
            .context("out of bounds")?;
        place.copy_from_slice(prefix.as_bytes());
    }
    if at.is_empty() {
        bail!("the echo plugin has no tool whose name begins with echo_");
    }
    Ok(renamed)
}
