//! `keys`: a tenant's access keys.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use orderdesk_mcp::application::Data;
use orderdesk_mcp::clock::{Clock, SystemClock, Timestamp};
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::tenancy::{AccessKeyRecord, Identity, KeyId, Principal, Scopes, TenantRecord};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::presence::{present, standing_tenant, tenant_named};
use super::print;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make another access key for a tenant and print it, once
    ///
    /// The tenant's master key is needed (from ORDERDESK_MCP_MASTER_KEY, else asked for without echo, else a line of stdin): it
    /// opens what the new key is to open. With --identity there is no key to print: whoever comes with a token of the issuer in
    /// [oauth] has it.
    Create {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
        /// What the key is for, 1 to 64 characters
        #[arg(long)]
        name: String,
        /// Calls with it change nothing
        #[arg(long)]
        read_only: bool,
        /// Only these tools, separated by commas; others do not exist for it
        #[arg(long, value_delimiter = ',', value_name = "TOOLS")]
        tools: Option<Vec<String>>,
        /// Only these subjects, such as store:9021; others do not exist for it
        #[arg(long, value_delimiter = ',', value_name = "SUBJECTS")]
        subjects: Option<Vec<String>>,
        /// How long it is valid, such as 30d or 12h. Default: until it is revoked
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expires: Option<Duration>,
        /// Whose tokens are to be this key, instead of a text: what the issuer in [oauth] puts into 'sub'
        #[arg(long, value_name = "SUBJECT")]
        identity: Option<String>,
    },
    /// A tenant's keys, with what they may do and until when
    List {
        /// The tenant's name or id
        #[arg(long)]
        tenant: String,
    },
    /// Make a key in the place of another, with its name, limits and end, and print it, once
    ///
    /// The tenant's master key, or the key itself, is needed, as with `create`.
    Rotate {
        /// The public part of the old key: between odm_ and the next underscore
        key_id: String,
        /// How long the old key stays valid; 0s: it ends at once
        #[arg(long, value_name = "TIME", value_parser = duration, default_value = "7d")]
        grace: Duration,
    },
    /// Make a key worthless, at once and in every process
    Revoke {
        /// The key's public part: between odm_ and the next underscore
        key_id: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write 30d, 12h or 90m"))
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: Keys,
    as_json: bool,
) -> anyhow::Result<()> {
    let data = Data::open(config, environment).await?;
    match command {
        Keys::Create {
            tenant,
            name,
            read_only,
            tools,
            subjects,
            expires,
            identity,
        } => {
            let identity = identity
                .map(|subject| known_to_issuer(config, subject))
                .transpose()?;
            let scopes = Scopes {
                read_only,
                subjects: subjects.map(named).transpose()?,
                tools: tools.map(named).transpose()?,
            };
            let tenant = tenant_named(&data, &tenant).await?;
            let maker = present(&data, environment, tenant).await?;
            if let Some(identity) = identity {
                return admit(&data, &maker, &name, &identity, (scopes, expires), as_json).await;
            }
            let created = data
                .tenancy
                .create_access_key(&maker, &name, scopes, expires)
                .await?;
            let (key, ends) = (created.key.expose_secret(), created.expires_at);
            if as_json {
                let ends = ends.map(Timestamp::rfc3339);
                let object = json!({"key_id": created.key_id, "key": key, "expires_at": ends});
                return Ok(print::object(&object)?);
            }
            print::text(&format!(
                "The key '{name}' of '{}' ({}) is made{}. It is shown only now:\n\n  {key}",
                maker.tenant_name,
                created.key_id,
                until(ends)
            ))?;
        }
        Keys::List { tenant } => {
            let tenant = standing_tenant(&data, &tenant).await?;
            list(&data, &tenant, as_json).await?;
        }
        Keys::Rotate { key_id, grace } => {
            rotate(&data, environment, &key_id, grace, as_json).await?
        }
        Keys::Revoke { key_id } => {
            let (key, tenant) = standing_key(&data, &key_id).await?;
            data.tenancy.revoke_key(&tenant.id, &key.id).await?;
            if as_json {
                let object = json!({"key_id": key.id, "tenant_id": tenant.id, "revoked": true});
                return Ok(print::object(&object)?);
            }
            print::text(&format!(
                "The key '{}' ({}) of '{}' opens nothing any more.",
                key.name, key.id, tenant.name
            ))?;
        }
    }
    Ok(())
}

/// Somebody whom the issuer in the configuration knows.
fn known_to_issuer(config: &Config, subject: String) -> anyhow::Result<Identity> {
    let oauth = config.oauth.as_ref().context(
        "--identity is of an issuer: name it first, as [oauth] issuer in orderdesk.toml",
    )?;
    let issuer = oauth.issuer.as_str().to_owned();
    Ok(Identity { issuer, subject })
}

async fn admit(
    data: &Data,
    maker: &Principal,
    name: &str,
    identity: &Identity,
    (scopes, expires): (Scopes, Option<Duration>),
    as_json: bool,
) -> anyhow::Result<()> {
    let tenancy = &data.tenancy;
    let admitted = tenancy
        .admit_identity(maker, name, identity, scopes, expires)
        .await?;
    let ends = admitted.expires_at;
    if as_json {
        let ends = ends.map(Timestamp::rfc3339);
        let object = json!({"key_id": admitted.key_id, "identity": identity, "expires_at": ends});
        return Ok(print::object(&object)?);
    }
    print::text(&format!(
        "'{}' of {} is let in to '{}', as the key '{name}' ({}){}. There is no key to keep; 'keys revoke {}' ends it.",
        identity.subject,
        identity.issuer,
        maker.tenant_name,
        admitted.key_id,
        until(ends),
        admitted.key_id
    ))?;
    Ok(())
}

