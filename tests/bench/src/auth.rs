//! `bench auth`: what finding out who calls takes, and whether strangers with wrong keys can be felt.
//!
//! 1. Looking up keys in a database of 100,000 tenants, beside one of ten. Cold: each round begins with new connections, whose
//!    page caches are empty, and each look-up is that of another tenant. Keys are generated ones, so there is no bcrypt.
//! 2. The answers that a valid caller gets while nobody else calls, beside those while 200 wrong keys a second come in from the
//!    same address.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use orderdesk_mcp::clock::SystemClock;
use orderdesk_mcp::store::SqliteDatabase;
use orderdesk_mcp::tenancy::{AccessKey, ServerKeySource, Tenancy};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::call::spawn_server;
use crate::http::{Connection, tool_call};
use crate::percentile::Times;
use crate::server::NATIVE_TOOL;

const FEW: usize = 10;
const MANY: usize = 100_000;
/// Tenants of the large database whose keys are known, and so can be looked up.
const KNOWN: usize = 1_000;
const ROUNDS: usize = 40;
/// Look-ups of a round in each database; the small one has no more tenants.
const PER_ROUND: usize = FEW;

const WRONG_PER_SECOND: u32 = 200;
/// Who brings them: so many that none waits for another's answer.
const STRANGERS: u32 = 10;
const PHASE: Duration = Duration::from_secs(4);
const PHASES: usize = 4;
/// Calls of the valid caller: one each.
const PACE: Duration = Duration::from_millis(4);

/// Runs the benchmark and prints it.
pub(crate) async fn bench() -> anyhow::Result<()> {
    let (few, many) = look_ups().await?;
    let (alone, beside, refused) = strangers().await?;
    let look_up_ratio = many.micros(50) / few.micros(50);
    let p99_ratio = beside.micros(99) / alone.micros(99);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<34} {:>10} {:>10}", "", "p50 µs", "p99 µs")?;
    for (name, times) in [
        (format!("key found among {FEW} tenants"), &few),
        (format!("key found among {MANY} tenants"), &many),
        ("valid caller alone".to_owned(), &alone),
        (
            format!("beside {WRONG_PER_SECOND} wrong keys a second"),
            &beside,
        ),
    ] {
        writeln!(
            out,
            "{name:<34} {:>10.1} {:>10.1}",
            times.micros(50),
            times.micros(99)
        )?;
    }
    writeln!(
        out,
        "look-up {look_up_ratio:.2} x, valid caller's p99 {p99_ratio:.2} x; {refused} wrong keys were refused"
    )?;
    writeln!(
        out,
        "RESULT {}",
        json!({
            "few_tenants": FEW, "many_tenants": MANY,
            "few_p50_us": few.micros(50), "many_p50_us": many.micros(50), "lookup_ratio": look_up_ratio,
            "alone_p99_us": alone.micros(99), "beside_p99_us": beside.micros(99), "p99_ratio": p99_ratio,
            "wrong_keys": refused,
        })
    )?;
    Ok(())
}

async fn open(directory: &Path) -> anyhow::Result<Tenancy> {
    let database = SqliteDatabase::open(directory.join("orderdesk-mcp.db")).await?;
    let source = ServerKeySource::Directory(directory.to_owned());
    Ok(Tenancy::open(Arc::new(database), source, Arc::new(SystemClock)).await?)
}

/// Times of look-ups among few tenants and among many.
async fn look_ups() -> anyhow::Result<(Times, Times)> {
    let places = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut keys = [Vec::new(), Vec::new()];
    for (at, (place, known)) in places.iter().zip([FEW, KNOWN]).enumerate() {
        let tenancy = open(place.path()).await?;
        for number in 0..known {
            let created = tenancy.create_tenant(&format!("known {number}")).await?;
            keys[at].push(SecretString::from(created.master_key.expose_secret()));
        }
    }
    fill(places[1].path(), MANY - KNOWN)?;

    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // Which comes first changes, so that a slow moment hits both.
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let tenancy = open(places[at].path()).await?;
            for number in 0..PER_ROUND {
                // A step that has no factor in common with the number of keys reaches all of them.
                let key = &keys[at][(round * PER_ROUND + number) * 7 % keys[at].len()];
                let began = Instant::now();
                tenancy.authenticate(key).await?;
                times[at].push(began.elapsed());
            }
        }
    }
    let [few, many] = times.map(Times::new);
    Ok((few, many))
}

