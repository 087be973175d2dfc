//! What subcommands do beyond starting a server.

pub(crate) mod call;
pub(crate) mod consent;
pub(crate) mod plugins_admin;
pub(crate) mod print;
pub(crate) mod watch;
pub(crate) mod webhooks;
