//! Whose data a command is about, and somebody of that tenant, by its key.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use orderdesk_mcp::application::{ACCESS_KEY, Data};
use orderdesk_mcp::config::Environment;
use orderdesk_mcp::tenancy::{Principal, TenantRecord};
use secrecy::{ExposeSecret, SecretString};

/// The tenant that needs no key.
const LOCAL: &str = "local";

/// A tenant by its name or id; none for the local one, where it is not there yet.
pub(crate) async fn tenant_named(data: &Data, text: &str) -> anyhow::Result<Option<TenantRecord>> {
    let tenants = data.tenancy.tenants().await?;
    let by_id = tenants
        .into_iter()
        .find(|tenant| tenant.id.as_str() == text);
    match by_id {
        Some(tenant) => Ok(Some(tenant)),
        None => match data.tenancy.tenant_named(text).await? {
            Some(tenant) => Ok(Some(tenant)),
            None if text.eq_ignore_ascii_case(LOCAL) => Ok(None),
            None => bail!("there is no tenant '{text}'; see: orderdesk-mcp tenants list"),
        },
    }
}

/// A tenant that is there.
pub(crate) async fn standing_tenant(data: &Data, text: &str) -> anyhow::Result<TenantRecord> {
    tenant_named(data, text)
        .await?
        .context("the local tenant was not made yet")
}

/// Somebody of the tenant, by its key; nobody else can open its secrets.
pub(crate) async fn present(
    data: &Data,
    environment: &Environment,
    tenant: Option<TenantRecord>,
) -> anyhow::Result<Principal> {
    let Some(tenant) = tenant.filter(|tenant| !tenant.name.eq_ignore_ascii_case(LOCAL)) else {
        return Ok(data.tenancy.local_principal().await?);
    };
    let key = match environment.get(ACCESS_KEY) {
        Some(key) => SecretString::from(key),
        None => ask(&format!("Key of the tenant '{}'", tenant.name))?.with_context(|| {
            format!(
                "the key of '{}' is needed: set {ACCESS_KEY}, or enter it",
                tenant.name
            )
        })?,
    };
    let principal = data
        .tenancy
        .authenticate(&key)
        .await
        .context("the key is not accepted")?;
    if principal.tenant != tenant.id {
        bail!(
            "this is a key of the tenant '{}', not of '{}'",
            principal.tenant_name,
            tenant.name
        );
    }
    Ok(principal)
}

/// A key that somebody chooses: from the environment, else entered twice without echo.
pub(crate) fn chosen_key(environment: &Environment) -> anyhow::Result<SecretString> {
    if let Some(key) = environment.get(ACCESS_KEY) {
        return Ok(SecretString::from(key));
    }
    let needed = || format!("a key is needed: set {ACCESS_KEY}, or enter it");
    let key = ask("The new master key")?.with_context(needed)?;
    if std::io::stdin().is_terminal() {
        let again = ask("The same again")?.with_context(needed)?;
        if key.expose_secret() != again.expose_secret() {
            bail!("these are two different keys; nothing was made");
        }
    }
    Ok(key)
}

/// A secret from the person: without echo in a terminal, else the next line of stdin.
fn ask(what: &str) -> anyhow::Result<Option<SecretString>> {
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what} (not shown): "))?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line
    };
    let text = SecretString::from(text);
    let trimmed = text.expose_secret().trim();
    Ok((!trimmed.is_empty()).then(|| SecretString::from(trimmed)))
}
