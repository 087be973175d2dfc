//! What subcommands do beyond starting a server.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod connect;
pub(crate) mod consent;
pub(crate) mod keys;
pub(crate) mod plugins_admin;
pub(crate) mod presence;
pub(crate) mod print;
pub(crate) mod server_key;
pub(crate) mod shell;
pub(crate) mod tenants;
pub(crate) mod watch;
pub(crate) mod webhooks;
