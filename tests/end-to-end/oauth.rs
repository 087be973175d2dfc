//! This server as an OAuth 2.1 resource server: who comes with a token of the issuer, and who does not.

use std::time::Duration;

use end_to_end::{Client, Installation, Issuer, Reply, Server};
use orderdesk_mcp::tenancy::{Identity, KeyId, Scopes};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::previews;

const BOTH: &str = "tools:read tools:write";
const READ: &str = "tools:read";

/// A server that takes the tokens of an issuer, and a tenant that let 'ada' in.
struct House {
    server: Server,
    issuer: Issuer,
    master: Client,
    ada: KeyId,
}

impl House {
    async fn start(scopes: Scopes) -> Self {
        let issuer = Issuer::start().await;
        let oauth = issuer.oauth();
        let builder = previews::builder().config(move |config| config.oauth = Some(oauth));
        let server = builder.start().await;
        let master = server.tenant("acme").await;
        let ada = admit(&server, &master, &issuer, "ada", scopes).await;
        Self {
            server,
            issuer,
            master,
            ada,
        }
    }

    /// A client with a token of this issuer, for this server.
    fn client(&self, subject: &str, scope: &str) -> Client {
        let claims = self.issuer.claims(subject, &self.server.url(), scope);
        self.server.client(&self.issuer.sign(&claims))
    }

    /// What a good token of 'ada' is answered if this claim is another.
    async fn answer(&self, claim: &str, value: Value) -> Reply {
        let mut claims = self.issuer.claims("ada", &self.server.url(), BOTH);
        claims[claim] = value;
        let token = self.issuer.sign(&claims);
        list(&self.server.client(&token)).await
    }

    fn challenge(&self) -> String {
        let metadata = self
            .server
            .page("/.well-known/oauth-protected-resource/mcp");
        format!("resource_metadata=\"{metadata}\"")
    }
}

async fn admit(
    server: &Server,
    master: &Client,
    issuer: &Issuer,
    subject: &str,
    scopes: Scopes,
) -> KeyId {
    let tenancy = &server.application.data.tenancy;
    let key = SecretString::from(master.key());
    let maker = tenancy.authenticate(&key).await.unwrap();
    let identity = Identity {
        issuer: issuer.url().to_owned(),
        subject: subject.to_owned(),
    };
    let admitted = tenancy
        .admit_identity(&maker, subject, &identity, scopes, None)
        .await;
    admitted.unwrap().key_id
}

async fn list(client: &Client) -> Reply {
    client.request("tools/list", json!({})).await
}

fn challenge(reply: &Reply) -> &str {
    reply.headers["www-authenticate"].to_str().unwrap()
}

fn set(value: &str) -> Value {
    json!({"key": "a", "value": value})
}

