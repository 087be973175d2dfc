//! The sweep: whatever belongs to one tenant is, with another's key, answered exactly like what does not exist.
//!
//! Generated over what the server lists (tools of all sets, resources, templates, prompts), so that a new tool is covered by
//! itself. An argument of which the sweep does not know whether it refers to something, or which it cannot fill, fails it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use end_to_end::{Client, Server};
use orderdesk_mcp::tenancy::Scopes;
use orderdesk_simulator::sample;
use regex::Regex;
use serde_json::{Map, Value, json};

/// Arguments that refer to something of a tenant, and to what.
const REFERENCES: &[(&str, &str)] = &[
    ("change_id", "change"),
    ("code", "product code"),
    ("confirm_token", "token"),
    ("cursor", "cursor"),
    ("customer_id", "customer"),
    ("destination_folder_id", "folder"),
    ("email", "e-mail"),
    ("folder_id", "folder"),
    ("identifier", "store"),
    ("master_key", "key"),
    ("order_id", "order"),
    ("order_id_list", "order"),
    ("product_id", "product"),
    ("shipment_id", "shipment"),
    ("source_id", "source"),
    ("store_id", "store"),
    ("store_identifier", "store"),
    ("subject", "subject"),
];

/// Arguments whose names look like those of references, and why they are none.
const NO_REFERENCES: &[(&str, &str)] = &[
    (
        "idempotency_key",
        "the caller's own word; where it is kept, the tenant's documents are",
    ),
    ("item_id", "looked for in the order that is named beside it"),
    ("api_key", "a secret that is checked against Order Desk"),
];

/// What is sent for arguments that refer to nothing: by tool and name, or by name.
fn plain(tool: &str, name: &str, mine: &Harvest) -> Option<Value> {
    Some(match (tool, name) {
        ("products_update", "changes") => json!({"price": 12.5}),
        ("shipments_update", "changes") => json!({"tracking_number": "SWEEP2"}),
        (_, "changes") => json!({"email": "someone@example.com"}),
        ("orders_create", "order_data") => json!({
            "source_id": "SWEEP-1", "email": "someone@example.com",
            "shipping": {"first_name": "Ann", "last_name": "Lee"},
            "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}],
        }),
        ("products_create", "products" | "product" | "product_data") => {
            json!({"name": "Desk", "code": "SWEEP-D-1", "price": 10})
        }
        (_, "items") => {
            json!([{"code": mine.one("product code"), "name": "Desk", "price": 1, "quantity": 1}])
        }
        (_, "filter") => json!({"folder_name": "New"}),
        (_, "adjustments") => json!([{"code": mine.one("product code"), "by": 1}]),
        (_, "shipments") => json!([{"order_id": mine.one("order"), "tracking_number": "SWEEP1"}]),
        (_, "api_key") => json!(sample::NORTH_PIER_KEY),
        _ => return None,
    })
}

/// What belongs to a tenant, by kind.
#[derive(Default)]
struct Harvest(BTreeMap<&'static str, Vec<String>>);

impl Harvest {
    fn one(&self, kind: &str) -> String {
        let all = self.0.get(kind);
        all.and_then(|all| all.first().cloned())
            .unwrap_or_else(|| panic!("nothing of the kind '{kind}' was made"))
    }

    fn add(&mut self, kind: &'static str, value: impl Into<String>) {
        self.0.entry(kind).or_default().push(value.into());
    }
}

/// Of the same form as `real`, and naming nothing.
fn ghost(kind: &str, real: &str) -> String {
    match kind {
        // A place in a list that is ordered by time: the same moment, and no change of it.
        "cursor of orders_changes" => {
            let (moment, rest) = real.split_at(real.len() - 4);
            format!("{moment}{}", turned(rest))
        }
        // Of the same form, and of a search that nobody made.
        "cursor of orders_list"
        | "cursor of products_list"
        | "cursor of orders_history"
        | "cursor of shipments_list" => {
            let cursor = BASE64_URL_SAFE_NO_PAD.decode(real).unwrap();
            let mut cursor: Value = serde_json::from_slice(&cursor).unwrap();
            cursor["search"] = turned(cursor["search"].as_str().unwrap()).into();
            BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string())
        }
        _ => turned(real),
    }
}

