//! The plugin `stores`: which Order Desk stores a tenant has, which one is active, their folders and settings.
//!
//! It alone writes the documents that say so (see `orderdesk_client::Registry`); the other Order Desk plugins read them
//! by the grant `read = ["stores"]`.

mod choose;
mod delete;
mod folders;
mod register;
mod resources;
mod settings;
mod tenant;

use orderdesk_client::brief::fitted;
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "stores";
const SETTINGS: &str = "settings";

/// The plugin.
#[must_use]
pub fn plugin() -> Plugin {
    fitted(stores(), |tool| match tool {
        "stores_list" => "stores_resolve tells of a store by its id or name.",
        _ => "Order Desk itself shows the rest.",
    })
}

fn stores() -> Plugin {
    Plugin::new("stores", env!("CARGO_PKG_VERSION"))
        .description("Registers Order Desk stores and their API keys, chooses among them, and reads their folders and settings.")
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]"#,
            "to check a store's API key before it is kept, and to read the store's folders and settings",
        )
        .tool(
            Tool::new("tenant_use_master_key", tenant::use_master_key)
                .title("Check the master key")
                .description(
                    "Checks that a master key belongs to the account that this connection already uses, and tells \
                     which stores are registered. Use it when somebody asks whether a key is right or wants to start a \
                     session. Do not use it to change accounts: it never does; reconnect with the other key for that. \
                     Example: {\"master_key\": \"…\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_register", register::register)
                .title("Register a store")
                .description(
                    "Registers an Order Desk store by its id and API key, after checking both with Order Desk. The key \
                     is kept encrypted and never shown again. Use it for a new store, or with replace: true when a \
                     store's key or name changed. Do not use it to look stores up (stores_list), and do not ask for the \
                     key in the conversation. Example: {\"store_id\": \"9021\", \"store_name\": \"Main shop\"}.",
                )
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_list", choose::list)
                .title("List the stores")
                .description(
                    "Lists the registered Order Desk stores and says which one is active. Use it to find the \
                     store_identifier for other tools. Do not use it for a store's orders or folders (orders_list, \
                     stores_folders). Example: {}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_use_store", choose::use_store)
                .title("Choose the active store")
                .description(
                    "Makes a store the active one: tools that read use it when they are given no store_identifier. Use \
                     it before several look-ups in one store. Do not rely on it for changes: those name their store \
                     themselves when several are registered. Example: {\"identifier\": \"Main shop\"}.",
                )
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_delete", delete::delete)
                .title("Forget a store")
                .description(
                    "Forgets a registered store and destroys its kept API key. Nothing changes in Order Desk, and the \
                     store can be registered again. Use it only when asked to. Do not use it to change a store's key \
                     or name (stores_register with replace: true). Example: {\"store_id\": \"9021\"}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_resolve", choose::resolve)
                .title("Which store is meant")
                .description(
                    "Tells which registered store an id or a name stands for; names count in any letter case. Use it \
                     when somebody names a store and it is not clear which one. Do not use it to switch \
                     (stores_use_store). Example: {\"identifier\": \"main shop\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_folders", folders::folders)
                .title("List a store's folders")
                .description(
                    "Lists the folders of a store, in Order Desk's own order; every order is in exactly one, and the \
                     folder is its status. Use it to find a folder's name or id for orders_list or orders_move. Do not \
                     use it for the orders in a folder (orders_list). Example: {\"store_identifier\": \"9021\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("stores_settings", settings::settings)
                .title("Read a store's settings")
                .description(
                    "Reads how a store is set up in Order Desk: time zone, country, shipping methods, warnings, stock rules. \
                     Secrets are left out, and named. Use it to learn the store's time zone or why Order Desk tidies names \
                     and phone numbers. Do not use it for folders (stores_folders); settings cannot be changed here. \
                     Example: {\"store_identifier\": \"9021\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(SETTINGS)
                .only_in_toolset(),
        )
        .resource(resources::stores())
        .resource_template(resources::folders())
}

orderdesk_plugin::export!(plugin);
