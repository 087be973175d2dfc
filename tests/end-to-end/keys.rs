//! Tenants and their keys, as operators handle them while servers run.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use end_to_end::{Client, Installation, Server};
use orderdesk_mcp::tenancy::FailedLogins;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use secrecy::SecretString;
use serde_json::{Value, json};

const CHOSEN: &str = "hubcap9 trombone quarry Vexing plaza mulch odometer";

async fn installation(change: impl FnOnce(&mut toml::Table)) -> (Simulator, Installation) {
    let config = SimulatorConfig::sample(7, Clock::System);
    let simulator = Simulator::start(config).await.unwrap();
    let installation = Installation::new(&simulator, change);
    (simulator, installation)
}

/// Another client of the same server.
fn with(client: &Client, key: &str) -> Client {
    Client::new(client.url().to_owned(), SecretString::from(key))
}

async fn status(client: &Client) -> u16 {
    client.request("tools/list", json!({})).await.status
}

fn text(object: &Value, field: &str) -> String {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field}: {object}"))
        .to_owned()
}

fn registration() -> Value {
    json!({"store_id": sample::HARBOR_AND_OAK_ID, "api_key": sample::HARBOR_AND_OAK_KEY})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_listed_rotated_and_revoked_and_running_servers_know_at_once() {
    let (_simulator, place) = installation(|_| {}).await;
    let master = place.tenant("acme").await;
    let (_process, client) = place.serve_with(&master, &[]).await;
    client.call("stores_register", registration()).await.ok();

    let create = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--name",
        "reports",
        "--read-only",
        "--expires",
        "30d",
    ];
    let made = place.run(&create, Some(&master)).await;
    let (id, key) = (text(&made, "key_id"), text(&made, "key"));
    assert!(
        key.starts_with(&format!("odm_{id}_")) && made["expires_at"].is_string(),
        "{made}"
    );
    let reports = with(&client, &key);
    let read = reports.call("stores_list", json!({})).await.ok();
    assert_eq!(
        read["stores"][0]["store_id"], "9021",
        "it opens what the tenant has"
    );

    // The new key is good and the old one too, until its grace is over.
    let rotated = place.run(&["keys", "rotate", &id], Some(&master)).await;
    assert_eq!(rotated["replaces"], id.as_str());
    assert_eq!(rotated["expires_at"], made["expires_at"]);
    let next = with(&client, &text(&rotated, "key"));
    assert_eq!((status(&reports).await, status(&next).await), (200, 200));
    let next_id = text(&rotated, "key_id");
    let last = place
        .run(
            &["keys", "rotate", &next_id, "--grace", "0s"],
            Some(next.key()),
        )
        .await;
    let last = with(&client, &text(&last, "key"));
    assert_eq!((status(&next).await, status(&last).await), (401, 200));

    let listed = place.run(&["keys", "list", "--tenant", "ACME"], None).await;
    let keys = listed["keys"].as_array().unwrap();
    let states: Vec<_> = keys
        .iter()
        .map(|key| (text(key, "name"), text(key, "state")))
        .collect();
    let of = |name: &str, state: &str| {
        states
            .iter()
            .filter(|it| **it == (name.into(), state.into()))
            .count()
    };
    assert_eq!(
        (
            of("master", "valid"),
            of("reports", "valid"),
            of("reports", "revoked")
        ),
        (1, 2, 1),
        "{listed}"
    );
    assert!(
        keys.iter()
            .any(|key| key["replaced_by"] == next_id.as_str()),
        "{listed}"
    );
    assert!(!listed.to_string().contains(&key));

    place.run(&["keys", "revoke", &id], None).await;
    assert_eq!(status(&reports).await, 401);
    assert_eq!(status(&last).await, 200);
    let master_id = master.split('_').nth(1).unwrap();
    for (arguments, why) in [
        (vec!["keys", "revoke", &id], "no valid access key"),
        (
            vec!["keys", "revoke", master_id],
            "last access key without limits",
        ),
        (vec!["keys", "rotate", "nothing"], "there is no access key"),
        (vec!["keys", "revoke", &key], "public part"),
    ] {
        let refused = place.try_run(&arguments, Some(&master)).await.unwrap_err();
        assert!(
            refused.contains(why) && !refused.contains(&key),
            "{arguments:?}: {refused}"
        );
    }
    // Nobody else's key makes keys here, and none that has limits.
    let rival = place.tenant("rival").await;
    for (key, why) in [
        (rival.as_str(), "not of 'acme'"),
        (last.key(), "without limits"),
        (reports.key(), "not accepted"),
    ] {
        let refused = place.try_run(&create, Some(key)).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_tenant_is_out_at_once_and_comes_back_with_everything() {
    let (_simulator, place) = installation(|_| {}).await;
    let master = place.tenant("acme").await;
    let (_process, client) = place.serve_with(&master, &[]).await;
    let (_stdio, agent) = place.stdio(&master).await;
    client.call("stores_register", registration()).await.ok();
    let suspended = place.run(&["tenants", "suspend", "acme"], None).await;
    assert_eq!(suspended["suspended"], true);
    assert_eq!(status(&client).await, 401);
    assert!(agent.refuses("stores_list").await);
    place.run(&["tenants", "resume", "acme"], None).await;
    assert_eq!(
        client.call("stores_list", json!({})).await.ok()["stores"][0]["store_id"],
        "9021"
    );
    assert!(!agent.refuses("stores_list").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deleted_tenant_no_row_of_any_table_is_left() {
    let (simulator, place) = installation(|_| {}).await;
    let (master, other) = (place.tenant("acme").await, place.tenant("other").await);
    let (_process, client) = place.serve_with(&master, &[]).await;
    let rival = with(&client, &other);
    let id = |database: &rusqlite::Connection, name: &str| -> String {
        database
            .query_row("SELECT id FROM tenants WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .unwrap()
    };
    for client in [&client, &rival] {
        client.call("stores_register", registration()).await.ok();
        let order = simulator
            .with_store(sample::HARBOR_AND_OAK_ID, |store| {
                store.orders().next().unwrap().id()
            })
            .unwrap();
        let change = json!({"order_id": order, "changes": {"email": "new@example.com"}});
        let mut preview = change.clone();
        preview["dry_run"] = true.into();
        client.call("orders_update", preview).await.ok();
        client.call("orders_update", change).await.ok();
    }
    for (name, key) in [("acme", &master), ("other", &other)] {
        let hook = [
            "webhooks",
            "create",
            "--tenant",
            name,
            "--plugin",
            "orders",
            "--subject",
            "store:9021",
        ];
        place.run(&hook, Some(key)).await;
        place
            .run(
                &["keys", "create", "--tenant", name, "--name", "x"],
                Some(key),
            )
            .await;
    }
    let database = place.raw_database();
    let (gone, stays) = (id(&database, "acme"), id(&database, "other"));
    // A lock that a killed call left behind.
    for tenant in [&gone, &stays] {
        database
            .execute(
                "INSERT INTO locks VALUES (?1, 'orders', 'x', ?1, 'nobody', 1)",
                [tenant],
            )
            .unwrap();
        database
            .execute("INSERT INTO first_calls VALUES (?1, 'x', 1)", [tenant])
            .unwrap();
    }
    let before = tables_with(&database, &gone);
    for table in [
        "tenants",
        "access_keys",
        "secrets",
        "documents",
        "locks",
        "first_calls",
        "confirmations",
        "hooks",
    ] {
        assert!(
            before.iter().any(|(found, _)| found == table),
            "{table}: {before:?}"
        );
    }
    let others = tables_with(&database, &stays);
    let rows_below = |database: &rusqlite::Connection, table: &str| -> i64 {
        database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!(rows_below(&database, "unattended_secrets"), 2);

    let refused = place
        .try_run(&["tenants", "delete", "acme"], None)
        .await
        .unwrap_err();
    assert!(refused.contains("--yes"), "{refused}");
    let deleted = place
        .run(&["tenants", "delete", "acme", "--yes"], None)
        .await;
    assert_eq!(deleted["deleted"], true);
    // The trail tells of the tenant after its end, too; what it changed is encrypted under a key that is gone.
    let mut left = tables_with(&database, &gone);
    left.retain(|(table, _)| table != "audit");
    assert_eq!(left, [], "the tenant's id stands nowhere else");
    assert_eq!(rows_below(&database, "unattended_secrets"), 1);
    let dangling: Option<String> = rusqlite::OptionalExtension::optional(database.query_row(
        "PRAGMA foreign_key_check",
        [],
        |row| row.get(0),
    ))
    .unwrap();
    assert_eq!(dangling, None);
    assert_eq!(status(&client).await, 401);
    assert!(!rival.call("orders_list", json!({})).await.is_error);
    let mut kept = tables_with(&database, &stays);
    // Its own call just now may have added rows to these.
    kept.retain(|(table, _)| table != "audit" && table != "cache_invalidations");
    let others = others.into_iter();
    let others: Vec<_> = others
        .filter(|(table, _)| table != "audit" && table != "cache_invalidations")
        .collect();
    assert_eq!(kept, others, "another tenant keeps everything");
}

/// The tables that have a row with this text in any column, and how many; generated, so that a new table is covered by itself.
fn tables_with(database: &rusqlite::Connection, id: &str) -> Vec<(String, i64)> {
    let names = |query: &str, argument: &[&str]| -> Vec<String> {
        let mut statement = database.prepare(query).unwrap();
        let rows = statement.query_map(rusqlite::params_from_iter(argument), |row| row.get(0));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let tables = names(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
        &[],
    );
    let mut found = Vec::new();
    for table in tables {
        let columns = names("SELECT name FROM pragma_table_info(?1)", &[&table]);
        let any: Vec<_> = columns
            .iter()
            .map(|column| format!("instr(CAST(\"{column}\" AS TEXT), ?1) > 0"))
            .collect();
        let count: i64 = database
            .query_row(
                &format!(
                    "SELECT count(*) FROM \"{table}\" WHERE {}",
                    any.join(" OR ")
                ),
                [id],
                |row| row.get(0),
            )
            .unwrap();
        if count > 0 {
            found.push((table, count));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_its_owner_chose_opens_its_tenant_over_http_and_stdio() {
    let (_simulator, place) = installation(|_| {}).await;
    let weak = place
        .try_run(
            &["tenants", "create", "--name", "acme", "--choose-key"],
            Some("correct horse battery staple"),
        )
        .await
        .unwrap_err();
    assert!(
        weak.contains("too easy to guess") && !weak.contains("horse"),
        "{weak}"
    );
    let created = place
        .run(
            &["tenants", "create", "--name", "acme", "--choose-key"],
            Some(CHOSEN),
        )
        .await;
    assert!(
        created.get("master_key").is_none() && created["key_id"].is_string(),
        "{created}"
    );
    let (_process, client) = place.serve_with(CHOSEN, &[]).await;
    client.call("stores_register", registration()).await.ok();
    let (_stdio, agent) = place.stdio(CHOSEN).await;
    assert_eq!(
        agent.call("stores_list", json!({})).await.ok()["stores"][0]["store_id"],
        "9021"
    );
    let wrong = with(
        &client,
        "hubcap9 trombone quarry Vexing plaza mulch odometers",
    );
    assert_eq!(status(&wrong).await, 401);

    // A generated key takes its place, and it dies although it was just found right.
    let rotate = [
        "keys",
        "rotate",
        created["key_id"].as_str().unwrap(),
        "--grace",
        "0s",
    ];
    let rotated = place.run(&rotate, Some(CHOSEN)).await;
    assert_eq!(status(&client).await, 401);
    let next = with(&client, rotated["key"].as_str().unwrap());
    assert_eq!(
        next.call("stores_list", json!({})).await.ok()["stores"][0]["store_id"],
        "9021"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_keys_make_tenants_only_where_the_operator_wants_that() {
    let (_simulator, closed) = installation(|_| {}).await;
    let (_process, client) = closed.serve_with(CHOSEN, &[]).await;
    assert_eq!(status(&client).await, 401);
    assert_eq!(
        closed.run(&["tenants", "list"], None).await["tenants"],
        json!([])
    );

    let (_simulator, open) = installation(|config| {
        let security = toml::Table::from_iter([("auto_provision".to_owned(), true.into())]);
        config.insert("security".to_owned(), security.into());
    })
    .await;
    let (_process, client) = open.serve_with(CHOSEN, &[]).await;
    client.call("stores_register", registration()).await.ok();
    let weak = with(&client, "correct horse battery staple")
        .request("tools/list", json!({}))
        .await;
    assert_eq!(weak.status, 401);
    assert!(weak.text.contains("too easy to guess"), "{}", weak.text);
    let stranger = with(
        &client,
        "other hubcap9 trombone quarry Vexing plaza mulch odometer",
    );
    assert_eq!(
        stranger.call("stores_list", json!({})).await.ok()["stores"],
        json!([])
    );
    let listed = open.run(&["tenants", "list"], None).await;
    assert_eq!(
        listed["tenants"].as_array().map(Vec::len),
        Some(2),
        "{listed}"
    );
    // Without HTTP nobody makes a tenant by naming a key.
    let refused = open
        .try_run(
            &["call", "stores_list"],
            Some("third hubcap9 trombone quarry Vexing plaza mulch"),
        )
        .await;
    assert!(refused.unwrap_err().contains("not accepted"));
}

/// Remembers from where keys came that opened nothing.
#[derive(Default)]
struct Watcher(Mutex<Vec<Option<IpAddr>>>);

impl FailedLogins for Watcher {
    fn failed(&self, source: Option<IpAddr>) {
        self.0.lock().unwrap().push(source);
    }

    fn may_provision(&self, _: Option<IpAddr>) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_a_failed_login_at_the_door_and_as_an_argument() {
    let server = Server::start().await;
    let watcher = Arc::new(Watcher::default());
    server
        .application
        .data
        .tenancy
        .watch_logins(watcher.clone());
    let (client, rival) = (server.tenant("acme").await, server.tenant("rival").await);
    let failures = || watcher.0.lock().unwrap().len();

    for right in [client.key(), client.key()] {
        client
            .call("tenant_use_master_key", json!({"master_key": right}))
            .await
            .ok();
    }
    assert_eq!(failures(), 0);
    for wrong in [rival.key(), "no key at all", "odm_aaaaaaaaaaaa_x"] {
        let before = failures();
        let refused = client
            .call("tenant_use_master_key", json!({"master_key": wrong}))
            .await;
        assert_eq!(refused.error().0, "key-refused");
        assert_eq!(failures(), before + 1, "{wrong}");
        let stores = client.call("stores_list", json!({})).await.ok();
        assert_eq!(
            stores["stores"],
            json!([]),
            "the tenant in use has not changed"
        );
    }
    let before = failures();
    assert_eq!(status(&server.client("odm_aaaaaaaaaaaa_x")).await, 401);
    assert_eq!(failures(), before + 1);
    let sources = watcher.0.lock().unwrap().clone();
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert!(
        sources.iter().all(|source| *source == Some(here)),
        "{sources:?}"
    );
    server.stop().await;
}