fn turned(real: &str) -> String {
    if let Ok(sample::HARBOR_AND_OAK_ID) = real.parse() {
        // As near to the other store's id, which is offered to who mistypes it.
        return "9023".to_owned();
    }
    let (fixed, rest) = match real.split_once('_') {
        Some((prefix @ ("odm" | "odc"), rest)) => (format!("{prefix}_"), rest),
        _ => (String::new(), real),
    };
    let (kind, rest) = match rest.split_once(':') {
        Some((kind, rest)) => (format!("{kind}:"), rest),
        None => (String::new(), rest),
    };
    let hexadecimal = rest.bytes().all(|it| it.is_ascii_hexdigit());
    let turned = rest.chars().map(|it| match it {
        '0'..='9' => turn(it, b'0', 10),
        'a'..='f' if hexadecimal => turn(it, b'a', 6),
        'a'..='z' => turn(it, b'a', 26),
        'A'..='Z' => turn(it, b'A', 26),
        other => other,
    });
    format!("{fixed}{kind}{}", turned.collect::<String>())
}

fn turn(letter: char, first: u8, of: u8) -> char {
    let at = u8::try_from(letter).unwrap() - first;
    char::from(first + (at + 3) % of)
}

/// What differs between two answers about nothing: the name of the nothing, and what is new in each.
fn masked(answer: &str, name: &str) -> String {
    static NEW: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"correlation id [0-9a-f]+|\\?"(correlation_id|expires_at|confirm_token|duration_ms)\\?":\s*\\?("[^"\\]*\\?"|\d+)|odc_[0-9A-Za-z]+|odl_[0-9A-Za-z_-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"#,
        )
        .unwrap()
    });
    let escaped = serde_json::to_string(name).unwrap();
    let escaped = escaped.trim_matches('"');
    let answer = answer.replace(escaped, "…").replace(name, "…");
    NEW.replace_all(&answer, "~").into_owned()
}

fn shown(answer: &str) -> String {
    answer.chars().skip(60).take(500).collect()
}

struct Sweep {
    client: Client,
    theirs: Harvest,
    mine: Harvest,
    found: Vec<String>,
    compared: BTreeSet<String>,
}

impl Sweep {
    /// The same request about what is theirs and about nothing.
    async fn compare(
        &mut self,
        what: String,
        kind: &str,
        real: &str,
        method: &str,
        params: impl Fn(&str) -> Value,
    ) {
        let ghost = ghost(kind, real);
        assert_ne!(ghost, real, "{what}");
        let about_theirs = self.client.request(method, params(real)).await;
        let about_nothing = self.client.request(method, params(&ghost)).await;
        let (one, other) = (
            masked(&about_theirs.text, real),
            masked(&about_nothing.text, &ghost),
        );
        if about_theirs.status != about_nothing.status || one != other {
            self.found.push(format!(
                "{what}: theirs {} {}\n    nothing {} {}",
                about_theirs.status,
                shown(&one),
                about_nothing.status,
                shown(&other)
            ));
        } else if one.contains("invalid-arguments") {
            let answer = shown(&one);
            self.found
                .push(format!("{what}: never came to it: {answer}"));
        }
        self.compared.insert(what);
    }

    /// Arguments that are valid for the sweep's own tenant; `skip` is left to the caller.
    fn fill(&mut self, tool: &Value, skip: &str) -> Map<String, Value> {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut arguments = Map::new();
        for (argument, of) in schema["properties"].as_object().into_iter().flatten() {
            let needed = required.contains(&argument.as_str());
            if argument == skip || !(needed || argument == "dry_run") {
                continue;
            }
            if argument == "dry_run" {
                // Nothing is to be changed, but a token confirms no preview.
                if skip != "confirm_token" {
                    arguments.insert(argument.clone(), true.into());
                }
                continue;
            }
            let reference = REFERENCES.iter().find(|(it, _)| it == argument);
            let value = match (plain(name, argument, &self.mine), reference) {
                (Some(value), _) => Some(value),
                (None, Some((_, kind))) => Some(in_form(of, &self.mine.one(kind))),
                (None, None) => generated(of),
            };
            match value {
                Some(value) => {
                    arguments.insert(argument.clone(), value);
                }
                None => self
                    .found
                    .push(format!("{name}: cannot fill '{argument}': {of}")),
            }
        }
        // Which one of either, where a schema cannot say it.
        if name == "orders_move" && skip != "destination_folder_id" {
            arguments.insert(
                "destination_folder_id".into(),
                self.mine.one("folder").into(),
            );
        }
        arguments
    }

