//! What subcommands do beyond starting a server.

pub(crate) mod call;
pub(crate) mod connect;
pub(crate) mod print;
pub(crate) mod shell;
pub(crate) mod webhooks;