/// Adds rows that look like those of tenants, which nobody has the keys of.
fn fill(directory: &Path, count: usize) -> anyhow::Result<()> {
    let mut database = rusqlite::Connection::open(directory.join("orderdesk-mcp.db"))?;
    // Ids and look-ups are random: with less, each row writes pages of its indexes anew, gigabytes in all.
    database.execute_batch("PRAGMA cache_size = -262144")?;
    let transaction = database.transaction()?;
    {
        let mut tenant = transaction.prepare(
            "INSERT INTO tenants (id, name, folded_name, salt, created_at)
             VALUES ('ten_' || lower(hex(randomblob(16))), ?1, ?2, randomblob(32), 1) RETURNING id",
        )?;
        let mut key = transaction.prepare(
            "INSERT INTO access_keys (id, tenant, name, lookup, wrapped_data_key, created_at, server_key_version)
             VALUES (lower(hex(randomblob(6))), ?1, 'master', randomblob(32), randomblob(90), 1, 1)",
        )?;
        for number in 0..count {
            let (name, folded) = (format!("bulk {number}"), format!("BULK {number}"));
            let id: String = tenant.query_row([name, folded], |row| row.get(0))?;
            key.execute([id])?;
        }
    }
    transaction.commit()?;
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let tenants: u32 = database.query_row("SELECT count(*) FROM tenants", [], |row| row.get(0))?;
    if usize::try_from(tenants)? != MANY {
        bail!("{tenants} tenants instead of {MANY}");
    }
    Ok(())
}

/// Times of a valid caller alone, and beside wrong keys; and how many of those were refused.
async fn strangers() -> anyhow::Result<(Times, Times, usize)> {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System)).await?;
    let data = tempfile::tempdir()?;
    let (base_url, data_dir) = (simulator.base_url(), data.path().to_owned());
    let (mut server, port, key) =
        tokio::task::spawn_blocking(move || spawn_server(&data_dir, &base_url)).await??;
    let request = tool_call(&key, NATIVE_TOOL, &json!({"message": "hello"}));
    let mut connection = Connection::open(port).await?;
    paced(&mut connection, &request, PHASE / 2).await?;
    let (mut alone, mut beside, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..PHASES {
        alone.append(&mut paced(&mut connection, &request, PHASE).await?);
        let wrong = guess(port);
        beside.append(&mut paced(&mut connection, &request, PHASE).await?);
        refused += wrong.await??;
    }
    drop(server.stdin.take());
    server.wait()?;
    let expected = PHASES * PHASE.as_secs() as usize * WRONG_PER_SECOND as usize;
    if refused < expected * 9 / 10 {
        bail!("only {refused} of {expected} wrong keys came in: the machine is too busy");
    }
    Ok((Times::new(alone), Times::new(beside), refused))
}

/// One call after the other, at its pace, for this time.
async fn paced(
    connection: &mut Connection,
    request: &[u8],
    time: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        ticks.tick().await;
        let sent = Instant::now();
        connection.succeed(request).await?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

/// Brings well-formed keys that nobody has, each another one, for the time of a phase; answers how many were refused.
fn guess(port: u16) -> JoinHandle<anyhow::Result<usize>> {
    tokio::spawn(async move {
        let strangers: Vec<_> = (0..STRANGERS).map(|_| stranger(port)).collect();
        let mut refused = 0;
        for stranger in strangers {
            refused += stranger.await??;
        }
        Ok(refused)
    })
}

fn stranger(port: u16) -> JoinHandle<anyhow::Result<usize>> {
    tokio::spawn(async move {
        let mut connection = Connection::open(port).await?;
        let mut ticks =
            tokio::time::interval(Duration::from_secs(1) * STRANGERS / WRONG_PER_SECOND);
        let (began, mut refused) = (Instant::now(), 0);
        while began.elapsed() < PHASE {
            ticks.tick().await;
            let key = AccessKey::generate().context("no random key")?;
            let request = tool_call(key.expose_secret(), NATIVE_TOOL, &json!({"message": "x"}));
            connection.refused(&request).await?;
            refused += 1;
        }
        Ok(refused)
    })
}