async fn page(url: &str) -> Reply {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(url).send().await.unwrap();
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_well_known_paths_say_whose_tokens_are_taken_and_without_an_issuer_there_are_none() {
    let house = House::start(Scopes::default()).await;
    let expected = json!({
        "resource": house.server.url(),
        "resource_name": "orderdesk-mcp",
        "authorization_servers": [house.issuer.url()],
        "scopes_supported": [READ, "tools:write"],
        "bearer_methods_supported": ["header"],
    });
    for path in ["", "/mcp"] {
        let url = format!("/.well-known/oauth-protected-resource{path}");
        let metadata = page(&house.server.page(&url)).await;
        assert_eq!(metadata.status, 200);
        assert_eq!(metadata.json(), expected, "{path}");
    }
    house.server.stop().await;

    let plain = Server::start().await;
    let url = plain.page("/.well-known/oauth-protected-resource");
    assert_eq!(page(&url).await.status, 404);
    let refused = list(&plain.client("")).await;
    assert_eq!(challenge(&refused), "Bearer realm=\"orderdesk-mcp\"");
    plain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_without_a_good_token_is_told_where_to_get_one_and_not_what_was_wrong() {
    let house = House::start(Scopes::default()).await;
    let where_to = house.challenge();
    let nothing = list(&house.server.client("")).await;
    assert_eq!(nothing.status, 401);
    assert_eq!(
        challenge(&nothing),
        format!("Bearer realm=\"orderdesk-mcp\", {where_to}, scope=\"tools:read\"")
    );

    let invalid = format!(
        "Bearer realm=\"orderdesk-mcp\", error=\"invalid_token\", {where_to}, scope=\"tools:read\""
    );
    let mut answers = Vec::new();
    for (claim, value) in [
        ("aud", json!("https://other.example/mcp")),
        ("iss", json!("https://other.example")),
        ("sub", json!("mallory")),
        ("nbf", json!(4_000_000_000_u64)),
        ("exp", json!(1_000_000_000)),
    ] {
        let refused = house.answer(claim, value).await;
        assert_eq!(
            (refused.status, challenge(&refused)),
            (401, &*invalid),
            "{claim}"
        );
        answers.push(refused.text);
    }
    let stranger = Issuer::start().await;
    let forged = stranger.sign(&house.issuer.claims("ada", &house.server.url(), BOTH));
    let refused = list(&house.server.client(&forged)).await;
    assert_eq!((refused.status, challenge(&refused)), (401, &*invalid));
    answers.push(refused.text);
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer for all: {answers:?}");

    // A wrong key is answered so, too, and a good one is as good as ever.
    let refused = list(&house.server.client("odm_nonsense")).await;
    assert_eq!((refused.status, challenge(&refused)), (401, &*invalid));
    assert_eq!(list(&house.master).await.status, 200);
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_its_tenant_within_the_limits_of_the_identity() {
    let scopes = Scopes {
        tools: Some(vec!["changes_get".into(), "changes_set".into()]),
        ..Scopes::default()
    };
    let house = House::start(scopes).await;
    house.master.call("changes_set", set("one")).await.ok();
    let ada = house.client("ada", BOTH);
    let read = ada.call("changes_get", json!({"key": "a"})).await.ok();
    assert_eq!(read["value"], "one", "what its tenant has");
    ada.call("changes_set", set("two")).await.ok();
    assert_eq!(previews::value(&house.master, "a").await, "two");
    let mut names: Vec<String> = ada
        .tools()
        .await
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["changes_get", "changes_set"]);

    // Of either era, at every page.
    assert_eq!(ada.legacy("tools/list", json!({})).await.status, 200);
    let reading = ada.at("/readonly").tools().await;
    assert_eq!(reading.len(), 1, "{reading:?}");
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_to_read_lists_everything_previews_and_is_told_all_scopes_for_a_change() {
    let house = House::start(Scopes::default()).await;
    let ada = house.client("ada", READ);
    assert_eq!(ada.tools().await.len(), house.master.tools().await.len());
    let held = ada.call("changes_get", json!({"key": "a"})).await.ok();
    assert_eq!(held["value"], Value::Null);
    let preview = json!({"key": "a", "value": "new", "dry_run": true});
    let preview = ada.call("changes_set", preview).await.ok();
    let token = preview["confirm_token"].as_str().unwrap();

    let confirmed = json!({"key": "a", "value": "new", "confirm_token": token});
    for arguments in [set("new"), confirmed.clone()] {
        let call = json!({"name": "changes_set", "arguments": arguments});
        for reply in [
            ada.request("tools/call", call.clone()).await,
            ada.legacy("tools/call", call.clone()).await,
        ] {
            assert_eq!(reply.status, 403, "{}", reply.text);
            assert_eq!(
                challenge(&reply),
                format!(
                    "Bearer realm=\"orderdesk-mcp\", error=\"insufficient_scope\", scope=\"tools:read tools:write\", {}",
                    house.challenge()
                )
            );
        }
    }
    assert_eq!(previews::value(&house.master, "a").await, Value::Null);

    // The client comes back with a wider token of the same person: what was previewed is still good.
    let wider = house.client("ada", BOTH);
    wider.call("changes_set", confirmed).await.ok();
    assert_eq!(previews::value(&house.master, "a").await, "new");
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wider_token_is_asked_for_only_where_it_would_help() {
    let scopes = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let house = House::start(scopes).await;
    let ada = house.client("ada", READ);
    let (code, _) = ada.call("changes_set", set("new")).await.error();
    assert_eq!(code, "read-only-key");
    admit(
        &house.server,
        &house.master,
        &house.issuer,
        "bob",
        Scopes::default(),
    )
    .await;
    let bob = house.client("bob", READ);
    let unknown = bob
        .request(
            "tools/call",
            json!({"name": "changes_sett", "arguments": {}}),
        )
        .await;
    assert!(unknown.text.contains("changes_set"), "{}", unknown.text);
    let readonly = bob.at("/readonly");
    let (code, _) = readonly.call("changes_set", set("new")).await.error();
    assert_eq!(code, "read-only-url");
    assert_eq!(previews::value(&house.master, "a").await, Value::Null);

    // A token without any of the scopes is for nothing.
    let nothing = house.client("bob", "openid profile");
    for (method, params, scope) in [
        ("tools/list", json!({}), "tools:read"),
        (
            "tools/call",
            json!({"name": "changes_get", "arguments": {"key": "a"}}),
            "tools:read",
        ),
        (
            "tools/call",
            json!({"name": "changes_set", "arguments": set("new")}),
            BOTH,
        ),
    ] {
        let reply = nothing.request(method, params).await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        let expected = format!("error=\"insufficient_scope\", scope=\"{scope}\"");
        assert!(
            challenge(&reply).contains(&expected),
            "{}",
            challenge(&reply)
        );
    }
    // Writing includes reading.
    let writer = house.client("bob", "tools:write");
    assert_eq!(previews::value(&writer, "a").await, Value::Null);
    writer.call("changes_set", set("new")).await.ok();
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_identity_is_out_with_the_next_request_whatever_its_token_says() {
    let house = House::start(Scopes::default()).await;
    let ada = house.client("ada", BOTH);
    assert_eq!(list(&ada).await.status, 200);
    let tenancy = &house.server.application.data.tenancy;
    let key = SecretString::from(house.master.key());
    let tenant = tenancy.authenticate(&key).await.unwrap().tenant;
    tenancy.revoke_key(&tenant, &house.ada).await.unwrap();
    assert_eq!(list(&ada).await.status, 401);
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_url_is_none() {
    let house = House::start(Scopes::default()).await;
    let token = house
        .issuer
        .sign(&house.issuer.claims("ada", &house.server.url(), BOTH));
    for name in ["access_token", "token", "authorization"] {
        let client = house.server.client("").at(&format!("?{name}={token}"));
        assert_eq!(list(&client).await.status, 401, "{name}");
    }
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_tokens_are_always_told_so_and_wrong_ones_are_counted() {
    let house = House::start(Scopes::default()).await;
    for _ in 0..30 {
        let expired = house.answer("exp", json!(1_000_000_000)).await;
        assert_eq!(
            expired.status, 401,
            "a client has to learn that it needs another"
        );
    }
    let mut statuses = Vec::new();
    for _ in 0..15 {
        statuses.push(
            house
                .answer("aud", json!("https://other.example"))
                .await
                .status,
        );
    }
    assert_eq!((statuses[0], statuses[14]), (401, 429), "{statuses:?}");
    assert_eq!(list(&house.client("ada", READ)).await.status, 200);
    house.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_away_keeps_out_only_who_comes_first() {
    let issuer = Issuer::start().await;
    issuer.is_up(false);
    let oauth = issuer.oauth();
    let server = Server::builder()
        .config(move |config| config.oauth = Some(oauth))
        .start()
        .await;
    let master = server.tenant("acme").await;
    admit(&server, &master, &issuer, "ada", Scopes::default()).await;
    let claims = issuer.claims("ada", &server.url(), READ);
    let ada = server.client(&issuer.sign(&claims));
    let away = list(&ada).await;
    assert_eq!(away.status, 503, "{}", away.text);
    assert!(
        !away.headers.contains_key("www-authenticate"),
        "no need for another token"
    );
    assert_eq!(list(&master).await.status, 200, "keys need no issuer");

    issuer.is_up(true);
    let back = async {
        while list(&ada).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back)
        .await
        .unwrap();
    issuer.is_up(false);
    assert_eq!(list(&ada).await.status, 200, "its keys are known");
    assert_eq!(issuer.asked(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_key_may_look_like_a_token_where_there_is_no_issuer() {
    let server = Server::start().await;
    let issuer = Issuer::start().await;
    let claims = json!({"jti": "7f0e5a1cb2d94c0f8a63e1d2b4c5a697"});
    let key = issuer.sign(&claims);
    let tenancy = &server.application.data.tenancy;
    let created = tenancy
        .create_tenant_with_key("acme", &SecretString::from(key.as_str()))
        .await;
    created.unwrap();
    assert_eq!(list(&server.client(&key)).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_are_let_in_listed_and_revoked_by_the_command_line() {
    let issuer = Issuer::start().await;
    let config = SimulatorConfig::sample(7, Clock::System);
    let simulator = Simulator::start(config).await.unwrap();
    let place = Installation::new(&simulator, |_| {});
    let master = place.tenant("acme").await;
    let create = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--name",
        "Ada",
        "--identity",
        "ada",
        "--read-only",
    ];
    let error = place.try_run(&create, Some(&master)).await.unwrap_err();
    assert!(error.contains("[oauth] issuer"), "{error}");

    let url = issuer.url().to_owned();
    place.change(|config| {
        let oauth = toml::Table::from_iter([("issuer".to_owned(), url.into())]);
        config.insert("oauth".to_owned(), oauth.into());
    });
    let made = place.run(&create, Some(&master)).await;
    let id = made["key_id"].as_str().unwrap();
    let identity = json!({"issuer": issuer.url(), "subject": "ada"});
    assert_eq!(
        made,
        json!({"key_id": id, "identity": identity, "expires_at": null})
    );
    let error = place.try_run(&create, Some(&master)).await.unwrap_err();
    assert!(error.contains(&format!("keys revoke {id}")), "{error}");
    let rotate = ["keys", "rotate", id];
    let error = place.try_run(&rotate, Some(&master)).await.unwrap_err();
    assert!(error.contains("no key to replace"), "{error}");

    let (_process, client) = place.serve_with(&master, &[]).await;
    let token = issuer.sign(&issuer.claims("ada", client.url(), BOTH));
    let ada = Client::new(client.url().to_owned(), SecretString::from(token));
    assert_eq!(list(&ada).await.status, 200);
    let listed = place.run(&["keys", "list", "--tenant", "acme"], None).await;
    let keys = listed["keys"].as_array().unwrap();
    let row = keys.iter().find(|key| key["key_id"] == id).unwrap();
    assert_eq!(
        (&row["identity"], &row["read_only"]),
        (&identity, &json!(true))
    );
    let text = place
        .output(&["keys", "list", "--tenant", "acme"], None)
        .await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains(&format!("tokens of {} for ada", issuer.url())),
        "{text}"
    );

    place.run(&["keys", "revoke", id], None).await;
    assert_eq!(list(&ada).await.status, 401);
    let again = place.run(&create, Some(&master)).await;
    assert_ne!(again["key_id"], id);
    assert_eq!(list(&ada).await.status, 200);

    let check = place.output(&["check", "--json"], None).await;
    assert!(!String::from_utf8_lossy(&check.stdout).contains("oauth"));
    issuer.is_up(false);
    let check = place.output(&["check", "--json"], None).await;
    let check = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(
        check.contains("oauth.issuer") && check.contains("503"),
        "{check}"
    );
}
