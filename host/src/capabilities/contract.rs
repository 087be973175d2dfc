//! The contract in `wit/`, as Rust: generated bindings, and the one error record that every interface shares.

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: async },
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

/// What a plugin may export beside its tools: one binding for each interface, since a component has any of them or none.
/// `plugins/exports.rs` looks which, and says how to add one.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod optional {
    macro_rules! bindings {
        ($interface:ident, $world:literal, $inline:literal) => {
            pub mod $interface {
                wasmtime::component::bindgen!({
                    path: "../wit",
                    inline: $inline,
                    world: $world,
                    with: { "orderdesk:plugin/types": crate::capabilities::contract::types },
                    imports: { default: async },
                    exports: { default: async },
                    additional_derives: [serde::Serialize, serde::Deserialize],
                });
            }
        };
    }

    bindings!(
        resources,
        "orderdesk:optional/with-resources",
        "package orderdesk:optional; world with-resources { export orderdesk:plugin/resources@0.1.0; }"
    );
    bindings!(
        prompts,
        "orderdesk:optional/with-prompts",
        "package orderdesk:optional; world with-prompts { export orderdesk:plugin/prompts@0.1.0; }"
    );
    bindings!(
        webhooks,
        "orderdesk:optional/with-webhooks",
        "package orderdesk:optional; world with-webhooks { export orderdesk:plugin/webhooks@0.1.0; }"
    );
    bindings!(
        events,
        "orderdesk:optional/with-events",
        "package orderdesk:optional; world with-events { export orderdesk:plugin/events@0.1.0; }"
    );
}

pub use generated::exports::orderdesk::plugin::tools;
pub use generated::orderdesk::plugin::{
    cache, crypto, http, locks, log, peers, session, storage, types,
};
pub use generated::{Plugin, PluginPre};
pub use optional::events::WithEventsPre;
pub use optional::events::exports::orderdesk::plugin::events;
pub use optional::prompts::WithPromptsPre;
pub use optional::prompts::exports::orderdesk::plugin::prompts;
pub use optional::resources::WithResourcesPre;
pub use optional::resources::exports::orderdesk::plugin::resources;
pub use optional::webhooks::WithWebhooksPre;
pub use optional::webhooks::exports::orderdesk::plugin::webhooks;
pub use types::{Error, ErrorKind};

/// The version of the contract that this host runs, as it stands in the names of a component's imports and exports.
pub const VERSION: &str = "0.1.0";

/// The versions that are served, newest first: this one, and the last of the minor before it, once there is one.
pub const SERVED: &[&str] = &[VERSION];

impl Error {
    /// An error with a stable machine word and the text that the model reads.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: Some(code.to_owned()),
            message: message.into(),
            retry_after_ms: None,
            outcome_unknown: false,
            extra: None,
        }
    }

    /// The operator has not granted this. What to add to the config stands in the log, not in front of the model.
    pub fn not_granted(plugin: &str, what: &str, line_to_add: &str) -> Self {
        tracing::warn!(
            plugin,
            "denied: {what} is not granted; to grant it, add {line_to_add} under [plugins.{plugin}.grants]"
        );
        Self::new(
            ErrorKind::Denied,
            "not-granted",
            format!(
                "The plugin '{plugin}' may not use {what}. Ask the operator of this server to grant it."
            ),
        )
    }

    /// A write in a call that may only read.
    pub fn read_only(what: &str) -> Self {
        Self::new(
            ErrorKind::Denied,
            "read-only",
            format!("{what} was refused: this call may only read."),
        )
    }

    /// A fault of ours: the cause goes into the log, the caller reads none of it.
    pub fn internal(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(cause = %cause, "{what} failed");
        Self::new(
            ErrorKind::Internal,
            "host-fault",
            format!(
                "{what} failed inside the server. Try again; if it persists, tell the operator the correlation id."
            ),
        )
    }

    /// The same error, with the time after which a repetition can succeed.
    #[must_use]
    pub fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.retry_after_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        self
    }
}

/// The word of the contract for a kind, as callers read it.
pub fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "invalid-input",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Denied => "denied",
        ErrorKind::RateLimited => "rate-limited",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Timeout => "timeout",
        ErrorKind::TooLarge => "too-large",
        ErrorKind::Upstream => "upstream",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Internal => "internal",
        ErrorKind::Other => "other",
    }
}
