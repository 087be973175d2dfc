//! No answer fills a model's context: under 2,000 tokens where nobody asked for more, never above 20,000, counted with a real
//! tokenizer. Generated over the registry: a new tool fails here until somebody says how to call it.

use std::collections::BTreeSet;

use end_to_end::{ToolReply, rounds};
use serde_json::{Value, json};
use tiktoken_rs::CoreBPE;

use super::shop::{SHAPES, Shop};

const SMALL: usize = 2_000;
const LARGE: usize = 20_000;

/// Whose answer grows with what the shop has, and who takes nothing to ask for less: under the cap alone.
const WHOLE: [&str; 3] = ["stores_list", "stores_folders", "stores_settings"];
/// Of many orders at once: what became of each is told.
const MANY: [&str; 4] = [
    "orders_move",
    "orders_bulk_update",
    "shipments_add_batch",
    "products_adjust_stock",
];

/// Who leaves something out by itself, or makes something large here.
const OWN: [&str; 3] = ["stores_settings", "orders_create", "products_create"];

struct Scale(CoreBPE);

impl Scale {
    fn new() -> Self {
        Self(tiktoken_rs::o200k_base().unwrap())
    }

    /// What a client shows its model: the text, or the structured content.
    fn tokens(&self, reply: &ToolReply) -> usize {
        let count = |text: &str| self.0.encode_ordinary(text).len();
        count(&reply.text).max(count(&reply.structured.to_string()))
    }
}

/// Every tool of every set; those that take away what the others need come last.
fn tools(shop: &Shop) -> Vec<(String, Value)> {
    let registry = shop.server.application.host.registry();
    let mut tools: Vec<(String, Value)> = registry
        .tools()
        .iter()
        .map(|listed| {
            (
                listed.tool.name.clone(),
                json!(**listed.tool.arguments.schema()),
            )
        })
        .collect();
    tools.sort_by_key(|(name, _)| match name.as_str() {
        "stores_delete" => 3,
        "orders_delete" | "products_delete" => 2,
        name => i32::from(name.ends_with("_delete")),
    });
    assert!(tools.len() > 30);
    tools
}

/// The same call, as a caller makes it who wants all there is.
fn greedy(arguments: &Value, schema: &Value) -> Value {
    let mut arguments = arguments.clone();
    let properties = &schema["properties"];
    if let Some(most) = properties["limit"]["maximum"].as_u64() {
        arguments["limit"] = most.into();
    }
    for (name, value) in [
        ("response_format", json!("detailed")),
        ("with_values", json!(true)),
    ] {
        if properties[name].is_object() {
            arguments[name] = value;
        }
    }
    arguments
}

