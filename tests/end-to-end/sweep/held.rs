//! What is held out to somebody, and whoever else picks it up: links, handles, states of calls, sessions, hooks.

use std::collections::BTreeSet;

use end_to_end::{Browser, Client, Page, Server, guest};
use orderdesk_mcp::config::Confirm;
use orderdesk_mcp::tenancy::AccessKey;
use orderdesk_simulator::toggles::HashStyle;
use orderdesk_simulator::{sample, sign};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::ghosts::{masked, turned};

/// The client of another tenant, two answers each: to what is theirs, and to what there is not.
struct Held {
    bell: Client,
    found: Vec<String>,
    compared: usize,
}

/// A status, and a text without what names the thing.
type Told = (u16, String);

impl Held {
    fn same(&mut self, what: &str, (theirs, nothing): (Told, Told)) {
        self.compared += 1;
        if theirs != nothing {
            self.found.push(format!(
                "{what}:\n  theirs {theirs:?}\n  nothing {nothing:?}"
            ));
        }
    }

    /// A call with this in it, and with something of its form that was never given out.
    async fn call(&mut self, what: &str, real: &str, call: impl Fn(&str) -> Value) {
        let bell = self.bell.clone();
        let ask = async |name: &str| {
            let answer = bell.request("tools/call", call(name)).await;
            (answer.status, masked(&answer.text, name))
        };
        let both = (ask(real).await, ask(&other(real)).await);
        self.same(what, both);
    }
}

/// Of the same form, and given to nobody.
fn other(real: &str) -> String {
    let (fixed, rest) = real.split_at(real.len() - 8);
    format!("{fixed}{}", turned(rest))
}

fn link_in(text: &str) -> String {
    let mut words = text.split_whitespace();
    words
        .find(|word| word.contains("/person/"))
        .unwrap()
        .to_owned()
}

