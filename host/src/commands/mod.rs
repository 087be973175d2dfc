//! What subcommands do beyond starting a server.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod print;
pub(crate) mod webhooks;
