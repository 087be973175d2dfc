//! `server-key`: the key around everything.

use clap::Subcommand;
use orderdesk_mcp::application::{Data, NEW_SERVER_KEY, SERVER_KEY};
use orderdesk_mcp::config::{Config, Environment};
use serde_json::json;

use super::print;

#[derive(Subcommand)]
pub(crate) enum ServerKeyCommand {
    /// Wrap everything anew by another server key; nobody of any tenant has to be present, and servers go on running
    ///
    /// The key in server.key in the data directory is replaced by a new one. A key that comes from ORDERDESK_MCP_SERVER_KEY is
    /// replaced by the one in ORDERDESK_MCP_NEW_SERVER_KEY: make it with `openssl rand -base64 32`; servers that were started
    /// with both go on, others have to be restarted. Backups that were made before open only with the key of their time.
    Rotate,
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: ServerKeyCommand,
    as_json: bool,
) -> anyhow::Result<()> {
    let ServerKeyCommand::Rotate = command;
    let data = Data::open(config, environment).await?;
    let rotated = data.tenancy.rotate_server_key().await?;
    if as_json {
        return Ok(print::object(&json!({
            "version": rotated.version,
            "access_keys": rotated.wrapped.access_keys,
            "hooks": rotated.wrapped.hooks,
            "in_file": rotated.in_file,
        }))?);
    }
    let next = if rotated.in_file {
        "It stands in server.key; running servers go on with it.".to_owned()
    } else {
        format!(
            "Set {SERVER_KEY} to the value of {NEW_SERVER_KEY} now, and forget the old one. Servers that were started with both go \
             on; restart the others."
        )
    };
    print::text(&format!(
        "Everything is wrapped by a new server key (number {}): {} access keys, {} hooks.\n{next}\nMake a backup: older ones open \
         only with the old key.",
        rotated.version, rotated.wrapped.access_keys, rotated.wrapped.hooks
    ))?;
    Ok(())
}
