//! `plugins inspect`: a component's own words.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{Config, Environment, Source};
use orderdesk_mcp::plugins::{Candidate, fetch};

/// Looks at a component. What is compiled for that is kept, so that the next command finds it.
pub(super) async fn inspect(
    file: &Path,
    config: &Config,
    environment: &Environment,
) -> anyhow::Result<Candidate> {
    // Endpoints and keys, without the plugins that are there already.
    let mut without = config.clone();
    without.plugins.clear();
    let application = Application::start(&without, environment).await?;
    let wasm = fetch(&Source::File(file.to_owned()), &application.services).await;
    let looked = match wasm {
        Ok(wasm) => application.host.candidate(wasm).await,
        Err(error) => Err(error),
    };
    application.host.shut_down(Duration::ZERO).await;
    looked.with_context(|| file.display().to_string())
}