async fn rotate(
    data: &Data,
    environment: &Environment,
    key_id: &str,
    grace: Duration,
    as_json: bool,
) -> anyhow::Result<()> {
    let (old, tenant) = standing_key(data, key_id).await?;
    let maker = present(data, environment, Some(tenant)).await?;
    let replaced = data.tenancy.replace_key(&maker, &old.id, grace).await?;
    let (key, ends) = (replaced.new.key.expose_secret(), replaced.new.expires_at);
    if as_json {
        let object = json!({
            "key_id": replaced.new.key_id,
            "key": key,
            "expires_at": ends.map(Timestamp::rfc3339),
            "replaces": old.id,
            "old_expires_at": replaced.old_ends.rfc3339(),
        });
        return Ok(print::object(&object)?);
    }
    let old_state = if replaced.old_ends <= SystemClock.now() {
        "opens nothing any more".to_owned()
    } else {
        format!("is valid until {}", replaced.old_ends.rfc3339())
    };
    print::text(&format!(
        "The key '{}' of '{}' ({}) is made{}. It is shown only now:\n\n  {key}\n\nThe old one ({}) {old_state}.",
        old.name,
        maker.tenant_name,
        replaced.new.key_id,
        until(ends),
        old.id
    ))?;
    Ok(())
}

/// A key by its public part. Who gives a whole key is told, and it is not repeated.
async fn standing_key(data: &Data, text: &str) -> anyhow::Result<(AccessKeyRecord, TenantRecord)> {
    let text = text.trim();
    if text.len() > 40 {
        bail!(
            "this is more than a key's public part, and the command line is no place for keys: every process can read it. Give \
             what stands between odm_ and the next underscore, and replace that key"
        );
    }
    let id = text.strip_prefix("odm_").unwrap_or(text);
    data.tenancy
        .access_key(&KeyId::new(id))
        .await?
        .with_context(|| {
            format!("there is no access key '{id}'; see: orderdesk-mcp keys list --tenant NAME")
        })
}

/// A list of names that means something: an empty one would be a key for nothing.
fn named(texts: Vec<String>) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = texts
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    if names.is_empty() {
        bail!("--tools and --subjects take at least one name, separated by commas");
    }
    Ok(names)
}

fn until(end: Option<Timestamp>) -> String {
    end.map(|end| format!(", valid until {}", end.rfc3339()))
        .unwrap_or_default()
}

async fn list(data: &Data, tenant: &TenantRecord, as_json: bool) -> anyhow::Result<()> {
    let keys = data.tenancy.access_keys(&tenant.id).await?;
    let now = SystemClock.now();
    let mut rows = Vec::new();
    for key in &keys {
        let scopes = key
            .scopes()
            .with_context(|| format!("the limits of {} were made by another version", key.id))?;
        if as_json {
            rows.push(row(key, &scopes, now));
        } else {
            print::text(&line(key, &scopes, now))?;
        }
    }
    if as_json {
        print::object(&json!({"tenant_id": tenant.id, "keys": rows}))?;
    }
    Ok(())
}

/// `valid`, `expired` or `revoked`.
fn state(key: &AccessKeyRecord, now: Timestamp) -> &'static str {
    let ended = key.expires_at.is_some_and(|end| end <= now);
    match key.revoked_at {
        Some(at) if key.expires_at.is_none_or(|end| at < end) => "revoked",
        _ if ended => "expired",
        Some(_) => "revoked",
        None => "valid",
    }
}

fn row(key: &AccessKeyRecord, scopes: &Scopes, now: Timestamp) -> Value {
    json!({
        "key_id": key.id,
        "name": key.name,
        "state": state(key, now),
        "read_only": scopes.read_only,
        "tools": scopes.tools,
        "subjects": scopes.subjects,
        "created_at": key.created_at.rfc3339(),
        "expires_at": key.expires_at.map(Timestamp::rfc3339),
        "revoked_at": key.revoked_at.map(Timestamp::rfc3339),
        "replaced_by": key.replaced_by,
        "identity": key.identity,
    })
}

fn line(key: &AccessKeyRecord, scopes: &Scopes, now: Timestamp) -> String {
    let mut line = format!("{}  {}  {}", key.id, key.name, state(key, now));
    if scopes.read_only {
        line.push_str("  read-only");
    }
    for (what, names) in [("tools", &scopes.tools), ("subjects", &scopes.subjects)] {
        if let Some(names) = names {
            line.push_str(&format!("  {what}: {}", names.join(", ")));
        }
    }
    if let (Some(end), None) = (key.expires_at, key.revoked_at) {
        line.push_str(&format!("  until {}", end.rfc3339()));
    }
    if let Some(identity) = &key.identity {
        line.push_str(&format!(
            "  tokens of {} for {}",
            identity.issuer, identity.subject
        ));
    }
    if let Some(by) = &key.replaced_by {
        line.push_str(&format!("  replaced by {by}"));
    }
    line
}
