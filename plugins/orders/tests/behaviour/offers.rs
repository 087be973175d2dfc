//! Orders as resources, and the prompts.

use orderdesk_client::Notice;
use orderdesk_plugin::{MessageContent, Typing};

use super::*;

const TEMPLATE: &str = "orderdesk://{store}/orders/{id}";

fn read(host: &FakeHost, uri: &str) -> Result<Value, ToolError> {
    let contents = testing::read(orders::plugin(), host, uri)?;
    Ok(serde_json::from_str(contents.text().unwrap()).unwrap())
}

fn complete(host: &FakeHost, of: &str, typing: Typing) -> Vec<String> {
    testing::complete(orders::plugin(), host, of, typing)
        .unwrap()
        .values
}

#[test]
fn an_order_reads_as_the_tool_tells_it_and_is_kept_together_with_it() {
    let host = answering(200, json!({ "status": "success", "order": order(5) }));
    let told = get(&host, json!({ "order_id": 5 }));
    for uri in ["orderdesk://9021/orders/5", "orderdesk://alpha/orders/5"] {
        let read = read(&host, uri).unwrap();
        for part in ["order", "store", "version", "notice"] {
            assert_eq!(read[part], told[part], "{uri}: {part}");
        }
        assert_eq!(read["cached"], true);
    }
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn what_is_not_there_is_not_found_and_says_so_alike() {
    let host = answering(
        404,
        json!({ "status": "error", "message": "Order not found" }),
    );
    let error = read(&host, "orderdesk://9021/orders/5").unwrap_err();
    assert_eq!(error.kind, orderdesk_plugin::ErrorKind::NotFound);
    let error = read(&host, "orderdesk://9999/orders/5").unwrap_err();
    assert!(error.has_code("store-not-found"));
    let error = read(&host, "orderdesk://9021/orders/WEB-5").unwrap_err();
    assert!(error.has_code("bad-order-id"));
}

#[test]
fn stores_and_recent_orders_are_offered_while_somebody_types() {
    let host = holding(vec![order(51), order(52), order(61)]);
    assert_eq!(
        complete(&host, TEMPLATE, Typing::new("store", "al")),
        ["Alpha"]
    );
    assert_eq!(
        complete(&host, TEMPLATE, Typing::new("store", "90")),
        ["Alpha"]
    );
    let typing = || Typing::new("id", "5").with("store", "Alpha");
    assert_eq!(complete(&host, TEMPLATE, typing()), ["51", "52"]);
    // Each letter asks again, and Order Desk hears of it once.
    let before = host.requests().len();
    assert_eq!(complete(&host, TEMPLATE, Typing::new("id", "6")), ["61"]);
    assert_eq!(
        complete(&host, "orders_why_late", Typing::new("order_id", "6")),
        ["61"]
    );
    assert_eq!(host.requests().len(), before);
    let nowhere = Typing::new("id", "5").with("store", "nowhere");
    assert!(complete(&host, TEMPLATE, nowhere).is_empty());
    assert!(complete(&FakeHost::new(), TEMPLATE, Typing::new("id", "")).is_empty());
}

#[test]
fn only_stores_within_the_keys_reach_are_offered() {
    let host = with_stores(&[("9021", "Alpha"), ("9022", "Alba")]);
    host.limit_to(&["store:9022"]);
    assert_eq!(
        complete(&host, TEMPLATE, Typing::new("store", "al")),
        ["Alba"]
    );
}

/// Every prompt with all of its arguments, and with only those that it needs.
fn scripts(host: &FakeHost) -> Vec<(String, String)> {
    let mut scripts = Vec::new();
    for prompt in orders::plugin().prompts() {
        for all in [true, false] {
            let arguments: serde_json::Map<String, Value> = prompt
                .arguments
                .iter()
                .filter(|argument| all || argument.required)
                .map(|argument| {
                    let value = match argument.name.as_str() {
                        "store" => "Alpha",
                        "order_id" => "5512034",
                        _ => "what was \"given\"",
                    };
                    (argument.name.clone(), json!(value))
                })
                .collect();
            let script = testing::prompt(orders::plugin(), host, &prompt.name, json!(arguments));
            scripts.push((prompt.name.clone(), script.unwrap().text()));
        }
    }
    scripts
}

#[test]
fn prompts_name_tools_mark_what_is_data_and_change_nothing_unasked() {
    let host = with_stores(&[("9021", "Alpha")]);
    let scripts = scripts(&host);
    assert_eq!(scripts.len(), 8);
    for (name, text) in &scripts {
        assert!(text.contains(Notice::TEXT), "{name}: {text}");
        let asks =
            text.contains("Change nothing before I have seen") || text.contains("Change nothing. ");
        assert!(asks, "{name}: {text}");
        assert!(
            text.contains("orders_list") && text.len() < 3_000,
            "{name}: {text}"
        );
    }
    assert!(host.requests().is_empty());
}

#[test]
fn prompts_name_only_tools_that_there_are() {
    let own: Vec<String> = orders::plugin()
        .tools()
        .into_iter()
        .map(|tool| tool.name)
        .collect();
    // Of other plugins.
    let elsewhere = ["stores_folders"];
    for (prompt, text) in scripts(&with_stores(&[("9021", "Alpha")])) {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| {
            ["orders_", "order_items_", "shipments_", "stores_"]
                .iter()
                .any(|prefix| word.starts_with(prefix))
        }) {
            let known = own.iter().any(|tool| tool == word) || elsewhere.contains(&word);
            assert!(known, "{prompt} names {word}");
        }
    }
}

#[test]
fn a_late_order_is_attached_where_it_is_clear_which_one_it_is() {
    let link =
        |host: &FakeHost, arguments: Value| {
            let script = testing::prompt(orders::plugin(), host, "orders_why_late", arguments)?;
            Ok::<_, ToolError>(script.messages.into_iter().find_map(
                |message| match message.content {
                    MessageContent::Link(link) => Some(link.uri),
                    _ => None,
                },
            ))
        };
    let host = with_stores(&[("9021", "Alpha"), ("9022", "Beta")]);
    let attached = link(&host, json!({ "order_id": "17", "store": "beta" })).unwrap();
    assert_eq!(attached.as_deref(), Some("orderdesk://9022/orders/17"));
    assert_eq!(link(&host, json!({ "order_id": "17" })).unwrap(), None);
    assert_eq!(
        link(&host, json!({ "order_id": "WEB-17", "store": "beta" })).unwrap(),
        None
    );
    let error = link(&host, json!({ "order_id": "17", "store": "gamma" })).unwrap_err();
    assert!(error.has_code("store-not-found"));
}
