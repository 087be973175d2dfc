//! `bench auth`: what finding out who calls takes, and whether strangers with wrong keys can be felt.
//!
//! 1. A request to a server of 100,000 tenants, beside one to a server of ten. Cold: neither has seen the key before, but for
//!    the ten of the small one, which must be asked again. Keys are generated ones, so there is no bcrypt.
//! 2. What of it is looking up the key and opening the tenant's data with it, without a server around it: cold in the same way;
//!    in each round the connections are new, and the first ten look-ups, which find no page in memory, are printed on their own,
//!    too.
//! 3. The answers that a valid caller gets while nobody else calls, beside those while 200 wrong keys a second come in from the
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
/// Look-ups by connections that are new.
const FIRST: usize = 10;

const WRONG_PER_SECOND: u32 = 200;
/// Who brings them: so many that none waits for another's answer.
const STRANGERS: u32 = 10;
const PHASE: Duration = Duration::from_secs(4);
const PHASES: usize = 4;
/// Calls of the valid caller: one each.
const PACE: Duration = Duration::from_millis(4);

/// Runs the benchmark and prints it.
pub(crate) async fn bench() -> anyhow::Result<()> {
    let places = places().await?;
    let [(few_first, few), (many_first, many)] = look_ups(&places).await?;
    let [few_requests, many_requests] = requests(&places).await?;
    let (alone, beside, refused) = strangers().await?;
    let look_up_ratio = many.micros(50) / few.micros(50);
    let request_ratio = many_requests.micros(50) / few_requests.micros(50);
    let first_ratio = many_first.micros(50) / few_first.micros(50);
    let p99_ratio = beside.micros(99) / alone.micros(99);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<34} {:>10} {:>10}", "", "p50 µs", "p99 µs")?;
    for (name, times) in [
        (format!("request, {FEW} tenants"), &few_requests),
        (format!("request, {MANY} tenants"), &many_requests),
        (format!("key found among {FEW} tenants"), &few),
        (format!("key found among {MANY} tenants"), &many),
        (format!("first ones among {FEW} tenants"), &few_first),
        (format!("first ones among {MANY} tenants"), &many_first),
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
        "authenticated request {request_ratio:.2} x; its look-up alone {look_up_ratio:.2} x (first ones {first_ratio:.2} x); valid caller's p99 {p99_ratio:.2} x; {refused} wrong keys were refused"
    )?;
    writeln!(
        out,
        "RESULT {}",
        json!({
            "few_tenants": FEW, "many_tenants": MANY,
            "few_p50_us": few.micros(50), "many_p50_us": many.micros(50), "lookup_ratio": look_up_ratio,
            "few_request_p50_us": few_requests.micros(50), "many_request_p50_us": many_requests.micros(50),
            "request_ratio": request_ratio, "few_first_p50_us": few_first.micros(50), "many_first_p50_us": many_first.micros(50), "first_ratio": first_ratio,
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

/// A data directory with few tenants or many, and keys of it.
struct Place {
    directory: tempfile::TempDir,
    keys: Vec<SecretString>,
}

async fn places() -> anyhow::Result<[Place; 2]> {
    let place = async |known| {
        let directory = tempfile::tempdir()?;
        let tenancy = open(directory.path()).await?;
        let mut keys = Vec::new();
        for number in 0..known {
            let created = tenancy.create_tenant(&format!("known {number}")).await?;
            keys.push(SecretString::from(created.master_key.expose_secret()));
        }
        anyhow::Ok(Place { directory, keys })
    };
    let places = [place(FEW).await?, place(KNOWN).await?];
    fill(places[1].directory.path(), MANY - KNOWN)?;
    Ok(places)
}

/// Which of the two is first changes, so that a slow moment hits both.
fn one_and_the_other(number: usize) -> [usize; 2] {
    if number.is_multiple_of(2) {
        [0, 1]
    } else {
        [1, 0]
    }
}

/// Times of look-ups among few tenants and among many: of the first ones of each round, and of all.
async fn look_ups(places: &[Place; 2]) -> anyhow::Result<[(Times, Times); 2]> {
    let mut times = [Vec::new(), Vec::new()];
    let mut first = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let tenancies = [
            open(places[0].directory.path()).await?,
            open(places[1].directory.path()).await?,
        ];
        for number in 0..KNOWN {
            for at in one_and_the_other(number) {
                // Begins somewhere else in each round.
                let keys = &places[at].keys;
                let key = &keys[(round * FIRST + number) % keys.len()];
                let began = Instant::now();
                tenancies[at].authenticate(key).await?;
                let time = began.elapsed();
                times[at].push(time);
                if number < FIRST {
                    first[at].push(time);
                }
            }
        }
    }
    let [few, many] = times.map(Times::new);
    let [few_first, many_first] = first.map(Times::new);
    Ok([(few_first, few), (many_first, many)])
}

/// Times of requests to a server with few tenants and to one with many, whose keys that server has not seen before.
async fn requests(places: &[Place; 2]) -> anyhow::Result<[Times; 2]> {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System)).await?;
    let message = json!({"message": "hello"});
    let mut servers = Vec::new();
    for place in places {
        let (server, port, key) =
            spawn_server(place.directory.path(), &simulator.base_url()).await?;
        let mut connection = Connection::open(port).await?;
        let request = tool_call(&key, NATIVE_TOOL, &message);
        for _ in 0..KNOWN {
            connection.succeed(&request).await?;
        }
        servers.push((server, connection));
    }
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..KNOWN {
        for at in one_and_the_other(number) {
            let keys = &places[at].keys;
            let key = keys[number % keys.len()].expose_secret();
            let request = tool_call(key, NATIVE_TOOL, &message);
            let began = Instant::now();
            servers[at].1.succeed(&request).await?;
            times[at].push(began.elapsed());
        }
    }
    for (server, _) in &mut servers {
        drop(server.stdin.take());
        server.wait()?;
    }
    Ok(times.map(Times::new))
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
    let (mut server, port, key) = spawn_server(data.path(), &simulator.base_url()).await?;
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
