//! Finds orders that ship to PO boxes, which most couriers refuse, and moves them where somebody looks.

use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Id, Mode, Plugin, Tool, ToolError};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Arguments {
    /// The store's id or name.
    store_identifier: Id,
    /// The folder to look through.
    from_folder: String,
    /// The folder for orders that ship to a PO box.
    to_folder: String,
    /// True: move nothing, tell which orders would be moved.
    #[allow(dead_code, reason = "the host reads it, and Context::mode tells")]
    dry_run: Option<bool>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Held {
    /// Of the orders that ship to a PO box, among the folder's newest 500.
    order_ids: Vec<String>,
}

fn hold_po_boxes(it: Arguments, context: &Context) -> Result<Held, ToolError> {
    let store = it.store_identifier.as_str();
    let search = json!({ "store_identifier": store, "folder_name": it.from_folder, "limit": 500,
                         "fields": ["id", "shipping"] });
    let found: Value = context.peers().call("orders_list", &search)?;
    let orders = found["orders"].as_array().into_iter().flatten();
    let boxes = orders.filter(|order| is_po_box(&order["shipping"]));
    let order_ids: Vec<_> = boxes.filter_map(|order| Some(order["id"].as_str()?.into())).collect();
    let moving = order_ids.iter().filter(|_| context.mode() == Mode::Run);
    for (done, id) in moving.enumerate() {
        context.session().progress(done as f64, Some(order_ids.len() as f64), "moving orders");
        let one = json!({ "store_identifier": store, "order_id_list": [id],
                          "destination_folder_name": it.to_folder });
        context.peers().call::<Value>("orders_move", &one)?;
    }
    Ok(Held { order_ids })
}

/// Whatever stands between the letters: "P.O. Box 12", "PO-Box 12", "Post Office Box 12".
fn is_po_box(address: &Value) -> bool {
    ["address1", "address2"].into_iter().filter_map(|line| address[line].as_str()).any(|line| {
        let letters = line.to_lowercase().replace(|it: char| !it.is_alphabetic(), "");
        letters.starts_with("pobox") || letters.contains("postofficebox")
    })
}

pub fn plugin() -> Plugin {
    let tool = Tool::new("hold_po_boxes", hold_po_boxes)
        .title("Hold orders to PO boxes")
        .description("Moves a folder's orders that ship to a PO box into another folder.");
    Plugin::new("hold", "0.1.0")
        .wish(r#"tools = ["orders_list", "orders_move"]"#, "to find orders and to move them")
        .tool(tool.idempotent())
}
orderdesk_plugin::export!(plugin);