/// What a person reads who gives this key at a link.
async fn told_at(url: &str, key: &str) -> Told {
    let mut browser = Browser::default();
    let page: Page = browser.open(url).await;
    let page = browser.submit(&page, &[("access_key", key)]).await;
    let alert = page.html.split("role=\"alert\">").nth(1).unwrap();
    let alert = alert.split('<').next().unwrap();
    // How many attempts are left.
    let alert = alert.replace(|letter: char| letter.is_ascii_digit(), "#");
    (page.status, alert)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_out_to_another_tenant_is_picked_up_by_nobody_else() {
    let reads = r#"grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]"#;
    let server = crate::previews::builder()
        .plugin("hostile", &guest("guest-hostile"), reads)
        .config(|config| {
            config.mcp.confirm = Confirm::Person;
            config.mcp.legacy_sessions = true;
        })
        .start()
        .await;
    let (acme, bell) = (server.tenant("acme").await, server.tenant("bell").await);
    for client in [&acme, &bell] {
        for key in ["a", "b", "c"] {
            let document = json!({"key": key, "value": "here"});
            client.call("changes_set", document).await.ok();
        }
    }
    let mut held = Held {
        bell: bell.clone(),
        found: Vec::new(),
        compared: 0,
    };
    links(&mut held, &acme).await;
    calls(&mut held, &acme).await;
    session(&mut held, &acme).await;
    signatures(&mut held, &server, &acme).await;
    assert!(held.found.is_empty(), "{}", held.found.join("\n"));
    assert_eq!(held.compared, 11);

    // What was tried on it changed nothing: all of it is good for whom it was given to.
    for key in ["a", "b", "c"] {
        let kept = acme.call("changes_get", json!({"key": key})).await.ok();
        assert_eq!(kept["value"], "here");
    }
    server.stop().await;
}

/// Links at which a secret is entered, and at which a change is confirmed.
async fn links(held: &mut Held, acme: &Client) {
    let unknown = AccessKey::generate().unwrap();
    let store = json!({"store_id": "9021"});
    for (tool, arguments, code) in [
        ("stores_register", store, "secret-by-person"),
        (
            "changes_erase",
            json!({"key": "a"}),
            "confirmation-by-person",
        ),
    ] {
        let (said, text) = acme.call(tool, arguments).await.error();
        assert_eq!(said, code, "{text}");
        let url = link_in(&text);
        let both = (
            told_at(&url, held.bell.key()).await,
            told_at(&url, unknown.expose_secret()).await,
        );
        assert_eq!(both.0.0, 403, "{both:?}");
        held.same(&format!("a key at the link of {tool}"), both);
        assert_eq!(Browser::default().open(&url).await.status, 200);
    }
}

/// What a later call brings: the state of a question, the state of a link, the token of a preview, the handle of a secret.
async fn calls(held: &mut Held, acme: &Client) {
    let forms = json!({"elicitation": {"form": {}}});
    let pages = json!({"elicitation": {"form": {}, "url": {}}});
    let bell = held.bell.clone();

    let state = async |client: &Client, tool: &str, arguments: &Value| -> String {
        let call = json!({"name": tool, "arguments": arguments});
        let answer = client.request("tools/call", call).await;
        let state = &answer.json()["result"]["requestState"];
        state
            .as_str()
            .unwrap_or_else(|| panic!("{}", answer.text))
            .to_owned()
    };
    let erase = json!({"key": "b"});
    let asked = state(&acme.declaring(forms.clone()), "changes_erase", &erase).await;
    held.bell = bell.declaring(forms);
    let yes = |state: &str| {
        json!({
            "name": "changes_erase", "arguments": erase, "requestState": state,
            "inputResponses": {"erase": {"action": "accept", "content": {"confirm": true}}},
        })
    };
    held.call("the state of a question", &asked, yes).await;

    let register = json!({"store_id": "9021"});
    let asked = state(&acme.declaring(pages.clone()), "stores_register", &register).await;
    held.bell = bell.declaring(pages.clone());
    let visited = |state: &str| {
        json!({
            "name": "stores_register", "arguments": register, "requestState": state,
            "inputResponses": {"page": {"action": "decline"}},
        })
    };
    // To decline ends the caller's own call that waits, which there is each time.
    let theirs = held.bell.clone();
    let answered = async |link: &str| {
        state(&theirs, "stores_register", &register).await;
        let answer = theirs.request("tools/call", visited(link)).await;
        (answer.status, masked(&answer.text, link))
    };
    let both = (answered(&asked).await, answered(&other(&asked)).await);
    held.same("the state of a link", both);
    // The other tenant's waits still.
    let same = state(&acme.declaring(pages), "stores_register", &register).await;
    assert_eq!(same, asked);
    held.bell = bell;

    let preview = json!({"key": "c", "value": "new", "dry_run": true});
    let preview = acme.call("changes_set", preview).await.ok();
    let confirmed = |token: &str| {
        let arguments = json!({"key": "c", "value": "new", "confirm_token": token});
        json!({"name": "changes_set", "arguments": arguments})
    };
    let token = preview["confirm_token"].as_str().unwrap();
    held.call("the token of a preview", token, confirmed).await;

    let key = json!({"api_key": sample::HARBOR_AND_OAK_KEY});
    let kept = acme.call("hostile_keep", key).await.ok();
    let read = |handle: &str| {
        let arguments = json!({
            "endpoint": "orderdesk", "method": "GET", "path": ["store"], "handle": handle,
            "sealed_in": "ORDERDESK-API-KEY", "headers": [["ORDERDESK-STORE-ID", "9021"]], "act_on": "store:9021",
        });
        json!({"name": "hostile_read", "arguments": arguments})
    };
    let handle = kept["seen"].as_str().unwrap();
    held.call("the handle of a secret", handle, read).await;
    let revoke = |handle: &str| json!({"name": "hostile_spoil", "arguments": {"what": "revoke", "handle": handle}});
    held.call("the handle of a secret, to revoke it", handle, revoke)
        .await;
    // It is the first one's still.
    let reply = acme.request("tools/call", read(handle)).await;
    reply.tool().ok();
}

/// A session of the older era: spoken in, listened to, ended.
async fn session(held: &mut Held, acme: &Client) {
    const ERA: &str = "2025-11-25";
    let message = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    let hello = json!({"protocolVersion": ERA, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
    let begun = acme
        .prepared(ERA)
        .body(message("initialize", hello))
        .send()
        .await
        .unwrap();
    let real = begun.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for method in ["POST", "GET", "DELETE"] {
        let ask = async |id: &str| {
            let (url, key) = (held.bell.url(), held.bell.key());
            let request = match method {
                "POST" => held
                    .bell
                    .prepared(ERA)
                    .body(message("tools/list", json!({}))),
                "GET" => http
                    .get(url)
                    .bearer_auth(key)
                    .header("Accept", "text/event-stream"),
                _ => http.delete(url).bearer_auth(key),
            };
            let request = request.header("MCP-Protocol-Version", ERA);
            let answer = request.header("Mcp-Session-Id", id).send().await.unwrap();
            (
                answer.status().as_u16(),
                masked(&answer.text().await.unwrap(), id),
            )
        };
        let both = (ask(&real).await, ask(&other(&real)).await);
        assert_eq!(both.0.0, 404, "{both:?}");
        held.same(&format!("{method} in a session"), both);
    }
    // It is there still.
    let list = acme.prepared(ERA).body(message("tools/list", json!({})));
    let list = list.header("Mcp-Session-Id", &real).send().await.unwrap();
    assert_eq!(list.status(), 200);
}

/// A request through a hook that somebody signed with a key of their own.
async fn signatures(held: &mut Held, server: &Server, acme: &Client) {
    let store =
        json!({"store_id": sample::HARBOR_AND_OAK_ID, "api_key": sample::HARBOR_AND_OAK_KEY});
    acme.call("stores_register", store).await.ok();
    let url = server.page(&format!("/webhooks/{}", hook(server, acme).await));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = r#"{"id":"5512034"}"#;
    let post = async |key: &str| {
        let request = http
            .post(&url)
            .header(
                "x-order-desk-store-id",
                sample::HARBOR_AND_OAK_ID.to_string(),
            )
            .header("x-order-desk-hash", sign(body, key, HashStyle::Raw));
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let both = (
        post(sample::NORTH_PIER_KEY).await,
        post("nobody's key").await,
    );
    held.same("a signature with another store's key", both);
    assert_eq!(post(sample::HARBOR_AND_OAK_KEY).await.0, 200);
}

/// A hook of the orders plugin for a store that the tenant registered: its id.
async fn hook(server: &Server, acme: &Client) -> String {
    let key = SecretString::from(acme.key());
    let tenancy = &server.application.data.tenancy;
    let principal = tenancy.authenticate(&key).await.unwrap();
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let subject = format!("store:{}", sample::HARBOR_AND_OAK_ID);
    let hooks = &server.application.services.hooks;
    hooks
        .create(&principal, "orders", &subject, Some(&owners))
        .await
        .unwrap()
}

/// A hook's URL is all that opens it: what lists show of it opens nothing.
pub(super) async fn door(server: &Server, acme: &Client) {
    let id = hook(server, acme).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = BTreeSet::new();
    for guess in [
        id[..8].to_owned(),
        turned(&id[..8]),
        turned(&id),
        "0".repeat(32),
    ] {
        let url = server.page(&format!("/webhooks/{guess}"));
        let answer = http.post(url).body("{}").send().await.unwrap();
        answers.insert((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    assert_eq!(answers, BTreeSet::from([(404, String::new())]));
}
