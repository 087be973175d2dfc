//! The host's side of the contract, as the SDK's traits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::bindings::orderdesk::plugin as wire;
use super::convert::handle;
use crate::arguments::Sealed;
use crate::cache::{CacheHost, Lookup, Ticket};
use crate::clock::ClockHost;
use crate::crypto::{Audience, CryptoHost};
use crate::error::ToolError;
use crate::http::{HttpHost, Request, Response};
use crate::locks::LocksHost;
use crate::log::{Level, LogHost};
use crate::peers::PeersHost;
use crate::session::{Caller, SessionHost};
use crate::storage::{Change, Condition, Document, StorageHost, Write};

/// The host that runs this component.
#[derive(Clone)]
pub struct ComponentHost;

impl HttpHost for ComponentHost {
    fn send(&self, request: Request) -> Result<Response, ToolError> {
        Ok(wire::http::send(&request.into())?.into())
    }
}

impl StorageHost for ComponentHost {
    fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError> {
        Ok(wire::storage::get(namespace, key)?.map(document))
    }

    fn scan(
        &self,
        namespace: Option<&str>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, ToolError> {
        let documents = wire::storage::scan(namespace, prefix, after, limit)?;
        Ok(documents.into_iter().map(document).collect())
    }

    fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError> {
        let writes: Vec<_> = writes.into_iter().map(write).collect();
        Ok(wire::storage::commit(&writes)?)
    }
}

fn document(document: wire::storage::Document) -> Document {
    Document {
        key: document.key,
        value: document.value,
        version: document.version,
        subject: document.subject,
    }
}

fn write(write: Write) -> wire::storage::Write {
    wire::storage::Write {
        key: write.key,
        change: match write.change {
            Change::Put {
                value,
                subject,
                expires_s,
            } => wire::storage::Change::Put(wire::storage::Content {
                value,
                subject,
                expires_s,
            }),
            Change::Remove => wire::storage::Change::Remove,
        },
        condition: match write.condition {
            Condition::None => wire::storage::Condition::None,
            Condition::Absent => wire::storage::Condition::Absent,
            Condition::Version(version) => wire::storage::Condition::Version(version),
        },
    }
}

impl CacheHost for ComponentHost {
    fn get(&self, key: &str) -> Result<Lookup, ToolError> {
        Ok(match wire::cache::get(key)? {
            wire::cache::Lookup::Hit(value) => Lookup::Hit(value),
            wire::cache::Lookup::Miss(ticket) => Lookup::Miss(Ticket(ticket)),
        })
    }

    fn put(
        &self,
        ticket: Ticket,
        value: Vec<u8>,
        ttl_ms: u32,
        tags: Vec<String>,
    ) -> Result<(), ToolError> {
        Ok(wire::cache::put(&ticket.0, &value, ttl_ms, &tags)?)
    }

    fn invalidate(&self, tags: Vec<String>) -> Result<(), ToolError> {
        Ok(wire::cache::invalidate(&tags)?)
    }
}

impl CryptoHost for ComponentHost {
    fn seal(
        &self,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Sealed, ToolError> {
        let audiences: Vec<_> = audiences
            .iter()
            .map(|audience| match audience {
                Audience::Endpoint(name) => wire::crypto::Audience::Endpoint(name.clone()),
                Audience::Hmac(name) => wire::crypto::Audience::Hmac(name.clone()),
            })
            .collect();
        let handle = wire::crypto::seal(plaintext, &audiences, subject)?;
        Ok(Sealed::new(handle))
    }

    fn revoke(&self, value: &Sealed) -> Result<(), ToolError> {
        Ok(wire::crypto::revoke(&handle(value))?)
    }

    fn verify_hmac(
        &self,
        key: &Sealed,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ToolError> {
        Ok(wire::crypto::verify_hmac(&handle(key), message, signature)?)
    }

    fn sha256(&self, data: &[u8]) -> Vec<u8> {
        wire::crypto::sha256(data)
    }

    fn random(&self, length: u32) -> Result<Vec<u8>, ToolError> {
        Ok(wire::crypto::random(length)?)
    }
}

impl LocksHost for ComponentHost {
    fn acquire(&self, name: &str, wait_ms: u32, lease_ms: u32) -> Result<String, ToolError> {
        Ok(wire::locks::acquire(name, wait_ms, lease_ms)?)
    }

    fn release(&self, lock: &str) -> Result<(), ToolError> {
        Ok(wire::locks::release(lock)?)
    }

    fn keep(&self, lock: &str, for_ms: u32) -> Result<(), ToolError> {
        Ok(wire::locks::keep(lock, for_ms)?)
    }
}

/// WASI's clocks, through the standard library.
impl ClockHost for ComponentHost {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|time| u64::try_from(time.as_millis()).ok())
            .unwrap_or_default()
    }

    fn sleep_ms(&self, milliseconds: u32) {
        std::thread::sleep(Duration::from_millis(milliseconds.into()));
    }
}

impl SessionHost for ComponentHost {
    fn current(&self) -> Option<Caller> {
        wire::session::current().map(caller)
    }

    fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError> {
        Ok(caller(wire::session::authenticate(&handle(key))?))
    }

    fn act_on(&self, subject: &str) -> Result<(), ToolError> {
        Ok(wire::session::act_on(subject)?)
    }

    fn time_left_ms(&self) -> u32 {
        wire::session::time_left_ms()
    }

    fn cancelled(&self) -> bool {
        wire::session::cancelled()
    }

    fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        wire::session::progress(done, total, message);
    }

    fn askable(&self) -> Vec<String> {
        wire::session::askable()
    }

    fn settings(&self) -> Value {
        // The contract says JSON. Anything else fails later, where the settings are read as their type.
        serde_json::from_str(&wire::session::settings()).unwrap_or_default()
    }
}

fn caller(caller: wire::session::Caller) -> Caller {
    Caller {
        tenant: caller.tenant,
        key_id: caller.key_id,
        read_only: caller.read_only,
        single_client: caller.single_client,
        client: caller.client,
    }
}

impl PeersHost for ComponentHost {
    fn call_tool(&self, tool: &str, arguments: &Value) -> Result<Value, ToolError> {
        let result = wire::peers::call_tool(tool, &arguments.to_string())?;
        serde_json::from_str(&result).map_err(|error| {
            ToolError::internal(
                "peer-not-json",
                format!("The result of {tool} is not JSON: {error}"),
            )
        })
    }
}

impl LogHost for ComponentHost {
    fn emit(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let level = match level {
            Level::Trace => wire::log::Level::Trace,
            Level::Debug => wire::log::Level::Debug,
            Level::Info => wire::log::Level::Info,
            Level::Warn => wire::log::Level::Warn,
            Level::Error => wire::log::Level::Error,
        };
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        wire::log::emit(level, message, &fields);
    }
}
