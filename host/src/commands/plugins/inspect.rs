//! `plugins inspect`: a component's own words.

use std::path::Path;

use anyhow::Context;
use orderdesk_mcp::application::Data;
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::plugins::{self, CompiledCode, Inspection, PluginEngine};

/// Looks at a component. What is compiled for that is kept, so that the next command finds it.
pub(super) async fn inspect(
    file: &Path,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Inspection> {
    let data = Data::open(config, environment).await?;
    let services = data.services(config, environment)?;
    let compiled = CompiledCode::open(
        config.server.data_dir.join("compiled"),
        data.tenancy.compiled_code_key(),
    )?;
    plugins::inspect(file, &PluginEngine::new()?, compiled, &services)
        .await
        .with_context(|| file.display().to_string())
}
