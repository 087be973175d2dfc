//! What commands print: for people, or one JSON object.

use std::io::{self, Write};

use orderdesk_mcp::check::Report;
use orderdesk_mcp::tenancy::{CreatedTenant, TenantRecord};
use serde_json::{Value, json};

/// One JSON object on a line of its own.
pub(crate) fn object(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value}")
}

/// An object for people: indented JSON.
pub(crate) fn pretty(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value:#}")
}

/// Text as it is.
pub(crate) fn text(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// A new tenant; the only time that its key is shown.
pub(crate) fn created(created: &CreatedTenant, as_json: bool) -> io::Result<()> {
    use secrecy::ExposeSecret;
    let key = created.master_key.expose_secret();
    if as_json {
        return object(&json!({
            "tenant_id": created.tenant_id,
            "name": created.name,
            "key_id": created.key_id,
            "master_key": key,
        }));
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Tenant '{}' ({}) is made. Its master key, shown only now:\n\n  {key}\n",
        created.name, created.tenant_id
    )?;
    writeln!(
        out,
        "Keep it in a password manager: nobody can read the tenant's data without it, and it cannot be shown again."
    )
}

/// A new tenant whose key its owner chose and knows.
pub(crate) fn created_with_chosen_key(created: &CreatedTenant, as_json: bool) -> io::Result<()> {
    if as_json {
        return object(&json!({
            "tenant_id": created.tenant_id,
            "name": created.name,
            "key_id": created.key_id,
        }));
    }
    text(&format!(
        "Tenant '{}' ({}) is made. Its master key is the one that you chose; in lists it is {}. Nobody can read the tenant's data \
         without it.",
        created.name, created.tenant_id, created.key_id
    ))
}

/// All tenants.
pub(crate) fn tenants(tenants: &[TenantRecord], as_json: bool) -> io::Result<()> {
    if as_json {
        let rows: Vec<Value> = tenants
            .iter()
            .map(|tenant| json!({"tenant_id": tenant.id, "name": tenant.name, "suspended": tenant.suspended}))
            .collect();
        return object(&json!({"tenants": rows}));
    }
    let mut out = io::stdout().lock();
    if tenants.is_empty() {
        return writeln!(
            out,
            "There are no tenants yet. Make one: orderdesk-mcp tenants create --name NAME"
        );
    }
    for tenant in tenants {
        let state = if tenant.suspended { "  suspended" } else { "" };
        writeln!(out, "{}  {}{state}", tenant.id, tenant.name)?;
    }
    Ok(())
}

/// What `check` found.
pub(crate) fn report(report: &Report, as_json: bool) -> io::Result<()> {
    if as_json {
        return object(&serde_json::to_value(report)?);
    }
    let mut out = io::stdout().lock();
    for found in &report.problems {
        writeln!(out, "{}: {}\n    {}", found.r#where, found.what, found.fix)?;
    }
    if report.ok {
        writeln!(out, "Everything is in order.")?;
    }
    if !report.warnings.is_empty() {
        writeln!(out, "\nTo be known:")?;
    }
    for found in &report.warnings {
        writeln!(out, "{}: {}\n    {}", found.r#where, found.what, found.fix)?;
    }
    Ok(())
}
