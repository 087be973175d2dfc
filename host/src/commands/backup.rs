//! `backup` and `restore`: a copy of the database while servers use it, and the way back.

use std::path::Path;

use anyhow::{Context, bail};
use orderdesk_mcp::application::{Data, RestoreError};
use orderdesk_mcp::config::{Config, Environment};
use serde_json::json;

use super::print;

/// Copies the database into a new file.
pub(crate) async fn backup(
    config: &Config,
    environment: &Environment,
    file: &Path,
    as_json: bool,
) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} exists already; choose another name", file.display());
    }
    let data = Data::open(config, environment).await?;
    eprintln!("Copying the database to {} …", file.display());
    let bytes = data
        .backup(config, file)
        .await
        .context("there is no backup")?;
    if as_json {
        return Ok(print::object(
            &json!({"file": file.display().to_string(), "bytes": bytes}),
        )?);
    }
    print::text(&format!(
        "{} is written and checked: {bytes} bytes.\n\nThe server key is not in it, nor anything that opens without that key: keep the key \
         elsewhere (server.key in the data directory, or ORDERDESK_MCP_SERVER_KEY). Without it the backup cannot be restored.",
        file.display()
    ))?;
    Ok(())
}

/// Puts a backup in the place of the database.
pub(crate) async fn restore(
    config: &Config,
    environment: &Environment,
    file: &Path,
    replace: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    eprintln!("Checking {} …", file.display());
    let restored = Data::restore(config, environment, file, replace).await;
    let restored = restored.map_err(|error| match error {
        RestoreError::Start(error) => anyhow::Error::from(error).context("nothing was changed"),
        error => error.into(),
    })?;
    let kept = restored.kept.as_ref().map(|it| it.display().to_string());
    if as_json {
        return Ok(print::object(
            &json!({"restored": file.display().to_string(), "kept": kept}),
        )?);
    }
    print::text(&format!("{} is restored.", file.display()))?;
    if let Some(kept) = kept {
        print::text(&format!("What was there before is kept in {kept}."))?;
    }
    print::text(
        "Keys that were made or revoked since the backup are as they were then: see 'keys list' of each tenant. Against a head \
         of a newer export, 'audit verify' tells of the rows that are gone.",
    )?;
    Ok(())
}
