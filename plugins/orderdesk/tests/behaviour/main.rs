//! What the plugins can rely on, seen through a plugin that only passes on.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod answers;
mod caching;
mod changes;
mod choice;

use std::time::Duration;

use orderdesk_client::{ApiRequest, Caching, Store, StoreRecord, active_key, store_key};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::testing::{self, FakeHost};
use orderdesk_plugin::{Context, Id, Plugin, Tool, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    store_identifier: Option<Id>,
    path: Option<Vec<String>>,
    query: Option<Vec<(String, String)>>,
    body: Option<Value>,
}

impl Arguments {
    fn path(&self) -> Vec<String> {
        self.path
            .clone()
            .unwrap_or_else(|| vec!["orders".to_owned()])
    }
}

fn read(arguments: Arguments, context: &Context) -> Result<Value, ToolError> {
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let mut request = ApiRequest::get(arguments.path());
    for (name, value) in arguments.query.into_iter().flatten() {
        request = request.query(name, value);
    }
    let caching = Caching::new(Duration::from_secs(15)).tag("orders");
    let (answer, cached) = store.client(context).get_cached(request, &caching)?;
    Ok(json!({ "store": store.reference(), "answer": answer, "cached": cached }))
}

fn write(arguments: Arguments, context: &Context) -> Result<Value, ToolError> {
    let store = Store::for_write(context, arguments.store_identifier.as_ref())?;
    let body = arguments.body.clone().unwrap_or_default();
    let answer = store
        .client(context)
        .send(ApiRequest::post(arguments.path(), body))?;
    context.cache().invalidate(["orders"])?;
    Ok(json!({ "store": store.reference(), "answer": answer }))
}

fn plugin() -> Plugin {
    Plugin::new("orders", "0.1.0")
        .tool(Tool::new("read", read).read_only())
        .tool(Tool::new("write", write))
}

fn call(host: &FakeHost, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    testing::call(plugin(), host, tool, arguments)
}

/// Registers a store whose key is `key-of-<id>`.
fn register(host: &FakeHost, store_id: &str, store_name: &str) {
    let record = StoreRecord {
        store_id: store_id.to_owned(),
        store_name: store_name.to_owned(),
        label: None,
        api_key: host.seal(&format!("key-of-{store_id}"), &["endpoint:orderdesk"]),
    };
    let write = Write::put_json(store_key(store_id), &record)
        .unwrap()
        .subject(record.subject());
    host.write_document("stores", write);
}

fn make_active(host: &FakeHost, store_id: &str) {
    let pointer = json!({ "store_id": store_id });
    host.put_document("stores", &active_key("key-1"), &pointer)
        .unwrap();
}
