//! `check` tells what is allowed and should be known: what is asked for and not granted, who writes where another does, and
//! what grants mean together.

use end_to_end::{Installation, guest};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};

use super::{insert, plugin, printed, stranger};

async fn warnings(lines: &str) -> String {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let installation = Installation::new(&simulator, |config| {
        insert(config, "hostile", stranger(lines));
        let open: toml::Table = "base = \"https://x.example/api\"".parse().unwrap();
        let endpoints = config["endpoints"].as_table_mut().unwrap();
        endpoints.insert("own".to_owned(), open.into());
        let echo = plugin(&guest("guest-echo"), "grants.read = [\"stores\"]");
        insert(config, "echo", echo);
    });
    let report = printed(&installation.output(&["check", "--json"], None).await);
    assert_eq!(report["ok"], true, "{report}");
    let warnings = report["warnings"].as_array().unwrap();
    let lines: Vec<String> = warnings
        .iter()
        .map(|it| {
            let part = |key: &str| it[key].as_str().unwrap().to_owned();
            format!("{} | {} | {}", part("where"), part("what"), part("fix"))
        })
        .collect();
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_writers_and_combinations_are_said_in_words() {
    let said = warnings(
        r#"
grants.http = [
  { endpoint = "orderdesk", allow = ["GET /orders/*", "GET /store", "PUT /orders/*"] },
  { endpoint = "own", allow = ["GET /**"] },
]
"#,
    )
    .await;
    for part in [
        // Asked for and not granted, with the line that would.
        "plugins.hostile | it asks for read = [\"stores\", \"echo\"] (to read what others keep) and was not granted it | to grant it, put under [plugins.hostile]: grants.read = [\"stores\", \"echo\"]",
        "grants.locks = true",
        // Granted and not asked for.
        "plugins.echo.grants | read = [\"stores\"] has no effect",
        // Two writers of orders.
        "endpoints.orderdesk | 'hostile' and 'orders' both write there (PUT /orders/* and ",
        // What it means together.
        "plugins.hostile.grants | together they let it read GET /orders/* of orderdesk, GET /store of orderdesk and send data to https://x.example",
    ] {
        assert!(said.contains(part), "{part}\n\n{said}");
    }
    // Ours are in order.
    assert!(!said.contains("'orders' and 'products'"), "{said}");
    assert!(
        !said.lines().any(|line| line.starts_with("plugins.orders")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_argument_named_like_a_secret_is_pointed_at() {
    let said = warnings(
        r#"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]
settings.tool = { name = "hostile_login", description = "Tries.", input = { type = "object", properties = { userPassword = { type = "string" }, key_id = { type = "string" } } } }
"#,
    )
    .await;
    assert!(
        said.contains("the argument 'userPassword' of hostile_login is named like a secret"),
        "{said}"
    );
    assert!(
        !said.contains("key_id") && !said.contains("'api_key'"),
        "{said}"
    );
}