/// A write of many orders asks first: its preview's token is the answer.
async fn call(shop: &Shop, tool: &str, arguments: &Value) -> (Option<ToolReply>, ToolReply) {
    let reply = shop.client.call(tool, arguments.clone()).await;
    if reply.structured["error"]["code"] != "confirmation-needed" {
        return (None, reply);
    }
    let mut preview = arguments.clone();
    preview["dry_run"] = true.into();
    let preview = shop.client.call(tool, preview).await;
    let mut confirmed = arguments.clone();
    confirmed["confirm_token"] = preview.structured["confirm_token"].clone();
    (Some(preview), shop.client.call(tool, confirmed).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_of_any_tool_is_above_20_000_tokens_however_large_the_shop_is() {
    let shop = Shop::large().await;
    let scale = Scale::new();
    let mut wrong = Vec::new();
    for (number, (tool, schema)) in tools(&shop).into_iter().enumerate() {
        // Whichever order it is about, of each shape in turn or of all; what is about none is called once.
        let about = shop.orders.iter().zip(&shop.products).cycle();
        let mut seen = BTreeSet::new();
        for (order, product) in about
            .skip(number % SHAPES.len())
            .take(rounds(1, SHAPES.len()))
        {
            let arguments = shop.arguments(&tool, *order, *product).await;
            if !seen.insert(arguments.to_string()) {
                continue;
            }
            let (preview, reply) = call(&shop, &tool, &arguments).await;
            if reply.is_error {
                wrong.push(format!("{tool}: {}", reply.text));
            }
            let tokens = scale.tokens(&reply);
            let most = if WHOLE.contains(&&*tool) || MANY.contains(&&*tool) {
                LARGE
            } else {
                SMALL
            };
            eprintln!("{tokens:>6} {tool} {order}");
            if tokens > most {
                wrong.push(format!("{tool} about {order}: {tokens} tokens by default"));
            }
            if let Some(preview) = preview {
                let tokens = scale.tokens(&preview);
                eprintln!("{tokens:>6} {tool} {order}, preview");
                if tokens > LARGE {
                    wrong.push(format!(
                        "{tool} about {order}: {tokens} tokens of a preview"
                    ));
                }
            }
            let greedy = greedy(&arguments, &schema);
            if greedy != arguments {
                let tokens = scale.tokens(&shop.client.call(&tool, greedy).await);
                eprintln!("{tokens:>6} {tool} {order}, all of it");
                if tokens > LARGE {
                    wrong.push(format!("{tool} about {order}: {tokens} tokens"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_an_answer_about_an_ordinary_shop_is_under_2_000_tokens_and_whole() {
    let shop = Shop::sample().await;
    let scale = Scale::new();
    let mut wrong = Vec::new();
    for (tool, _) in tools(&shop) {
        let arguments = shop
            .arguments(&tool, shop.orders[0], shop.products[0])
            .await;
        let (_, reply) = call(&shop, &tool, &arguments).await;
        let tokens = scale.tokens(&reply);
        eprintln!("{tokens:>6} {tool}");
        let of_many = reply.structured["results"].as_array().map_or(0, Vec::len);
        if reply.is_error || (MANY[..3].contains(&&*tool) && of_many < 5) {
            wrong.push(format!("{tool}: {}", reply.text));
        }
        // What became of each of sixty orders is told.
        let many = MANY.contains(&&*tool);
        if tokens > SMALL && !many {
            wrong.push(format!("{tool}: {tokens} tokens"));
        }
        if reply.structured["left_out"].is_array() && !many && !OWN.contains(&&*tool) {
            wrong.push(format!("{tool}: {}", reply.structured["left_out"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shop.server.stop().await;
}

/// Each says what it lacks, and by what it is had: all of a long order can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_long_order_leaves_out_can_be_read_by_its_fields() {
    let shop = Shop::large().await;
    let order = shop.orders[0];
    let short = shop
        .client
        .call("orders_get", json!({"order_id": order}))
        .await
        .ok();
    let left_out = short["left_out"].to_string();
    assert!(
        left_out.contains("order.order_items: ") && left_out.contains(" of 400"),
        "{left_out}"
    );
    assert!(
        short["note"].as_str().unwrap().contains("'fields'"),
        "{short}"
    );
    let mut met = BTreeSet::new();
    for from in (0..400).step_by(50) {
        let fields = [format!("order_items[{from}:{}].id", from + 50)];
        let part = shop
            .client
            .call("orders_get", json!({"order_id": order, "fields": fields}));
        let part = part.await.ok();
        assert!(part["left_out"].is_null(), "{part}");
        let items = part["order"]["order_items"].as_array().unwrap();
        met.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(met.len(), 400);
    let fields = ["checkout_data.Message[19000:20000]"];
    let end = shop
        .client
        .call("orders_get", json!({"order_id": order, "fields": fields}));
    let end = end.await.ok();
    let end = end["order"]["checkout_data"]["Message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(end.chars().count(), 1_000);

    // What was shown in part is not written back by mistake.
    let message = &short["order"]["checkout_data"];
    assert!(
        message["Message"].as_str().unwrap().ends_with("left out]"),
        "{short}"
    );
    let back = json!({"order_id": order, "changes": {"checkout_data": message}});
    let refused = shop.client.call("orders_update", back).await.error();
    assert_eq!(refused.0, "shortened-text");
    shop.server.stop().await;
}

/// A page of long rows ends early, and its cursor leads through all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_end_early_lead_through_everything() {
    let shop = Shop::large().await;
    let order = shop.orders[0];
    for (tool, rows, about, all) in [
        (
            "orders_list",
            "orders",
            json!({"response_format": "detailed", "limit": 500}),
            60,
        ),
        (
            "orders_history",
            "history",
            json!({"order_id": order, "limit": 500}),
            200,
        ),
        (
            "shipments_list",
            "shipments",
            json!({"order_id": order, "limit": 500}),
            300,
        ),
    ] {
        let (mut arguments, mut met, mut pages) = (about, 0, 0);
        loop {
            let page = shop.client.call(tool, arguments.clone()).await.ok();
            met += page[rows].as_array().unwrap().len();
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => {
                    let note = page["note"].as_str().unwrap();
                    assert!(note.contains("more: continue with next_cursor"), "{note}");
                    arguments["cursor"] = cursor.into();
                }
                None => break,
            }
        }
        assert!(met >= all && pages > 1, "{tool}: {met} in {pages}");
    }
    shop.server.stop().await;
}
