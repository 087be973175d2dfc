//! `audit`: who did what, and whether that record is whole.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use orderdesk_mcp::application::Data;
use orderdesk_mcp::clock::{Clock, SystemClock, Timestamp};
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::tenancy::audit::{Head, Verdict};
use orderdesk_mcp::tenancy::{AuditRow, TenantId};
use serde_json::{Value, json};

use super::print;

/// Rows that are read at once.
const PAGE: u32 = 1_000;
/// How often `-f` looks for new rows.
const LOOK: Duration = Duration::from_millis(500);
/// The columns of an export.
const COLUMNS: [&str; 17] = [
    "seq",
    "at",
    "tenant",
    "key_id",
    "subject",
    "plugin",
    "kind",
    "action",
    "intent",
    "outcome",
    "code",
    "duration_ms",
    "correlation_id",
    "source",
    "arguments",
    "changed",
    "hash",
];

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Show the newest rows
    ///
    /// A change has two rows: what was meant, before it was made, and what came of it. Reads come in batches, some hundred
    /// milliseconds late.
    Tail {
        /// Only those of this tenant, by name or id
        #[arg(long)]
        tenant: Option<String>,
        /// Go on with new rows until Ctrl-C
        #[arg(short, long)]
        follow: bool,
        /// How many rows to begin with
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        lines: u32,
    },
    /// Write rows into a file or to stdout, oldest first, and print the head
    ///
    /// Keep the head, or the file, where this server's administrators cannot change it: `audit verify --head` shows with it whether
    /// newer rows were removed since. Values of fields are not in an export: they are encrypted under each tenant's own key, and the
    /// tenant reads them with the tool audit_list.
    Export {
        /// One JSON object or one row of values for each row
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// Only from then on: a date, a time (RFC 3339), or how long ago, such as 7d
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only before then
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// Only those of this tenant, by name or id
        #[arg(long)]
        tenant: Option<String>,
        /// A new file, or - for stdout
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Tell whether a row was altered or removed; exit 1 if so
    ///
    /// Each row is chained to the one before by a key that stands wrapped by the server key. Removing the newest rows shows only
    /// against a head that somebody kept.
    Verify {
        /// The head of the last export, or a file that holds it, or the exported file itself
        #[arg(long, value_name = "FILE|HASH")]
        head: Option<String>,
    },
}

/// How an export is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object on each line
    Jsonl,
    /// With a line of names first
    Csv,
}