    async fn tool(&mut self, tool: &Value) {
        let name = tool["name"].as_str().unwrap().to_owned();
        for (argument, of) in tool["inputSchema"]["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let reference = REFERENCES.iter().find(|(it, _)| it == argument);
            let looks_like_one = [
                "id",
                "ids",
                "list",
                "cursor",
                "token",
                "handle",
                "identifier",
                "key",
                "hook",
                "link",
            ]
            .iter()
            .any(|end| argument.rsplit('_').next() == Some(end));
            let Some((_, kind)) = reference else {
                if looks_like_one && NO_REFERENCES.iter().all(|(it, _)| it != argument) {
                    self.found.push(format!(
                        "{name}: does '{argument}' refer to something? Say it in REFERENCES or NO_REFERENCES"
                    ));
                }
                continue;
            };
            let kind = if *kind == "cursor" {
                self.cursor_kind(&name)
            } else {
                kind
            };
            let arguments = self.fill(tool, argument);
            for real in self
                .theirs
                .0
                .get(kind)
                .cloned()
                .unwrap_or_else(|| panic!("{name}: no {kind}"))
            {
                if of["pattern"].is_string() && real.contains(' ') {
                    // It takes ids only, no names.
                    continue;
                }
                let (name, argument, of) = (name.clone(), argument.clone(), of.clone());
                let arguments = arguments.clone();
                let what = format!("{name}({argument}: {kind})");
                self.compare(what, kind, &real, "tools/call", move |value| {
                    let mut arguments = arguments.clone();
                    arguments.insert(argument.clone(), in_form(&of, value));
                    json!({"name": name, "arguments": arguments})
                })
                .await;
            }
        }
    }

    /// Each tool has cursors of its own.
    fn cursor_kind(&self, tool: &str) -> &'static str {
        match tool {
            "orders_list" => "cursor of orders_list",
            "orders_changes" => "cursor of orders_changes",
            "products_list" => "cursor of products_list",
            "audit_list" => "cursor of audit_list",
            "orders_history" => "cursor of orders_history",
            "shipments_list" => "cursor of shipments_list",
            other => panic!("harvest a cursor of {other}"),
        }
    }
}

/// A reference as an argument with this schema takes it.
fn in_form(schema: &Value, value: &str) -> Value {
    match &schema["type"] {
        Value::String(kind) if kind == "array" => json!([value]),
        _ => value.into(),
    }
}

/// A value for an argument that refers to nothing.
fn generated(schema: &Value) -> Option<Value> {
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return Some(first.clone());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first()?,
        kind => kind,
    };
    Some(match kind.as_str()? {
        "string" => "sweep".into(),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        "boolean" => false.into(),
        "array" => json!([generated(&schema["items"])?]),
        "object" => {
            let properties = schema["properties"].as_object()?;
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let mut object = Map::new();
            for name in required {
                object.insert(name.to_owned(), generated(properties.get(name)?)?);
            }
            object.into()
        }
        _ => return None,
    })
}

const ALL: &str =
    "?toolsets=stores,orders,products,shipments,items,history,bulk,stock,audit,settings";

