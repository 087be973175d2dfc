//! The examples: built as strangers build them, and called through MCP. They hold no endpoint and no key.

use end_to_end::{Client, Server};
use serde_json::{Value, json};

use crate::workshop::{build_example, lines_of, test_example};

/// A server with one example beside the plugins that ship, and a tenant with a store.
async fn serving(example: &str, name: &str, grants: &str) -> (Server, Client) {
    let example = example.to_owned();
    let wasm = tokio::task::spawn_blocking(move || {
        test_example(&example);
        build_example(&example)
    });
    let server = Server::builder()
        .plugin(
            name,
            &wasm.await.unwrap(),
            &format!("consent = \"operator\"\n{grants}"),
        )
        .start()
        .await;
    let problems = server.application.host.registry().problems().to_vec();
    assert!(problems.is_empty(), "{problems:?}");
    let client = server.tenant_with_store("shop").await;
    (server, client)
}

async fn folders(client: &Client) -> Vec<String> {
    let folders = client.call("stores_folders", json!({})).await.ok();
    let names = folders["folders"].as_array().unwrap().iter();
    names
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

fn store(server: &Server) -> String {
    let (id, _, _) = server.simulator.stores().into_iter().next().unwrap();
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_finds_orders_to_po_boxes_and_moves_them() {
    assert!(lines_of("rust-hold-po-boxes/src/lib.rs") < 60);
    let grants = "grants.tools = [\"orders_list\", \"orders_move\"]";
    let (server, client) = serving("rust-hold-po-boxes", "hold", grants).await;
    let folders = folders(&client).await;
    let (from, to) = (&folders[0], &folders[1]);
    let mut ids = Vec::new();
    for (at, line) in ["P.O. Box 17", "17 Boxwood Road"].into_iter().enumerate() {
        let order = json!({
            "source_id": format!("po-{at}"), "email": "ada@example.com",
            "shipping": {"first_name": "Ada", "last_name": "L", "address1": line, "city": "Salem", "country": "US"},
            "order_items": [{"name": "Cup", "price": 4.5, "quantity": 1, "code": "CUP"}],
        });
        let made = client
            .call("orders_create", json!({"order_data": order}))
            .await
            .ok();
        let id = made["order"]["id"].as_str().unwrap().to_owned();
        let into = json!({"order_id_list": [id], "destination_folder_name": from});
        client.call("orders_move", into).await.ok();
        ids.push(id);
    }
    let mut arguments =
        json!({"store_identifier": store(&server), "from_folder": from, "to_folder": to});
    arguments["dry_run"] = true.into();
    let preview = client.call("hold_po_boxes", arguments.clone()).await.ok();
    assert!(
        preview["order_ids"]
            .as_array()
            .unwrap()
            .contains(&json!(ids[0]))
    );
    assert!(
        !preview["order_ids"]
            .as_array()
            .unwrap()
            .contains(&json!(ids[1]))
    );
    assert_eq!(in_folder(&client, from, &ids).await, ids);

    arguments["dry_run"] = false.into();
    let held = client.call("hold_po_boxes", arguments).await.ok();
    assert_eq!(held["order_ids"], preview["order_ids"]);
    assert_eq!(in_folder(&client, from, &ids).await, ids[1..]);
    assert_eq!(in_folder(&client, to, &ids).await, ids[..1]);
}

/// Those of `ids` that are in the folder, in the order of `ids`.
async fn in_folder(client: &Client, folder: &str, ids: &[String]) -> Vec<String> {
    let search = json!({"folder_name": folder, "limit": 500, "fields": ["id"]});
    let listed = client.call("orders_list", search).await.ok();
    let there: Vec<&Value> = listed["orders"].as_array().unwrap().iter().collect();
    let is_there = |id: &&String| there.iter().any(|order| order["id"] == id.as_str());
    ids.iter().filter(is_there).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_sums_up_a_day() {
    assert!(lines_of("js-daily-digest/plugin.js") < 60);
    let grants = "grants.tools = [\"orders_list\"]";
    let (_server, client) = serving("js-daily-digest", "digest", grants).await;
    let search = json!({"limit": 1, "fields": ["date_added"]});
    let newest = client.call("orders_list", search).await.ok();
    let day = &newest["orders"][0]["date_added"].as_str().unwrap()[..10];
    let search = json!({
        "search_start_date": format!("{day} 00:00:00"), "search_end_date": format!("{day} 23:59:59"),
        "limit": 500, "fields": ["order_total"],
    });
    let orders = client.call("orders_list", search).await.ok();
    let orders = orders["orders"].as_array().unwrap();
    let cents: i64 = orders
        .iter()
        .map(|order| (number(&order["order_total"]) * 100.0).round() as i64)
        .sum();

    let digest = client.call("digest_daily", json!({"date": day})).await;
    assert!(digest.text.starts_with(day), "{}", digest.text);
    let digest = digest.ok();
    assert_eq!(digest["counted"], orders.len());
    assert_eq!(
        digest["revenue"],
        format!("{}.{:02}", cents / 100, cents % 100)
    );
    let (code, _) = client
        .call("digest_daily", json!({"date": "today"}))
        .await
        .error();
    assert_eq!(code, "not-a-date");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_tells_what_orders_earned() {
    assert!(lines_of("python-margin-report/plugin.py") < 60);
    let grants = "grants.tools = [\"orders_list\", \"products_list\"]";
    let (_server, client) = serving("python-margin-report", "margin", grants).await;
    let folder = &folders(&client).await[0];
    let search = json!({"folder_name": folder, "limit": 200, "fields": ["order_items"]});
    let orders = client.call("orders_list", search).await.ok();
    let products = client
        .call(
            "products_list",
            json!({"limit": 500, "fields": ["code", "cost"]}),
        )
        .await
        .ok();
    let cost_of = |code: &Value| {
        let mut all = products["products"].as_array().unwrap().iter();
        let found = all.find(|product| &product["code"] == code)?;
        Some(number(&found["cost"])).filter(|cost| *cost > 0.0)
    };
    let (mut revenue, mut cost) = (0.0, 0.0);
    let orders = orders["orders"].as_array().unwrap();
    for item in orders
        .iter()
        .flat_map(|order| order["order_items"].as_array().unwrap())
    {
        if let Some(each) = cost_of(&item["code"]) {
            revenue += number(&item["price"]) * number(&item["quantity"]);
            cost += each * number(&item["quantity"]);
        }
    }
    let report = client
        .call("margin_report", json!({"folder_name": folder}))
        .await
        .ok();
    assert_eq!(report["orders"], orders.len());
    assert_eq!(report["revenue"], format!("{revenue:.2}"));
    assert_eq!(report["cost"], format!("{cost:.2}"));
    assert!(report["margin_percent"].is_number(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_grant_an_example_says_what_is_missing() {
    let (_server, client) = serving("js-daily-digest", "digest", "").await;
    let (code, text) = client.call("digest_daily", json!({})).await.error();
    assert_eq!(code, "not-granted", "{text}");
    assert!(text.contains("orders_list"), "{text}");
}

/// A number that may be written as text.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("no number: {value}"))
}