/// Runs the command.
pub(crate) async fn run(
    config: &Config,
    environment: &Environment,
    command: Audit,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let data = Data::open(config, environment).await?;
    match command {
        Audit::Tail {
            tenant,
            follow,
            lines,
        } => {
            let tenant = named(&data, tenant).await?;
            tokio::select! {
                told = tail(&data, tenant, follow, lines, as_json) => told?,
                stopped = tokio::signal::ctrl_c() => stopped?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Audit::Export {
            format,
            since,
            until,
            tenant,
            file,
        } => {
            let wanted = Range {
                tenant: named(&data, tenant).await?,
                since: since.as_deref().map(when).transpose()?,
                until: until.as_deref().map(when).transpose()?,
            };
            export(&data, &wanted, format, &file, as_json).await?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Verify { head } => {
            let head = head.as_deref().map(head_of).transpose()?;
            let verdict = data.tenancy.audit().verify(head).await?;
            report(&verdict, as_json)?;
            Ok(if verdict.ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

async fn named(data: &Data, tenant: Option<String>) -> anyhow::Result<Option<TenantId>> {
    let Some(text) = tenant else { return Ok(None) };
    if let Some(tenant) = data.tenancy.tenant_named(&text).await? {
        return Ok(Some(tenant.id));
    }
    let id = TenantId::new(text.clone());
    // A tenant that was deleted has rows still.
    let known = data.tenancy.tenants().await?.iter().any(|it| it.id == id)
        || !data
            .tenancy
            .audit()
            .newest(Some(id.clone()), 1)
            .await?
            .is_empty();
    if !known {
        bail!("there is no tenant '{text}'; see: orderdesk-mcp tenants list");
    }
    Ok(Some(id))
}

/// A moment, or how long ago.
fn when(text: &str) -> anyhow::Result<Timestamp> {
    if let Some(moment) = Timestamp::parse(text) {
        return Ok(moment);
    }
    humantime_serde::re::humantime::parse_duration(text)
        .map(|ago| SystemClock.now() - ago)
        .with_context(|| {
            format!("'{text}' is no time: write 2026-03-01, 2026-03-01T09:30:00Z, or how long ago, such as 7d")
        })
}

async fn tail(
    data: &Data,
    tenant: Option<TenantId>,
    follow: bool,
    lines: u32,
    as_json: bool,
) -> anyhow::Result<()> {
    let audit = data.tenancy.audit();
    let mut rows = audit.newest(tenant.clone(), lines).await?;
    let mut last = match rows.last() {
        Some(row) => row.seq,
        None => audit.newest(None, 1).await?.last().map_or(0, |it| it.seq),
    };
    loop {
        for row in &rows {
            last = row.seq;
            print::text(&if as_json {
                object(row).to_string()
            } else {
                line(row)
            })?;
        }
        if !follow {
            return Ok(());
        }
        if rows.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        rows = audit.after(last, tenant.clone(), PAGE).await?;
    }
}

/// A row for people.
fn line(row: &AuditRow) -> String {
    let record = &row.record;
    let mut words = vec![
        record.at.rfc3339(),
        record
            .tenant
            .as_ref()
            .map_or("-", |it| it.as_str())
            .to_owned(),
        record
            .access_key
            .as_ref()
            .map_or("-", |it| it.as_str())
            .to_owned(),
        record.kind.to_string(),
        record.action.clone(),
    ];
    words.extend(record.subject.clone());
    words.push(match &record.outcome {
        None => "begins".to_owned(),
        Some(outcome) => match &record.code {
            Some(code) => format!("{outcome} ({code})"),
            None => outcome.to_string(),
        },
    });
    words.extend(record.duration_ms.map(|it| format!("{it} ms")));
    words.extend(record.arguments.clone().filter(|it| it != "{}"));
    words.extend(record.changed.as_ref().map(|it| format!("changed {it}")));
    words.push(format!("[{}]", record.source));
    words.join("  ")
}

/// A row for programs.
fn object(row: &AuditRow) -> Value {
    let record = &row.record;
    let json_of = |text: &Option<String>| -> Option<Value> {
        text.as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
    };
    json!({
        "seq": row.seq,
        "at": at(record.at),
        "tenant": record.tenant,
        "key_id": record.access_key,
        "subject": record.subject,
        "plugin": record.plugin,
        "kind": record.kind,
        "action": record.action,
        "intent": record.intent,
        "outcome": record.outcome,
        "code": record.code,
        "duration_ms": record.duration_ms,
        "correlation_id": record.correlation_id,
        "source": record.source,
        "arguments": json_of(&record.arguments),
        "changed": json_of(&record.changed),
        "hash": hash(row),
    })
}

/// To the millisecond.
fn at(moment: Timestamp) -> String {
    let seconds = moment.rfc3339();
    format!(
        "{}.{:03}Z",
        seconds.trim_end_matches('Z'),
        moment.as_millis() % 1000
    )
}

fn hash(row: &AuditRow) -> String {
    head(row)
        .to_string()
        .split_off(row.seq.to_string().len() + 1)
}

fn head(row: &AuditRow) -> Head {
    Head {
        seq: Some(row.seq),
        hash: row.hash.clone(),
    }
}

struct Range {
    tenant: Option<TenantId>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Range {
    fn has(&self, row: &AuditRow) -> bool {
        self.since.is_none_or(|since| row.record.at >= since)
            && self.until.is_none_or(|until| row.record.at < until)
    }
}

async fn export(
    data: &Data,
    wanted: &Range,
    format: Format,
    file: &Path,
    as_json: bool,
) -> anyhow::Result<()> {
    let to_stdout = file == Path::new("-");
    let out: Box<dyn Write + Send> = if to_stdout {
        Box::new(io::stdout())
    } else {
        let new = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file);
        Box::new(new.with_context(|| format!("cannot make {}", file.display()))?)
    };
    let mut sheet = Sheet::new(BufWriter::new(out), format)?;
    let audit = data.tenancy.audit();
    let newest = audit.newest(None, 1).await?.pop();
    let (mut last, mut written) = (0, 0_u64);
    let shows_progress = !to_stdout && io::stderr().is_terminal();
    let end = newest.as_ref().map_or(0, |row| row.seq);
    'all: loop {
        let rows = audit.after(last, wanted.tenant.clone(), PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.seq > end {
                break 'all;
            }
            last = row.seq;
            if wanted.has(&row) {
                sheet.row(&row)?;
                written += 1;
            }
        }
        if shows_progress {
            eprint!("\r{written} rows");
        }
    }
    sheet.finish()?;
    if shows_progress {
        eprint!("\r");
    }
    let head = newest.as_ref().map(|row| head(row).to_string());
    let place = if to_stdout {
        "stdout".to_owned()
    } else {
        file.display().to_string()
    };
    if as_json && !to_stdout {
        return Ok(print::object(
            &json!({"file": place, "rows": written, "head": head}),
        )?);
    }
    eprintln!("{written} rows written to {place}");
    match head {
        // On stderr: stdout may be the export.
        Some(head) => eprintln!("head: {head}"),
        None => eprintln!("The audit trail is empty, so it has no head."),
    }
    Ok(())
}

/// What an export is written into.
enum Sheet<W: Write> {
    Lines(W),
    Table(Box<csv::Writer<W>>),
}

impl<W: Write> Sheet<W> {
    fn new(out: W, format: Format) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Jsonl => Self::Lines(out),
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS)?;
                Self::Table(Box::new(table))
            }
        })
    }

    fn row(&mut self, row: &AuditRow) -> anyhow::Result<()> {
        let object = object(row);
        match self {
            Self::Lines(out) => writeln!(out, "{object}")?,
            Self::Table(table) => {
                table.write_record(COLUMNS.map(|column| match &object[column] {
                    Value::Null => String::new(),
                    Value::String(text) => cell(text),
                    other => other.to_string(),
                }))?
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Lines(mut out) => out.flush()?,
            Self::Table(mut table) => table.flush()?,
        }
        Ok(())
    }
}

/// No spreadsheet takes it for a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A head as it was printed, or as it stands at the end of a file.
fn head_of(text: &str) -> anyhow::Result<Head> {
    if let Ok(head) = text.parse() {
        return Ok(head);
    }
    let content = std::fs::read_to_string(text)
        .with_context(|| format!("'{text}' is neither a head nor a file that can be read"))?;
    let last = content.lines().rfind(|line| !line.trim().is_empty());
    let last = last.with_context(|| format!("{text} is empty"))?;
    if let Ok(head) = last.trim_start_matches("head:").parse() {
        return Ok(head);
    }
    let head = match serde_json::from_str::<Value>(last) {
        Ok(row) => format!(
            "{}:{}",
            row["seq"],
            row["hash"].as_str().unwrap_or_default()
        ),
        Err(_) => {
            let mut table = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(last.as_bytes());
            let row = table.records().next().context("an empty row")??;
            let cell = |at: usize| row.get(at).unwrap_or_default();
            format!("{}:{}", cell(0), cell(COLUMNS.len() - 1))
        }
    };
    head.parse()
        .with_context(|| format!("the last line of {text} is no row of an export and no head"))
}

fn report(verdict: &Verdict, as_json: bool) -> io::Result<()> {
    let head = verdict.head.as_ref().map(Head::to_string);
    if as_json {
        return print::object(&json!({
            "ok": verdict.ok(),
            "rows": verdict.rows,
            "first_bad": verdict.first_bad,
            "head": head,
            "what": verdict.what,
            "trimmed_to": verdict.trimmed_to,
        }));
    }
    if let Some(what) = &verdict.what {
        return print::text(&format!(
            "The audit trail is NOT whole: {what}. {} rows before that are sound.",
            verdict.rows
        ));
    }
    print::text(&format!(
        "The audit trail is whole: {} rows{}.",
        verdict.rows,
        verdict
            .trimmed_to
            .map(|seq| format!(", after row {seq}, up to which retention took them off"))
            .unwrap_or_default()
    ))?;
    match head {
        Some(head) => print::text(&format!("head: {head}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("orders_get"), "orders_get");
    }

    #[test]
    fn a_head_is_found_in_whatever_keeps_it() {
        let digits = "ab".repeat(32);
        let head = Head {
            seq: Some(7),
            hash: vec![0xab; 32],
        };
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("head", format!("7:{digits}\n")),
            (
                "printed",
                format!("3 rows written to x\nhead: 7:{digits}\n"),
            ),
            (
                "jsonl",
                format!("{{\"seq\":6}}\n{{\"seq\":7,\"hash\":\"{digits}\"}}\n"),
            ),
            ("csv", format!("seq,…\n7{}{digits}\n", ",".repeat(16))),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, content).unwrap();
            assert_eq!(head_of(file.to_str().unwrap()).unwrap(), head, "{name}");
        }
        assert_eq!(head_of(&digits).unwrap().seq, None);
        assert!(head_of("no such file").is_err());
    }
}