async fn next_cursor(client: &Client, tool: &str, more: Value) -> String {
    let mut arguments = json!({"limit": 1});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let listed = client.call(tool, arguments).await.ok();
    let cursor = listed["next_cursor"].as_str();
    cursor
        .unwrap_or_else(|| panic!("{tool}: {listed}"))
        .to_owned()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Does a bit of everything as a tenant, and collects what can be named of it.
async fn harvest(server: &Server, client: &Client, store: u64, key: &str, name: &str) -> Harvest {
    let mut all = Harvest::default();
    let registration = json!({"store_id": store, "api_key": key});
    client.call("stores_register", registration).await.ok();
    all.add("store", store.to_string());
    all.add("store", name);
    all.add("subject", format!("store:{store}"));
    all.add("key", client.key());
    let (orders, codes, folders) = server
        .simulator
        .with_store(store, |store| {
            let orders: Vec<Value> = store
                .orders()
                .map(|it| store.order_json(it.id()).unwrap())
                .collect();
            let folders: Vec<String> = store.folders().iter().map(|it| it.0.to_string()).collect();
            let codes: Vec<(String, String)> = store
                .inventory()
                .iter()
                .map(|it| (text(&it["id"]), text(&it["code"])))
                .collect();
            (orders, codes, folders)
        })
        .unwrap();
    all.add("order", text(&orders[0]["id"]));
    // The first numbers are the same in both shops.
    all.add("source", text(&orders[orders.len() - 1]["source_id"]));
    all.add("e-mail", text(&orders[0]["email"]));
    all.add("customer", "7734211");
    all.add("folder", folders[0].clone());
    all.add("product", codes[0].0.clone());
    all.add("product code", codes[0].1.clone());
    let shipped =
        json!({"order_id": text(&orders[0]["id"]), "tracking_number": format!("1Z{store}")});
    let shipped = client.call("shipments_add", shipped).await.ok();
    all.add("shipment", text(&shipped["shipment"]["id"]));
    for turn in 0..2 {
        let note = json!({"order_id": text(&orders[0]["id"]), "note": format!("A note {turn}")});
        let noted = client.call("orders_add_note", note).await.ok();
        all.add("change", text(&noted["change_id"]));
    }
    let preview = json!({"order_id": text(&orders[0]["id"]), "note": "Later", "dry_run": true});
    let preview = client.call("orders_add_note", preview).await.ok();
    all.add("token", text(&preview["confirm_token"]));
    for (tool, kind) in [
        ("orders_list", "cursor of orders_list"),
        ("orders_changes", "cursor of orders_changes"),
        ("products_list", "cursor of products_list"),
        ("audit_list", "cursor of audit_list"),
    ] {
        all.add(kind, next_cursor(client, tool, json!({})).await);
    }
    let order = text(&orders[0]["id"]);
    let second = json!({"order_id": order, "tracking_number": format!("2Z{store}")});
    client.call("shipments_add", second).await.ok();
    for turn in 0..2 {
        let entry = json!({"order_id": order, "note": format!("An entry {turn}")});
        client.call("orders_add_history", entry).await.ok();
    }
    for (tool, kind) in [
        ("orders_history", "cursor of orders_history"),
        ("shipments_list", "cursor of shipments_list"),
    ] {
        let about = json!({ "order_id": order });
        all.add(kind, next_cursor(client, tool, about).await);
    }
    all
}

/// Everything in a store, to see that nothing was changed.
fn content(server: &Server, store: u64) -> Vec<Value> {
    let content = server.simulator.with_store(store, |store| {
        let orders = store.orders();
        orders
            .map(|it| store.order_json(it.id()).unwrap())
            .collect()
    });
    content.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_tenant_is_answered_like_what_does_not_exist() {
    let server = Server::builder()
        .config(|config| {
            // Nothing here is about waiting for tokens.
            config.endpoints.get_mut("orderdesk").unwrap().rate = None;
        })
        .simulator(orderdesk_simulator::SimulatorConfig {
            rate: None,
            ..orderdesk_simulator::SimulatorConfig::sample(7, orderdesk_simulator::Clock::System)
        })
        .start()
        .await;
    let acme = server.tenant("acme").await.at(ALL);
    let bell = server.tenant("bell").await.at(ALL);
    let theirs = harvest(
        &server,
        &acme,
        sample::HARBOR_AND_OAK_ID,
        sample::HARBOR_AND_OAK_KEY,
        "Harbor & Oak Supply",
    )
    .await;
    let mine = harvest(
        &server,
        &bell,
        sample::NORTH_PIER_ID,
        sample::NORTH_PIER_KEY,
        "North Pier Outfitters",
    )
    .await;
    let before = content(&server, sample::HARBOR_AND_OAK_ID);
    let mut sweep = Sweep {
        client: bell.clone(),
        theirs,
        mine,
        found: Vec::new(),
        compared: BTreeSet::new(),
    };

    let tools = bell.tools().await;
    assert!(tools.len() > 25, "{}", tools.len());
    for tool in &tools {
        sweep.tool(tool).await;
    }
    offers(&mut sweep, &bell).await;
    hidden(&mut sweep, &server, &bell, &tools).await;
    door(&server, &acme).await;

    assert!(sweep.found.is_empty(), "{}", sweep.found.join("\n"));
    for (argument, _) in REFERENCES {
        let was = sweep
            .compared
            .iter()
            .any(|it| it.contains(&format!("({argument}: ")));
        assert!(was, "no tool takes '{argument}' any more");
    }
    assert_eq!(before, content(&server, sample::HARBOR_AND_OAK_ID));
    eprintln!("{} comparisons", sweep.compared.len());
    server.stop().await;
}

/// Resources, templates, prompts and what helps somebody who types.
async fn offers(sweep: &mut Sweep, bell: &Client) {
    let templates = bell
        .request("resources/templates/list", json!({}))
        .await
        .json();
    for template in templates["result"]["resourceTemplates"].as_array().unwrap() {
        let uri = template["uriTemplate"].as_str().unwrap().to_owned();
        static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{(\w+)\}").unwrap());
        let names: Vec<String> = VARIABLE
            .captures_iter(&uri)
            .map(|it| it[1].to_owned())
            .collect();
        let kind = |variable: &str| match variable {
            "store" => "store",
            "id" => "order",
            "code" => "product code",
            other => panic!("{uri}: what is {other}?"),
        };
        for name in &names {
            let theirs = sweep.theirs.one(kind(name));
            let filled = names
                .iter()
                .filter(|it| *it != name)
                .fold(uri.clone(), |uri, other| {
                    uri.replace(&format!("{{{other}}}"), &sweep.mine.one(kind(other)))
                });
            let hole = format!("{{{name}}}");
            let what = format!("{uri} with {name}");
            let of = filled.clone();
            let read = move |value: &str| json!({"uri": of.replace(&hole, value)});
            sweep
                .compare(what, kind(name), &theirs, "resources/read", read)
                .await;

            let (reference, others) = (uri.clone(), names.clone());
            let complete = move |value: &str| {
                let typed = others.iter().find(|it| *it != name).cloned();
                match typed {
                    Some(typed) => json!({
                        "ref": {"type": "ref/resource", "uri": reference},
                        "argument": {"name": typed, "value": ""},
                        "context": {"arguments": {name.as_str(): value}},
                    }),
                    None => json!({
                        "ref": {"type": "ref/resource", "uri": reference},
                        "argument": {"name": name, "value": value},
                    }),
                }
            };
            let what = format!("completion of {uri} with {name}");
            sweep
                .compare(what, kind(name), &theirs, "completion/complete", complete)
                .await;
        }
    }
    let listed = bell.request("resources/list", json!({})).await.text;
    assert!(!listed.contains("9021"), "{listed}");
    let prompts = bell.request("prompts/list", json!({})).await.json();
    for prompt in prompts["result"]["prompts"].as_array().unwrap() {
        let name = prompt["name"].as_str().unwrap().to_owned();
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            let argument = argument["name"].as_str().unwrap().to_owned();
            if argument != "store" {
                continue;
            }
            let others: Map<String, Value> = prompt["arguments"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|it| it["required"] == true)
                .map(|it| (it["name"].as_str().unwrap().to_owned(), json!("17 1Z99")))
                .collect();
            for store in sweep.theirs.0["store"].clone() {
                let (name, argument, others) = (name.clone(), argument.clone(), others.clone());
                let what = format!("prompt {name} with {argument}");
                let get = move |value: &str| {
                    let mut arguments = others.clone();
                    arguments.insert(argument.clone(), value.into());
                    json!({"name": name, "arguments": arguments})
                };
                sweep
                    .compare(what, "store", &store, "prompts/get", get)
                    .await;
            }
        }
    }
}

/// Tools that a key does not cover, by their names.
async fn hidden(sweep: &mut Sweep, server: &Server, bell: &Client, tools: &[Value]) {
    let scopes = Scopes {
        tools: Some(vec!["tenant_use_master_key".to_owned()]),
        ..Scopes::default()
    };
    let own = std::mem::replace(
        &mut sweep.client,
        server.limited(bell, scopes).await.at(ALL),
    );
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        if name != "tenant_use_master_key" {
            let call = |value: &str| json!({"name": value, "arguments": {}});
            let what = format!("hidden {name}");
            sweep.compare(what, "tool", name, "tools/call", call).await;
        }
    }
    sweep.client = own;
}

/// A hook's URL is all that opens it: what lists show of it opens nothing.
async fn door(server: &Server, acme: &Client) {
    let key = secrecy::SecretString::from(acme.key());
    let tenancy = &server.application.data.tenancy;
    let principal = tenancy.authenticate(&key).await.unwrap();
    let hooks = &server.application.services.hooks;
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let subject = format!("store:{}", sample::HARBOR_AND_OAK_ID);
    let id = hooks
        .create(&principal, "orders", &subject, Some(&owners))
        .await
        .unwrap();
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
