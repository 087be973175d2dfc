//! What subcommands do beyond starting a server.

pub(crate) mod call;
pub(crate) mod plugins;
pub(crate) mod print;
pub(crate) mod webhooks;
