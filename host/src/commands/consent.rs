//! `tenants consent`: a tenant agrees, with its master key, that a plugin of a third party reaches what is the tenant's.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use orderdesk_mcp::application::{Application, Data};
use orderdesk_mcp::clock::SystemClock;
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::plugins::Loaded;
use orderdesk_mcp::tenancy::{Consents, TenantRecord, Terms};
use serde_json::{Value, json};

use super::presence::{present, standing_tenant};
use super::print;

/// A plugin that is compiled for the first time may take this long.
const LOADING: Duration = Duration::from_secs(300);

#[derive(Args)]
pub(crate) struct Consent {
    /// The tenant's name or id
    #[arg(long)]
    tenant: String,
    /// The plugin, by its name in the configuration
    #[arg(long, required_unless_present = "list")]
    plugin: Option<String>,
    /// Only for these subjects, such as store:9021,store:9022. Default: all
    #[arg(long, value_delimiter = ',', value_name = "SUBJECTS")]
    subjects: Option<Vec<String>>,
    /// Take it back, at once and in every process
    #[arg(long, conflicts_with_all = ["list", "subjects"])]
    withdraw: bool,
    /// What the tenant agreed to; needs no key
    #[arg(long, conflicts_with_all = ["plugin", "subjects"])]
    list: bool,
    /// Agree without being asked
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: Consent,
    as_json: bool,
) -> anyhow::Result<()> {
    let data = Data::open(config, environment).await?;
    let tenant = standing_tenant(&data, &command.tenant).await?;
    let consents = Consents::new(
        data.database.clone(),
        Arc::new(SystemClock),
        data.tenancy.audit().clone(),
    );
    let Some(name) = &command.plugin else {
        return list(&consents, &tenant, as_json).await;
    };
    if command.withdraw {
        let principal = present(&data, environment, Some(tenant.clone())).await?;
        let withdrawn = consents.withdraw(&principal, name).await?;
        if as_json {
            return Ok(print::object(
                &json!({"tenant_id": tenant.id, "plugin": name, "withdrawn": withdrawn}),
            )?);
        }
        return Ok(print::text(&if withdrawn {
            format!("'{}' does not agree to '{name}' any more.", tenant.name)
        } else {
            format!("'{}' had not agreed to '{name}'.", tenant.name)
        })?);
    }
    let loaded = load(config, environment, name).await?;
    let Some(terms) = loaded.plugin.grantee.consent.clone() else {
        bail!(
            "'{name}' needs no consent: it reaches nothing of a tenant's, or the operator agreed for all (consent = \"operator\")"
        );
    };
    let principal = present(&data, environment, Some(tenant.clone())).await?;
    if !as_json {
        print::text(&shown(
            &tenant,
            &loaded,
            &terms,
            command.subjects.as_deref(),
        ))?;
    }
    if !command.yes && !agrees(&tenant.name)? {
        bail!("nothing was agreed to");
    }
    consents
        .agree(&principal, &terms, command.subjects.clone())
        .await?;
    if as_json {
        return Ok(print::object(&json!({
            "tenant_id": tenant.id,
            "plugin": name,
            "publisher": terms.publisher,
            "grants": terms.grants,
            "subjects": command.subjects,
            "digest": terms.digest(),
        }))?);
    }
    Ok(print::text(&format!(
        "Agreed. To take it back: orderdesk-mcp tenants consent --tenant {} --plugin {name} --withdraw",
        tenant.name
    ))?)
}

fn shown(
    tenant: &TenantRecord,
    loaded: &Loaded,
    terms: &Terms,
    subjects: Option<&[String]>,
) -> String {
    let about = &loaded.about;
    let publisher = if terms.publisher.is_empty() {
        "nobody signed it"
    } else {
        &terms.publisher
    };
    let mut text = format!(
        "The plugin '{}' ({} {}) asks '{}' for its consent.\n\nPublisher: {publisher}\nComponent: sha256 {}\nFor: {}\n\nIt may reach:\n",
        terms.plugin,
        visible(&about.name),
        visible(&about.version),
        tenant.name,
        about.digest,
        subjects.map_or_else(
            || "everything of this tenant".to_owned(),
            |all| all.join(", ")
        ),
    );
    for grant in &terms.grants {
        text.push_str(&format!("  - {grant}\n"));
    }
    text.push_str("\nIn its author's words, which nobody has checked:\n");
    for wanted in &about.wanted {
        text.push_str(&format!(
            "  - {}: {}\n",
            visible(&wanted.text),
            visible(&wanted.reason)
        ));
    }
    text
}

/// A plugin's words, on one line and of bearable length.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .filter(|it| !it.is_control())
        .take(400)
        .collect()
}

fn agrees(tenant: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here; give --yes if '{tenant}' agrees to this");
    }
    eprint!("Does '{tenant}' agree? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_lowercase().as_str()))
}

/// The plugin as the server would serve it.
async fn load(
    config: &Config,
    environment: &Environment,
    name: &str,
) -> anyhow::Result<Arc<Loaded>> {
    let mut only = config.clone();
    only.plugins
        .retain(|known, plugin| known == name && plugin.enabled);
    if only.plugins.is_empty() {
        bail!("there is no plugin '{name}' in the configuration");
    }
    let application = Application::start(&only, environment).await?;
    application.host.loaded(LOADING).await;
    let loaded = application.host.about(name);
    let problem = application
        .host
        .registry()
        .problems()
        .iter()
        .map(|found| found.what.clone())
        .next();
    application.host.shut_down(Duration::ZERO).await;
    loaded.with_context(|| format!("'{name}' is not served: {}", problem.unwrap_or_default()))
}

async fn list(consents: &Consents, tenant: &TenantRecord, as_json: bool) -> anyhow::Result<()> {
    let all = consents.of(&tenant.id).await?;
    if as_json {
        let rows: Vec<Value> = all
            .iter()
            .map(|consent| {
                json!({
                    "plugin": consent.plugin,
                    "publisher": consent.publisher,
                    "grants": consent.grants,
                    "subjects": consent.subjects,
                    "digest": consent.digest,
                    "key_id": consent.access_key,
                    "agreed_at": consent.agreed_at.rfc3339(),
                })
            })
            .collect();
        return Ok(print::object(&json!({"consents": rows}))?);
    }
    if all.is_empty() {
        return Ok(print::text(&format!(
            "'{}' agreed to no plugin.",
            tenant.name
        ))?);
    }
    for consent in all {
        let subjects = consent
            .subjects
            .map_or_else(|| "all subjects".to_owned(), |all| all.join(", "));
        print::text(&format!(
            "{}  since {}, with the key {}, for {subjects}:",
            consent.plugin,
            consent.agreed_at.rfc3339(),
            consent.access_key
        ))?;
        for grant in consent.grants {
            print::text(&format!("  - {grant}"))?;
        }
    }
    Ok(())
}
