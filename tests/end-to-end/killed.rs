//! `kill -9` in the middle of everything: what was acknowledged stands, and nothing is half done.
//!
//! The real program on a real file, killed after a random time of a random operation, round after round on the same data
//! directory. What the next start shows must be all of an operation or nothing of it, and all of it if it was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use end_to_end::{Client, Installation, Process, Signal, rounds};
use orderdesk_mcp::clock::SystemClock;
use orderdesk_mcp::store::SqliteDatabase;
use orderdesk_mcp::tenancy::{ServerKeySource, Tenancy, TenantId};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, Store};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

const FIRST_STORE: u64 = 9300;
const STORES: u64 = 4;
const CANARY: &[u8] = b"what only the tenant's data key opens";
const PURPOSE: &str = "canary of the killed";

/// Numbers that look random (xorshift64*), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.throw(longest.as_micros() as u64 + 1))
    }
}

/// What was acknowledged so far, and what is open.
struct House {
    place: Installation,
    simulator: Simulator,
    dice: Dice,
    master: String,
    tenant: TenantId,
    sealed: Vec<u8>,
    /// Keys that must open the tenant, by id.
    valid: BTreeMap<String, String>,
    /// Keys that must open nothing.
    dead: BTreeSet<String>,
    stores: BTreeSet<u64>,
    /// How long a command takes when nobody kills it.
    usual: BTreeMap<&'static str, Duration>,
    server: Option<(Process, Client)>,
    acknowledged: usize,
    cut_off: usize,
}

async fn tenancy(data: &Path) -> Tenancy {
    let database = SqliteDatabase::open(data.join("orderdesk-mcp.db"))
        .await
        .unwrap();
    let source = ServerKeySource::Directory(data.to_owned());
    Tenancy::open(Arc::new(database), source, Arc::new(SystemClock))
        .await
        .expect("the data directory opens after every kill")
}

fn key_of(store: u64) -> String {
    format!("api-key-of-the-killed-{store}")
}

