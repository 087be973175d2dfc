//! The sweep: whatever belongs to one tenant is, with another's key, answered exactly like what does not exist.
//!
//! Generated over what the server lists (tools of all sets, resources, templates, prompts), so that a new tool is covered by
//! itself. An argument of which the sweep does not know whether it refers to something, or which it cannot fill, fails it.

mod filling;
mod ghosts;
mod harvest;
mod held;
mod offers;

use std::collections::BTreeSet;

use end_to_end::{Client, Server};
use orderdesk_simulator::sample;
use serde_json::{Value, json};

use filling::{NO_REFERENCES, REFERENCES, in_form};
use ghosts::{ghost, masked, shown};
use harvest::{Harvest, harvest};

const ALL: &str =
    "?toolsets=stores,orders,products,shipments,items,history,bulk,stock,audit,settings";

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
            "products_changes" => "cursor of products_changes",
            "audit_list" => "cursor of audit_list",
            "orders_history" => "cursor of orders_history",
            "shipments_list" => "cursor of shipments_list",
            other => panic!("harvest a cursor of {other}"),
        }
    }
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
    offers::offers(&mut sweep, &bell).await;
    offers::hidden(&mut sweep, &server, &bell, &tools).await;
    held::door(&server, &acme).await;

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
