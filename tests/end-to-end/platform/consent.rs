//! A tenant agrees, outside of MCP and with its master key, before a stranger's plugin touches what is the tenant's.

use std::time::Duration;

use end_to_end::{Agent, Client, Installation, Server, ServerBuilder, Stream, guest};
use orderdesk_mcp::tenancy::{Principal, Scopes};
use orderdesk_simulator::{Clock, Fault, Simulator, SimulatorConfig, sample};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{complaint, insert, printed, stranger};

const GRANTS: &str = r#"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store", "GET /orders/*"] }]
grants.tools = ["stores_list"]
grants.read = ["stores"]
consent = "tenant"
"#;

async fn simulator() -> Simulator {
    Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap()
}

fn list_stores() -> Value {
    json!({"tool": "stores_list", "arguments": {}})
}

fn http(agent: &Agent) -> &Client {
    match agent {
        Agent::Http(client) => client,
        Agent::Stdio(_) => panic!("not over HTTP"),
    }
}

async fn lists_it(client: &Client) -> bool {
    let tools = client.tools().await;
    tools.iter().any(|tool| tool["name"] == "hostile_peer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_command_line_it_is_given_and_withdrawn_for_every_process_at_once() {
    let simulator = simulator().await;
    let installation = Installation::new(&simulator, |config| {
        insert(config, "hostile", stranger(GRANTS));
    });
    let key = installation.tenant("acme").await;
    let other = installation.tenant("rival").await;
    let (_process, agent) = installation.serve(&key).await;
    let client = http(&agent);
    let rival = Client::new(client.url().to_owned(), SecretString::from(other));
    assert!(!lists_it(client).await);
    let (code, text) = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(code, "consent-missing", "{text}");
    assert!(text.contains("tenants consent --plugin hostile"), "{text}");

    let consent = [
        "tenants", "consent", "--tenant", "acme", "--plugin", "hostile",
    ];
    let with = |more: &[&'static str]| [&consent[..], more, &["--json"]].concat();
    // Nobody there to be asked, nobody's key, somebody else's key.
    for (arguments, key, says) in [
        (with(&[]), Some(&*key), "--yes"),
        (with(&["--yes"]), None, "is needed"),
        (with(&["--yes"]), Some(rival.key()), "not of 'acme'"),
    ] {
        let said = complaint(&installation.output(&arguments, key).await);
        assert!(said.contains(says), "{said}");
    }
    assert!(!lists_it(client).await);

    let lists = json!({"toolsListChanged": true});
    let mut stream = Stream::listen(client, lists.clone()).await;
    let given = printed(&installation.output(&with(&["--yes"]), Some(&key)).await);
    stream.until("notifications/tools/list_changed").await;
    let grants = given["grants"].to_string();
    for line in [
        "GET /store at orderdesk",
        "orderdesk-api-key",
        "stores_list",
        "'stores'",
    ] {
        assert!(grants.contains(line), "{line}: {grants}");
    }
    assert!(lists_it(client).await);
    client.call("hostile_peer", list_stores()).await.ok();
    // One tenant's yes is nobody else's.
    assert!(!lists_it(&rival).await);
    let refused = rival.call("hostile_peer", list_stores()).await.error();
    assert_eq!(refused.0, "consent-missing");
    let list = ["tenants", "consent", "--tenant", "acme", "--list", "--json"];
    let listed = printed(&installation.output(&list, None).await);
    assert_eq!(listed["consents"][0]["plugin"], "hostile");
    assert_eq!(listed["consents"][0]["digest"], given["digest"]);
    // For people.
    let shown = installation
        .output(&[&consent[..], &["--yes"]].concat(), Some(&key))
        .await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("to use what others may") && shown.contains("nobody signed it"),
        "{shown}"
    );

    let told = installation.raw_database();
    let told = |action: &str| -> i64 {
        let sql = "SELECT count(*) FROM audit WHERE action = ?1 AND outcome = 'ok'";
        told.query_row(sql, [action], |row| row.get(0)).unwrap()
    };
    assert_eq!(told("tenants.consent"), 2);
    let mut stream = Stream::listen(client, lists).await;
    let withdrawn = printed(
        &installation
            .output(&with(&["--withdraw"]), Some(&key))
            .await,
    );
    assert_eq!(withdrawn["withdrawn"], true);
    stream.until("notifications/tools/list_changed").await;
    assert_eq!(told("tenants.consent.withdraw"), 1);
    assert!(!lists_it(client).await);
    let refused = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(refused.0, "consent-missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_own_tenant_and_the_plugins_that_ship_need_none() {
    let simulator = simulator().await;
    let installation = Installation::new(&simulator, |config| {
        insert(config, "hostile", stranger(GRANTS));
    });
    let local = printed(
        &installation
            .output(
                &["call", "hostile_peer", &list_stores().to_string(), "--json"],
                None,
            )
            .await,
    );
    assert_eq!(local["is_error"], false, "{local}");
    let key = installation.tenant("acme").await;
    let mine = installation
        .output(
            &["call", "stores_list", "--tenant", "acme", "--json"],
            Some(&key),
        )
        .await;
    assert_eq!(printed(&mine)["is_error"], false);
    let consent = [
        "tenants", "consent", "--tenant", "acme", "--plugin", "orders", "--yes",
    ];
    let said = complaint(&installation.output(&consent, Some(&key)).await);
    assert!(said.contains("needs no consent"), "{said}");
}

/// In this process, where a test can look on.
fn builder(lines: &str) -> ServerBuilder {
    Server::builder().plugin(
        "hostile",
        &guest("guest-hostile"),
        &format!("{GRANTS}{lines}"),
    )
}

async fn principal(server: &Server, client: &Client) -> Principal {
    let key = SecretString::from(client.key());
    let tenancy = &server.application.data.tenancy;
    tenancy.authenticate(&key).await.unwrap()
}

async fn agree(server: &Server, client: &Client, subjects: Option<&[&str]>) {
    let loaded = server.application.host.about("hostile").unwrap();
    let terms = loaded.plugin.grantee.consent.clone().unwrap();
    let subjects = subjects.map(|all| all.iter().map(|it| (*it).to_owned()).collect());
    let consents = &server.application.services.consents;
    consents
        .agree(&principal(server, client).await, &terms, subjects)
        .await
        .unwrap();
}

async fn withdraw(server: &Server, client: &Client) {
    let principal = principal(server, client).await;
    let consents = &server.application.services.consents;
    assert!(consents.withdraw(&principal, "hostile").await.unwrap());
}

async fn key_of(client: &Client) -> String {
    let kept = json!({"api_key": sample::HARBOR_AND_OAK_KEY});
    let kept = client.call("hostile_keep", kept).await.ok();
    kept["seen"].as_str().unwrap().to_owned()
}

fn asked(handle: &str, subject: &str, times: u32) -> Value {
    json!({
        "endpoint": "orderdesk", "method": "GET", "path": ["store"], "act_on": subject, "times": times,
        "handle": handle, "sealed_in": "ORDERDESK-API-KEY",
        "headers": [["ORDERDESK-STORE-ID", "9021"]],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_counts_in_the_middle_of_a_call() {
    let server = builder("").start().await;
    let client = server.tenant_with_store("acme").await;
    agree(&server, &client, None).await;
    let handle = key_of(&client).await;
    let (fault, held) = Fault::hold();
    server.simulator.inject(fault.on("GET", "/store"));
    let before = server.simulator.requests().len();
    let calling = tokio::spawn({
        let client = client.clone();
        async move {
            client
                .call("hostile_request", asked(&handle, "store:9021", 3))
                .await
        }
    });
    held.arrived().await;
    withdraw(&server, &client).await;
    held.release();
    let (code, text) = calling.await.unwrap().error();
    assert_eq!(code, "consent-missing", "{text}");
    assert_eq!(server.simulator.requests().len(), before + 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_to_some_stores_reaches_no_other() {
    let server = builder("").start().await;
    let client = server.tenant_with_store("acme").await;
    let (other, key, _) = server.simulator.stores().into_iter().nth(1).unwrap();
    let register = json!({"store_id": other, "api_key": key});
    client.call("stores_register", register).await.ok();
    agree(&server, &client, Some(&["store:9021"])).await;
    let handle = key_of(&client).await;
    client
        .call("hostile_request", asked(&handle, "store:9021", 1))
        .await
        .ok();
    let elsewhere = asked(&handle, &format!("store:{other}"), 1);
    let refused = client.call("hostile_request", elsewhere).await.error();
    assert_eq!(refused.0, "subject-not-found");
    // Neither through another plugin's tool nor in its documents.
    let all = json!({"namespace": "stores", "prefix": ""});
    for (tool, arguments) in [("hostile_peer", list_stores()), ("hostile_document", all)] {
        let seen = client.call(tool, arguments).await.ok().to_string();
        assert!(seen.contains("9021"), "{tool}: {seen}");
        assert!(!seen.contains(&other.to_string()), "{tool}: {seen}");
    }
    // The tenant itself sees both.
    let stores = client.call("stores_list", json!({})).await.ok();
    assert_eq!(stores["stores"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wider_grant_suspends_it_and_a_narrower_one_does_not() {
    let server = builder("").start().await;
    let client = server.tenant("acme").await;
    agree(&server, &client, None).await;
    let mut config = server.config.clone();
    let grants = |config: &mut orderdesk_mcp::config::Config, tools: &[&str]| {
        let plugin = config.plugins.get_mut("hostile").unwrap();
        plugin.grants.tools = tools.iter().map(|it| (*it).to_owned()).collect();
    };
    grants(&mut config, &["stores_list", "echo_say"]);
    server.application.host.reload(&config).await;
    assert!(!lists_it(&client).await);
    let (code, text) = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(code, "consent-suspended", "{text}");
    assert!(text.contains("echo_say"), "{text}");

    grants(&mut config, &[]);
    server.application.host.reload(&config).await;
    assert!(lists_it(&client).await);
    let refused = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(refused.0, "not-granted");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_prompts_and_completion_wait_for_it_too() {
    let offers = r#"
settings.resource = { uri = "hostile://{id}", name = "r", mime = "text/plain", answer = { bytes = 3, pieces = 1, values = 1 } }
settings.prompt = { name = "hostile_p", messages = 1, bytes = 3 }
"#;
    let server = builder(offers).start().await;
    let client = server.tenant("acme").await;
    let seen = async || {
        let templates = client.request("resources/templates/list", json!({})).await;
        let prompts = client.request("prompts/list", json!({})).await;
        (
            templates.text.contains("hostile://"),
            prompts.text.contains("hostile_p"),
        )
    };
    let asks = [
        ("resources/read", json!({"uri": "hostile://1"})),
        ("prompts/get", json!({"name": "hostile_p"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "hostile://{id}"}, "argument": {"name": "id", "value": ""}}),
        ),
    ];
    assert_eq!(seen().await, (false, false));
    for (method, params) in &asks {
        let refused = client.request(method, params.clone()).await.json();
        assert_eq!(
            refused["error"]["data"]["code"], "consent-missing",
            "{refused}"
        );
    }
    agree(&server, &client, None).await;
    assert_eq!(seen().await, (true, true));
    for (method, params) in &asks {
        let answered = client.request(method, params.clone()).await.json();
        assert!(answered["result"].is_object(), "{answered}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_through_hooks_wait_for_it_too() {
    let server = builder("").start().await;
    let client = server.tenant("acme").await;
    let principal = principal(&server, &client).await;
    let hooks = &server.application.services.hooks;
    let id = hooks
        .create(&principal, "hostile", "store:9021", None)
        .await
        .unwrap();
    let url = server.page(&format!("/webhooks/{id}"));
    let send = async || {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(&url).timeout(Duration::from_secs(30)).body("{}");
        request.send().await.unwrap().status().as_u16()
    };
    // Whoever sends comes again later.
    assert_eq!(send().await, 503);
    agree(&server, &client, Some(&["store:9022"])).await;
    assert_eq!(send().await, 503);
    agree(&server, &client, Some(&["store:9021"])).await;
    assert_eq!(send().await, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_limits_agrees_to_nothing() {
    let server = builder("").start().await;
    let client = server.tenant("acme").await;
    let scopes = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let limited = server.limited(&client, scopes).await;
    let loaded = server.application.host.about("hostile").unwrap();
    let terms = loaded.plugin.grantee.consent.clone().unwrap();
    let limited = principal(&server, &limited).await;
    let consents = &server.application.services.consents;
    let refused = consents.agree(&limited, &terms, None).await.unwrap_err();
    assert!(refused.to_string().contains("master key"), "{refused}");
    assert!(!lists_it(&client).await);
    server.stop().await;
}