impl House {
    async fn new() -> Self {
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64
            | 1;
        eprintln!("seed {seed}");
        let stores = (FIRST_STORE..FIRST_STORE + STORES).map(|id| {
            let mut store = Store::new(id, &key_of(id), "Killed");
            let order = json!({"source_id": "WEB-1", "email": "before@example.com",
                               "shipping": {"first_name": "Ruth", "last_name": "Okafor"},
                               "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}]});
            store.add_order(&order, Clock::System.now()).unwrap();
            store
        });
        let config = SimulatorConfig {
            rate: None,
            ..SimulatorConfig::with_stores(stores.collect())
        };
        let simulator = Simulator::start(config).await.unwrap();
        let place = Installation::new(&simulator, |config| {
            let endpoint = config["endpoints"]["orderdesk"].as_table_mut().unwrap();
            endpoint.remove("rate");
        })
        .with_own_server_key();
        let master = place.tenant("acme").await;
        let principal = tenancy(&place.data())
            .await
            .authenticate(&SecretString::from(master.as_str()))
            .await
            .unwrap();
        let sealed = principal.data_key.seal(PURPOSE, &[], CANARY).unwrap();
        Self {
            tenant: principal.tenant,
            place,
            simulator,
            dice: Dice(seed),
            sealed,
            valid: BTreeMap::from([(principal.key.to_string(), master.clone())]),
            master,
            dead: BTreeSet::new(),
            stores: BTreeSet::new(),
            usual: BTreeMap::new(),
            server: None,
            acknowledged: 0,
            cut_off: 0,
        }
    }

    /// Runs a command and kills it at a random moment; its answer, if it came to give one.
    async fn cut_off(&mut self, what: &'static str, arguments: &[&str]) -> Option<Value> {
        let mut child = self
            .place
            .command(arguments)
            .arg("--json")
            .env("ORDERDESK_MCP_MASTER_KEY", &self.master)
            .env("RUST_LOG", "off")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The first of its kind is not killed: it tells how long one takes.
        let usual = self.usual.get(what).copied();
        let began = Instant::now();
        if let Some(usual) = usual {
            let moment = self.dice.duration(usual * 5 / 4);
            if tokio::time::timeout(moment, child.wait()).await.is_err() {
                child.start_kill().unwrap();
            }
        }
        let mut output = Vec::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut output)
            .await
            .unwrap();
        child.wait().await.unwrap();
        if usual.is_none() {
            self.usual.insert(what, began.elapsed());
        }
        let answer = serde_json::from_slice(&output).ok();
        match answer {
            Some(_) => self.acknowledged += 1,
            None => self.cut_off += 1,
        }
        answer
    }

    /// Some key that is not the master key, if there is one.
    fn some_key(&mut self) -> Option<String> {
        let master = self.master.split('_').nth(1).unwrap().to_owned();
        let others: Vec<_> = self
            .valid
            .keys()
            .filter(|id| **id != master)
            .cloned()
            .collect();
        let at = self.dice.throw(others.len().max(1) as u64) as usize;
        others.get(at).cloned()
    }

    async fn make_key(&mut self) {
        let create = [
            "keys",
            "create",
            "--tenant",
            "acme",
            "--name",
            "round",
            "--read-only",
        ];
        if let Some(made) = self.cut_off("create", &create).await {
            let text = |field: &str| made[field].as_str().unwrap().to_owned();
            self.valid.insert(text("key_id"), text("key"));
        }
    }

    async fn rotate_key(&mut self) {
        let Some(old) = self.some_key() else {
            return self.make_key().await;
        };
        let answer = self
            .cut_off("rotate", &["keys", "rotate", &old, "--grace", "0s"])
            .await;
        let text = self.valid.remove(&old).unwrap();
        let (valid, by) = self.row(&old);
        match answer {
            Some(made) => {
                let field = |field: &str| made[field].as_str().unwrap().to_owned();
                assert!(
                    !valid && by == Some(field("key_id")),
                    "a rotation was acknowledged and is not there"
                );
                self.dead.insert(text);
                self.valid.insert(field("key_id"), field("key"));
            }
            // Nothing of it, or all of it: the old key dead and another in its place, which nobody saw.
            None => {
                let new_stands = by.as_deref().is_some_and(|new| self.row(new).0);
                assert_eq!(valid, by.is_none(), "half a rotation");
                assert_eq!(valid, !new_stands, "half a rotation");
                if valid {
                    self.valid.insert(old, text);
                } else {
                    self.dead.insert(text);
                }
            }
        }
    }

    async fn revoke_key(&mut self) {
        let Some(id) = self.some_key() else {
            return self.make_key().await;
        };
        let answer = self.cut_off("revoke", &["keys", "revoke", &id]).await;
        let valid = self.row(&id).0;
        assert!(
            answer.is_none() || !valid,
            "a revocation was acknowledged and is not there"
        );
        if !valid {
            let text = self.valid.remove(&id).unwrap();
            self.dead.insert(text);
        }
    }

    /// Whether a key's row is good, and which key took its place.
    fn row(&self, id: &str) -> (bool, Option<String>) {
        let columns = "lookup IS NOT NULL AND wrapped_data_key IS NOT NULL AND revoked_at IS NULL, replaced_by";
        self.place
            .raw_database()
            .query_row(
                &format!("SELECT {columns} FROM access_keys WHERE id = ?1"),
                [id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap()
    }

    async fn delete_tenant(&mut self) {
        let key = self.place.tenant("passing").await;
        let id: String = {
            let database = self.place.raw_database();
            database
                .query_row("SELECT id FROM tenants WHERE name = 'passing'", [], |row| {
                    row.get(0)
                })
                .unwrap()
        };
        let answer = self
            .cut_off("delete", &["tenants", "delete", &id, "--yes"])
            .await;
        let database = self.place.raw_database();
        let count =
            |query: &str| -> i64 { database.query_row(query, [&id], |row| row.get(0)).unwrap() };
        let there = count("SELECT count(*) FROM tenants WHERE id = ?1");
        assert_eq!(
            there,
            count("SELECT count(*) FROM access_keys WHERE tenant = ?1"),
            "half a tenant"
        );
        assert!(
            answer.is_none() || there == 0,
            "a deletion was acknowledged and is not there"
        );
        if there == 0 {
            self.dead.insert(key);
        } else {
            self.place
                .run(&["tenants", "delete", &id, "--yes"], None)
                .await;
        }
    }

    async fn make_tenant(&mut self) {
        let answer = self
            .cut_off("tenant", &["tenants", "create", "--name", "made"])
            .await;
        let listed = self.place.run(&["tenants", "list"], None).await;
        let there = listed["tenants"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["name"] == "made");
        if let Some(made) = answer {
            let key = SecretString::from(made["master_key"].as_str().unwrap());
            let entered = tenancy(&self.place.data()).await.authenticate(&key).await;
            assert_eq!(entered.unwrap().tenant_name, "made");
        }
        if there {
            self.place
                .run(&["tenants", "delete", "made", "--yes"], None)
                .await;
        }
    }

    async fn server(&mut self) -> Client {
        if self.server.is_none() {
            // Who was killed leaves its locks, which end by themselves; nobody waits for that here.
            self.place
                .raw_database()
                .execute("UPDATE locks SET lease_until = 0", [])
                .unwrap();
            self.server = Some(self.place.serve_with(&self.master, &[]).await);
        }
        self.server.as_ref().unwrap().1.clone()
    }

    /// Makes a call and kills the server at a random moment; what it answered, if it came to that.
    async fn killed_while(
        &mut self,
        what: &'static str,
        tool: &'static str,
        arguments: Value,
    ) -> Option<Value> {
        let client = self.server().await;
        let began = Instant::now();
        let usual = self.usual.get(what).copied();
        let call = tokio::spawn(async move { client.try_call(tool, arguments).await });
        let answer = match usual {
            None => call.await.unwrap(),
            Some(usual) => {
                tokio::time::sleep(self.dice.duration(usual * 5 / 4)).await;
                let (process, _) = self.server.take().unwrap();
                process.signal(Signal::KILL);
                process.ended().await;
                call.await.unwrap()
            }
        };
        if usual.is_none() {
            self.usual.insert(what, began.elapsed());
        }
        match &answer {
            Some(_) => self.acknowledged += 1,
            None => self.cut_off += 1,
        }
        answer
    }

    async fn register_or_delete(&mut self) {
        let store = FIRST_STORE + self.dice.throw(STORES);
        let there = self.stores.contains(&store);
        let answer = if there {
            self.killed_while("delete store", "stores_delete", json!({"store_id": store}))
                .await
        } else {
            let registration = json!({"store_id": store, "api_key": key_of(store)});
            self.killed_while("register", "stores_register", registration)
                .await
        };
        let found = self.listed().await;
        let is_there = found.contains(&store);
        if answer.is_some() {
            assert_eq!(
                is_there, !there,
                "a store was acknowledged and is not as it was said to be"
            );
        }
        if is_there {
            self.stores.insert(store);
        } else {
            self.stores.remove(&store);
        }
        assert_eq!(found, self.stores, "the other stores stay as they were");
        // What is listed works: never a store without its key.
        let client = self.server().await;
        for store in found {
            let orders = json!({"store_identifier": store.to_string(), "limit": 1});
            client.call("orders_list", orders).await.ok();
        }
    }

    async fn listed(&mut self) -> BTreeSet<u64> {
        let listed = self
            .server()
            .await
            .call("stores_list", json!({}))
            .await
            .ok();
        let stores = listed["stores"].as_array().unwrap().iter();
        stores
            .map(|it| it["store_id"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    async fn change_order(&mut self, round: usize) {
        let Some(store) = self.stores.first().copied() else {
            return self.register_or_delete().await;
        };
        let order = self
            .simulator
            .with_store(store, |store| store.orders().next().unwrap().id())
            .unwrap();
        let email = format!("round-{round}@example.com");
        let change = json!({"store_identifier": store.to_string(), "order_id": order, "changes": {"email": email}});
        let answer = self.killed_while("change", "orders_update", change).await;
        let client = self.server().await;
        let shown = client
            .call(
                "orders_changes",
                json!({"store_identifier": store.to_string(), "order_id": order}),
            )
            .await
            .ok();
        let made = |change: &&Value| change["diff"][0]["after"] == email.as_str();
        let change = shown["changes"].as_array().unwrap().iter().find(made);
        let stands = self
            .simulator
            .with_store(store, |store| store.order_json(order).unwrap())
            .unwrap()["email"]
            == email.as_str();
        if answer.is_some() {
            assert!(stands, "a change was acknowledged and is not there");
            assert_eq!(
                change.map(|it| &it["state"]),
                Some(&json!("made")),
                "{shown:#}"
            );
        }
        if let Some(change) = change {
            assert_eq!(change["state"] == "made", stands, "{shown:#}");
        } else {
            assert!(!stands, "a change that the journal does not know of");
        }
    }

    /// What must hold after every round.
    async fn check(&mut self) {
        let tenancy = tenancy(&self.place.data()).await;
        for key in self.valid.values() {
            let entered = tenancy
                .authenticate(&SecretString::from(key.as_str()))
                .await;
            let principal = entered.expect("a key that was acknowledged opens");
            assert_eq!(principal.tenant, self.tenant);
            let opened = principal.data_key.open(PURPOSE, &[], &self.sealed).unwrap();
            assert_eq!(*opened, CANARY);
        }
        for key in &self.dead {
            let entered = tenancy
                .authenticate(&SecretString::from(key.as_str()))
                .await;
            assert!(
                entered.is_err_and(|error| error.is_refusal()),
                "a dead key opens"
            );
        }
        let sound: String = self
            .place
            .raw_database()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let mut house = House::new().await;
    let rounds = rounds(25, 500);
    for round in 0..rounds {
        match house.dice.throw(10) {
            0 => house.make_key().await,
            1 => house.rotate_key().await,
            2 => house.revoke_key().await,
            3 => house.make_tenant().await,
            4 => house.delete_tenant().await,
            5 | 6 => {
                house.cut_off("server key", &["server-key", "rotate"]).await;
                // A server that runs goes on with whichever key it is now.
                if let Some((_, client)) = &house.server {
                    client.call("stores_list", json!({})).await.ok();
                }
            }
            7 | 8 => house.register_or_delete().await,
            _ => house.change_order(round).await,
        }
        house.check().await;
    }
    eprintln!(
        "{} acknowledged, {} cut off",
        house.acknowledged, house.cut_off
    );
    assert!(
        house.acknowledged > 0 && house.cut_off > 0,
        "the kills came too early or too late"
    );
}
