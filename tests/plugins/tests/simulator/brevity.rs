//! How much a model reads of a list, beside what Order Desk answers.

use orderdesk_plugin::Content;

use super::*;

/// Bytes of the structured result, of the text and of Order Desk's own answer.
fn bytes(plugin: fn() -> Plugin, tool: &str, arguments: Value) -> (usize, usize, usize) {
    let stage = Stage::with(Toggles::default());
    let outcome = testing::run(plugin(), stage.host(), Invocation::new(tool, &arguments)).unwrap();
    let Outcome::Complete(output) = outcome else {
        panic!("{tool} paused");
    };
    let [Content::Text(text)] = &output.content[..] else {
        panic!("{tool} answers {} pieces", output.content.len());
    };
    let structured = output.structured.to_string().len();
    (structured, text.len(), stage.received())
}

#[test]
fn fifty_orders_in_short_are_a_tenth_of_what_order_desk_answers() {
    let (structured, text, raw) = bytes(orders::plugin, "orders_list", json!({ "limit": 50 }));
    assert!(text * 10 <= raw, "the text has {text} of {raw} bytes");
    assert!(
        structured * 10 <= raw,
        "the objects have {structured} of {raw} bytes"
    );
}

#[test]
fn products_in_short_are_a_quarter() {
    let (structured, text, raw) = bytes(products::plugin, "products_list", json!({ "limit": 25 }));
    assert!(
        text * 4 <= raw && structured * 2 <= raw,
        "{structured}, {text} of {raw} bytes"
    );
}
