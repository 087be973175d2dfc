//! `tenants`: who is hosted here.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;
use clap::Subcommand;
use orderdesk_mcp::application::Data;
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::tenancy::TenantRecord;
use serde_json::json;

use super::consent;
use super::presence::{chosen_key, standing_tenant};
use super::print;

#[derive(Subcommand)]
pub(crate) enum Tenants {
    /// Make a tenant and print its master key, once
    Create {
        /// 1 to 64 characters, unique regardless of case
        #[arg(long)]
        name: String,
        /// Take a master key that you choose, instead of a generated one
        ///
        /// It is taken from ORDERDESK_MCP_MASTER_KEY, else asked for without echo, else read from stdin. It must be worth 80
        /// bits: seven random words, or 25 random characters. A generated key is the better choice wherever a program keeps
        /// it.
        #[arg(long)]
        choose_key: bool,
    },
    /// All tenants
    List,
    /// Keep everybody of a tenant out, at once, until it is undone; nothing is lost
    Suspend {
        /// The tenant's name or id
        tenant: String,
    },
    /// Let a suspended tenant in again
    Resume {
        /// The tenant's name or id
        tenant: String,
    },
    /// Agree, with the tenant's master key, that a plugin reaches what is the tenant's
    ///
    /// Shows who publishes the plugin, what it is granted and why it asks for that, and for which subjects; then asks. The key
    /// is taken from ORDERDESK_MCP_MASTER_KEY, else asked for without echo, else a line of stdin. A plugin that is granted more
    /// later has to be agreed to again.
    Consent(consent::Consent),
    /// Remove a tenant and everything that is kept of it, for ever
    Delete {
        /// The tenant's name or id
        tenant: String,
        /// Do not ask for the name again
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: Tenants,
    as_json: bool,
) -> anyhow::Result<()> {
    let command = match command {
        Tenants::Consent(command) => {
            return consent::run(config, environment, command, as_json).await;
        }
        other => other,
    };
    let data = Data::open(config, environment).await?;
    let tenancy = &data.tenancy;
    match command {
        Tenants::Create { name, choose_key } => {
            if choose_key {
                let key = chosen_key(environment)?;
                let created = tenancy.create_tenant_with_key(&name, &key).await?;
                print::created_with_chosen_key(&created, as_json)?;
            } else {
                print::created(&tenancy.create_tenant(&name).await?, as_json)?;
            }
        }
        // Taken out above: it loads a plugin, too.
        Tenants::Consent(_) => {}
        Tenants::List => print::tenants(&tenancy.tenants().await?, as_json)?,
        Tenants::Suspend { tenant } => {
            set_suspended(&data, &tenant, true, as_json).await?;
        }
        Tenants::Resume { tenant } => {
            set_suspended(&data, &tenant, false, as_json).await?;
        }
        Tenants::Delete { tenant, yes } => {
            let tenant = standing_tenant(&data, &tenant).await?;
            if !yes {
                confirm(&tenant)?;
            }
            if !tenancy.remove_tenant(&tenant.id).await? {
                bail!("the tenant '{}' is gone already", tenant.name);
            }
            if as_json {
                print::object(
                    &json!({"tenant_id": tenant.id, "name": tenant.name, "deleted": true}),
                )?;
            } else {
                print::text(&format!(
                    "The tenant '{}' and everything that was kept of it are deleted. Backups still have it.",
                    tenant.name
                ))?;
            }
        }
    }
    Ok(())
}

async fn set_suspended(
    data: &Data,
    tenant: &str,
    suspended: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let tenant = standing_tenant(data, tenant).await?;
    if !data.tenancy.set_suspended(&tenant.id, suspended).await? {
        bail!("the tenant '{}' is gone", tenant.name);
    }
    if as_json {
        print::object(
            &json!({"tenant_id": tenant.id, "name": tenant.name, "suspended": suspended}),
        )?;
    } else {
        print::text(&if suspended {
            format!(
                "Nobody of '{0}' gets in any more. Undo it with: orderdesk-mcp tenants resume {0:?}",
                tenant.name
            )
        } else {
            format!("'{}' is let in again.", tenant.name)
        })?;
    }
    Ok(())
}

/// Asks for the name, so that nobody deletes the wrong tenant.
fn confirm(tenant: &TenantRecord) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "deleting '{}' cannot be undone: say that you mean it with --yes",
            tenant.name
        );
    }
    eprint!(
        "This removes the tenant '{0}' with its keys, stores, documents and hooks, and cannot be undone.\nIts name, to go on: ",
        tenant.name
    );
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim() != tenant.name {
        bail!("that is not its name; nothing was deleted");
    }
    Ok(())
}
