//! Puts the simulator behind the SDK's fake host: plugins run natively, as in their own tests, and speak to an Order Desk
//! that is not of their authors' making. What only the real host does (waiting for tokens, retries, previews' tokens) is
//! for the end-to-end tests.
#![allow(clippy::unwrap_used)] // A test's stage: what fails here fails the test.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orderdesk_client::{StoreRecord, store_key};
use orderdesk_plugin::http::Response;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::testing::{FakeHost, Received};
use orderdesk_plugin::{ToolError, serde_json};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, Toggles};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::runtime::Runtime;

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A simulator with its sample stores, and a host whose only store is the first of them.
pub struct Stage {
    simulator: Simulator,
    host: FakeHost,
    store_id: u64,
    received: Arc<AtomicUsize>,
    // Last, since the simulator lives on it.
    _runtime: Runtime,
}

impl Stage {
    /// Sets it up with these toggles.
    #[must_use]
    pub fn with(toggles: Toggles) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let config = SimulatorConfig {
            toggles,
            // The fake host does not wait for tokens.
            rate: None,
            ..SimulatorConfig::sample(1, Clock::System)
        };
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let (store_id, key, name) = simulator.stores().swap_remove(0);
        let host = FakeHost::new();
        let record = StoreRecord {
            store_id: store_id.to_string(),
            store_name: name,
            label: None,
            api_key: host.seal(&key, &["endpoint:orderdesk"]),
        };
        let write = Write::put_json(store_key(&record.store_id), &record)
            .unwrap()
            .subject(record.subject());
        host.write_document("stores", write);
        let address = simulator.address().to_string();
        let received = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&received);
        host.endpoint("orderdesk", move |request| {
            send(&address, request)
                .inspect(|answer| counted.store(answer.body.len(), Ordering::Relaxed))
        });
        Self {
            simulator,
            host,
            store_id,
            received,
            _runtime: runtime,
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &FakeHost {
        &self.host
    }

    /// Order Desk.
    #[must_use]
    pub fn desk(&self) -> &Simulator {
        &self.simulator
    }

    /// Bytes of Order Desk's last answer.
    #[must_use]
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    /// The ids of some of its orders that have no shipment yet.
    #[must_use]
    pub fn orders(&self, count: usize) -> Vec<u64> {
        let ids = |store: &mut orderdesk_simulator::Store| {
            let unsent = store.orders().filter(|order| order.shipments().is_empty());
            unsent.map(|order| order.id()).take(count).collect()
        };
        self.simulator.with_store(self.store_id, ids).unwrap()
    }

    /// The shipments of an order as Order Desk has them.
    #[must_use]
    pub fn shipments(&self, order: u64) -> Vec<Value> {
        let shipments = |store: &mut orderdesk_simulator::Store| {
            store.order(order).unwrap().shipments().to_vec()
        };
        self.simulator.with_store(self.store_id, shipments).unwrap()
    }

    /// Its products as Order Desk has them.
    #[must_use]
    pub fn products(&self) -> Vec<Value> {
        let items =
            |store: &mut orderdesk_simulator::Store| store.inventory().iter().cloned().collect();
        self.simulator.with_store(self.store_id, items).unwrap()
    }
}

/// One request over a connection of its own.
fn send(address: &str, request: &Received) -> Result<Response, ToolError> {
    let lost = |error: std::io::Error| {
        let error = ToolError::unavailable("no-answer", error.to_string());
        match request.method.is_safe() {
            true => error,
            false => error.with_outcome_unknown(),
        }
    };
    let mut connection = TcpStream::connect(address).map_err(lost)?;
    connection
        .write_all(&written(address, request))
        .map_err(lost)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).map_err(lost)?;
    read(&answer).ok_or_else(|| lost(std::io::ErrorKind::UnexpectedEof.into()))
}

fn written(address: &str, request: &Received) -> Vec<u8> {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let path: Vec<String> = request.path.split('/').map(encoded).collect();
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let mut head = format!(
        "{} /api/v2{}?{} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n",
        request.method.as_str(),
        path.join("/"),
        query.join("&")
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    let mut bytes = format!("{head}\r\n").into_bytes();
    bytes.extend(&request.body);
    bytes
}

/// None for an answer that broke off.
fn read(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer[end + 4..].to_vec();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let whole = length.is_none_or(|(_, length)| length.parse() == Ok(body.len()));
    whole.then_some(Response {
        status,
        headers,
        body,
    })
}
