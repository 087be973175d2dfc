//! Metrics: each that is listed moves when what it counts happens, and none says who called or what about.

use std::net::TcpListener;
use std::time::Duration;

use end_to_end::{Installation, Server, guest, root};
use orderdesk_mcp::config::KeyLimit;
use orderdesk_mcp::observe::{Kind, LISTED, Listed};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use rustix::process::Signal;
use secrecy::SecretString;
use serde_json::json;

/// The sum over all labels; none where nothing was counted yet.
fn value(text: &str, listed: &Listed) -> Option<f64> {
    let sample = match listed.kind {
        Kind::Counter => format!("{}_total", listed.name),
        Kind::Gauge => listed.name.to_owned(),
        Kind::Histogram => format!("{}_count", listed.name),
    };
    let values: Vec<f64> = text
        .lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(&sample))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn gauges() -> impl Iterator<Item = &'static Listed> {
    let listed = LISTED.iter().copied();
    listed.filter(|listed| listed.kind == Kind::Gauge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_is_listed_moves() {
    let server = Server::builder()
        .plugin(
            "hostile",
            &guest("guest-hostile"),
            "consent = \"operator\"\ngrants.http = [{ endpoint = \"orderdesk\", allow = [\"GET /orders/*\"] }]\nlimits = { cpu = \"300ms\", time = \"10s\", calls = 1 }\n",
        )
        .plugin(
            "listener",
            &guest("guest-listener"),
            "grants.events = [\"orders\"]\n",
        )
        .start()
        .await;
    let problems = server.application.host.registry().problems().to_vec();
    assert!(problems.is_empty(), "{problems:?}");
    let client = server.tenant_with_store("acme").await;
    let metrics = server.application.services.metrics.clone();
    let (store, key) = (sample::HARBOR_AND_OAK_ID, sample::HARBOR_AND_OAK_KEY);
    let order = server.simulator.with_store(store, |store| {
        store
            .orders()
            .next()
            .map(|order| (order.text("id"), order.text("email")))
    });
    let (order, email) = order.flatten().unwrap();

    for _ in 0..2 {
        client
            .call("orders_get", json!({"order_id": order}))
            .await
            .ok();
    }
    for how in ["loop", "panic"] {
        let ended = client.call("hostile_break", json!({"how": how})).await;
        assert!(ended.is_error);
    }
    // One that runs, and one that waits for its place.
    let sleeping: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call("hostile_break", json!({"how": "sleep"})).await })
        })
        .collect();
    loop {
        let text = metrics.text();
        let rising = gauges().filter(|listed| value(&text, listed).is_some_and(|it| it > 0.0));
        if rising.count() == gauges().count() {
            break;
        }
        assert!(!sleeping.iter().all(|call| call.is_finished()), "{text}");
        tokio::task::yield_now().await;
    }
    for call in sleeping {
        assert!(call.await.unwrap().is_error);
    }

    // A trail that cannot be written, and then can.
    let note = json!({"order_id": order, "note": "Call before delivery"});
    let raw = server.raw_database();
    raw.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    .unwrap();
    assert!(client.call("orders_add_note", note).await.is_error);
    raw.execute_batch("DROP TRIGGER full").unwrap();

    // An event, which the listener is handed and cannot tell anybody of.
    let principal = {
        let key = SecretString::from(client.key());
        server
            .application
            .data
            .tenancy
            .authenticate(&key)
            .await
            .unwrap()
    };
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let hooks = &server.application.services.hooks;
    let subject = format!("store:{store}");
    let hook = hooks
        .create(&principal, "orders", &subject, Some(&owners))
        .await
        .unwrap();
    let delivery = server.simulator.send_webhook(
        order.parse().unwrap(),
        &server.page(&format!("/webhooks/{hook}")),
    );
    assert_eq!(delivery.await.unwrap().attempts, [Some(200)]);
    let events = LISTED
        .iter()
        .find(|listed| listed.name.ends_with("_events"))
        .unwrap();
    let handed_over = async {
        while value(&metrics.text(), events).is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), handed_over)
        .await
        .unwrap();

    let text = metrics.text();
    for listed in LISTED {
        let moved = value(&text, listed);
        assert!(
            moved.is_some(),
            "{} is listed and was never counted",
            listed.name
        );
        assert!(
            moved > Some(0.0) || listed.kind == Kind::Gauge,
            "{}",
            listed.name
        );
    }
    for listed in gauges() {
        assert_eq!(value(&text, listed), Some(0.0), "{} goes back", listed.name);
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let name = line.split(' ').next().unwrap();
        assert!(
            LISTED.iter().any(|listed| listed.name == name),
            "{name} is not listed"
        );
    }
    for private in [
        principal.tenant.as_str(),
        principal.key.as_str(),
        client.key(),
        &order,
        &email,
        key,
    ] {
        assert!(
            !text.contains(&format!("\"{private}\"")),
            "{private} in\n{text}"
        );
    }
    server.stop().await;
}

#[test]
fn the_documentation_lists_the_metrics_that_there_are() {
    let path = root().join("docs/operating.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let rows = LISTED.iter().map(|listed| {
        let kind = format!("{:?}", listed.kind).to_lowercase();
        let suffix = if listed.kind == Kind::Counter {
            "_total"
        } else {
            ""
        };
        let labels = listed.labels.join(", ");
        format!(
            "| `{}{suffix}` | {kind} | {labels} | {} |\n",
            listed.name, listed.help
        )
    });
    let table: String = rows.collect();
    assert!(
        text.contains(&table),
        "{} is to hold:\n{table}",
        path.display()
    );
}

#[test]
fn the_documentation_says_the_defaults_that_there_are() {
    let text = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let KeyLimit { per_minute, burst } = KeyLimit::default();
    let limits = orderdesk_mcp::config::Limits::default();
    for (key, default) in [
        ("limits.key.per_minute", per_minute.to_string()),
        ("limits.key.burst", burst.to_string()),
        ("limits.calls", limits.calls.to_string()),
        ("limits.cpu", format!("{:?}", limits.cpu)),
        ("limits.time", format!("{:?}", limits.time)),
        ("limits.http_requests", limits.http_requests.to_string()),
    ] {
        let row = format!("| `{key}` | {default} |");
        assert!(text.contains(&row), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_from_a_listener_of_its_own_or_with_the_token() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let own = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let installation = Installation::new(&simulator, |config| {
        let table = format!("listen = \"{own}\"\ntoken = {{ env = \"METRICS_TOKEN\" }}\n");
        config.insert(
            "metrics".to_owned(),
            toml::Value::Table(table.parse().unwrap()),
        );
    })
    .with_variable("METRICS_TOKEN", "a-token-for-prometheus");
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    agent.call("stores_list", json!({})).await.ok();
    let end_to_end::Agent::Http(client) = &agent else {
        unreachable!()
    };

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.url().replace("/mcp", "/metrics");
    for (url, token, status) in [
        (format!("http://{own}/metrics"), None, 200),
        (page.clone(), Some("a-token-for-prometheus"), 200),
        (page.clone(), Some("another-token-of-that-length"), 401),
        (page.clone(), Some(key.as_str()), 401),
        (page, None, 401),
    ] {
        let mut request = http.get(&url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{url} {token:?}");
        let text = answer.text().await.unwrap();
        assert_eq!(
            text.contains("tool=\"stores_list\""),
            status == 200,
            "{text}"
        );
    }
    process.signal(Signal::TERM);
    assert!(process.ended().await.success());
}
