//! `webhooks`: URLs at which other programs tell that something happened.

use anyhow::bail;
use clap::Subcommand;
use orderdesk_mcp::application::Data;
use orderdesk_mcp::clock::SystemClock;
use orderdesk_mcp::config::{Config, Environment, Plugin};
use orderdesk_mcp::tenancy::{HookSummary, Hooks};
use serde_json::{Value, json};
use std::sync::Arc;

use super::presence::{present, tenant_named};
use super::print;

#[derive(Subcommand)]
pub(crate) enum Webhooks {
    /// Make a hook and print its URL, once
    ///
    /// Its signatures are checked while nobody of the tenant is present. So the tenant's key is needed now (from
    /// ORDERDESK_MCP_MASTER_KEY, else asked for without echo, else a line of stdin): the subject's secret is opened once, and
    /// what checks signatures with it is kept under the server key. The secret itself is not.
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// The plugin that takes the requests, by its name in the configuration
        #[arg(long)]
        plugin: String,
        /// What they are about, such as store:9021
        #[arg(long)]
        subject: String,
        /// For a plugin that checks no signature with a stored secret
        #[arg(long)]
        no_key: bool,
    },
    /// All hooks, and what came of them
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Let a hook use the secret that its subject has now, after that was replaced; its URL stays
    Renew {
        /// Its id, its URL, or the digits that the list shows
        hook: String,
    },
    /// Remove a hook and all that came through it, at once
    Delete {
        /// Its id, its URL, or the digits that the list shows
        hook: String,
    },
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: Webhooks,
    as_json: bool,
) -> anyhow::Result<()> {
    let data = Data::open(config, environment).await?;
    let hooks = Hooks::new(data.database.clone(), Arc::new(SystemClock), &data.tenancy);
    match command {
        Webhooks::Create {
            tenant,
            plugin,
            subject,
            no_key,
        } => {
            let owners = owners(config, &plugin)?;
            let tenant = tenant_named(&data, &tenant).await?;
            let principal = present(&data, environment, tenant).await?;
            let owners = (!no_key).then_some(owners.as_slice());
            let id = hooks.create(&principal, &plugin, &subject, owners).await?;
            let url = url(config, &id);
            if as_json {
                return Ok(print::object(&json!({"hook_id": id, "url": url}))?);
            }
            print::text(&format!(
                "Requests for '{plugin}' about {subject} are taken at this URL, shown only now:\n\n  {url}\n\nWho knows it can send \
                 requests; only signed ones count. Remove it with: orderdesk-mcp webhooks delete {}",
                &id[..8]
            ))?;
        }
        Webhooks::List { tenant } => {
            let tenant = match tenant {
                Some(name) => Some(match tenant_named(&data, &name).await? {
                    Some(tenant) => tenant.id,
                    None => bail!("the local tenant was not made yet"),
                }),
                None => None,
            };
            let listed = hooks.list(tenant.as_ref()).await?;
            list(&listed, as_json)?;
        }
        Webhooks::Renew { hook } => {
            let hook = hooks.named(&hook).await?;
            let owners = owners(config, &hook.plugin)?;
            let tenant = tenant_named(&data, hook.tenant.as_str()).await?;
            let principal = present(&data, environment, tenant).await?;
            hooks.renew(&principal, &hook, &owners).await?;
            done(&hook, "renewed", as_json)?;
        }
        Webhooks::Delete { hook } => {
            let hook = hooks.named(&hook).await?;
            hooks.remove(&hook.hash).await?;
            done(&hook, "deleted", as_json)?;
        }
    }
    Ok(())
}

/// The plugins whose secrets this one may use.
fn owners(config: &Config, plugin: &str) -> anyhow::Result<Vec<String>> {
    let known: Option<&Plugin> = config
        .plugins
        .get(plugin)
        .filter(|settings| settings.enabled);
    let Some(settings) = known else {
        bail!(
            "there is no plugin '{plugin}' in the configuration; there are: {}",
            config
                .plugins
                .keys()
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
    };
    Ok(std::iter::once(plugin.to_owned())
        .chain(settings.grants.read.iter().cloned())
        .collect())
}

fn url(config: &Config, id: &str) -> String {
    let path = format!("/webhooks/{id}");
    match &config.server.public_url {
        Some(public) => public.page(&path),
        None => format!("http://{}{path}", config.server.listen),
    }
}

fn done(hook: &HookSummary, what: &str, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return print::object(&json!({"hook_id": hook.label, what: true}));
    }
    print::text(&format!(
        "The hook {} ('{}' about {}) is {what}.",
        hook.label, hook.plugin, hook.subject
    ))
}

fn list(hooks: &[HookSummary], as_json: bool) -> std::io::Result<()> {
    if as_json {
        let rows: Vec<Value> = hooks.iter().map(row).collect();
        return print::object(&json!({"webhooks": rows}));
    }
    if hooks.is_empty() {
        return print::text(
            "There are no hooks yet. Make one: orderdesk-mcp webhooks create --tenant N --plugin P --subject S",
        );
    }
    for hook in hooks {
        let last = match (hook.last_at, &hook.last_verdict) {
            (Some(at), Some(verdict)) => format!("last {} {verdict}", at.rfc3339()),
            _ => "nothing came yet".to_owned(),
        };
        let mut line = format!(
            "{}  {}  {}  {}  {last}; {} accepted, {} repeated, {} refused",
            hook.label,
            hook.tenant_name,
            hook.plugin,
            hook.subject,
            hook.accepted,
            hook.repeated,
            hook.rejected
        );
        if hook.waiting > 0 || hook.failed > 0 {
            line.push_str(&format!(
                "; {} handlings wait, {} were given up",
                hook.waiting, hook.failed
            ));
        }
        if let Some(error) = &hook.last_error {
            line.push_str(&format!(" ({error})"));
        }
        if hook.needs_key {
            line.push_str(&format!(
                "\n    its secret was replaced, so it takes nothing: orderdesk-mcp webhooks renew {}",
                hook.label
            ));
        }
        print::text(&line)?;
    }
    Ok(())
}

fn row(hook: &HookSummary) -> Value {
    json!({
        "hook_id": hook.label,
        "tenant_id": hook.tenant,
        "tenant": hook.tenant_name,
        "plugin": hook.plugin,
        "subject": hook.subject,
        "created_at": hook.created_at.rfc3339(),
        "needs_key": hook.needs_key,
        "last_delivery_at": hook.last_at.map(|at| at.rfc3339()),
        "last_verdict": hook.last_verdict,
        "accepted": hook.accepted,
        "repeated": hook.repeated,
        "rejected": hook.rejected,
        "handlings_waiting": hook.waiting,
        "handlings_failed": hook.failed,
        "last_error": hook.last_error,
    })
}
