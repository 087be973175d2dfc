//! Traces: what a collector gets of a call, and what it must not get.

use std::sync::{Arc, Mutex};

use end_to_end::{Agent, Client, Installation};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};
use prost::Message;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What arrived: the head of a request and its body.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector that takes whatever comes.
async fn collector() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let exchange = take(stream).await.unwrap();
                kept.lock().unwrap().push(exchange);
            });
        }
    });
    (url, received)
}

async fn take(stream: TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).await?;
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let length = name.eq_ignore_ascii_case("content-length");
        length.then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).await?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).await?;
    Ok((head, body))
}

fn spans(received: &Received) -> Vec<Span> {
    let received = received.lock().unwrap();
    let requests = received
        .iter()
        .map(|(_, body)| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
    requests
        .flat_map(|request| request.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.clone());
    match value {
        Some(AnyValue::StringValue(text)) => text,
        Some(AnyValue::IntValue(number)) => number.to_string(),
        other => panic!("{key} of {}: {other:?}", span.name),
    }
}

/// The names from a span up to the one whose parent is not ours.
fn line_of(span: &Span, all: &[Span]) -> Vec<String> {
    let mut line = vec![span.name.clone()];
    let mut parent = &span.parent_span_id;
    while let Some(above) = all.iter().find(|other| other.span_id == *parent) {
        line.push(above.name.clone());
        parent = &above.parent_span_id;
    }
    line
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

async fn call_within_a_trace(client: &Client, tool: &str, arguments: serde_json::Value) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "end-to-end", "version": "1"},
        "traceparent": format!("00-{TRACE}-{CALLER}-01"),
    });
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    client
        .post("tools/call", Some(tool), body.to_string())
        .await
        .text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_tree_of_spans_down_to_each_request_and_nothing_secret_is_in_it() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let (store, api_key) = (sample::HARBOR_AND_OAK_ID, sample::HARBOR_AND_OAK_KEY);
    let order = simulator.with_store(store, |store| {
        store
            .orders()
            .next()
            .map(|order| (order.text("id"), order.text("email")))
    });
    let (order, email) = order.flatten().unwrap();
    let (url, received) = collector().await;
    let installation = Installation::new(&simulator, |config| {
        let table =
            format!("otlp = \"{url}\"\nheaders = {{ x-tenant = {{ env = \"OTLP_TENANT\" }} }}\n");
        config.insert(
            "traces".to_owned(),
            toml::Value::Table(table.parse().unwrap()),
        );
    })
    .with_variable("OTLP_TENANT", "shop-observers");
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    let Agent::Http(client) = &agent else {
        unreachable!()
    };
    client
        .call(
            "stores_register",
            json!({"store_id": store, "api_key": api_key}),
        )
        .await
        .ok();
    let answer = call_within_a_trace(client, "orders_get", json!({"order_id": order})).await;
    assert!(answer.contains(&email), "{answer}");
    let failed = call_within_a_trace(client, "orders_get", json!({"order_id": "999999999"})).await;
    assert!(failed.contains("correlation_id"), "{failed}");
    // Spans go out in batches; the last one when the server stops.
    process.signal(Signal::TERM);
    assert!(process.ended().await.success());

    let all = spans(&received);
    let (head, _) = received.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("x-tenant: shop-observers"), "{head}");
    assert!(head.contains("application/x-protobuf"), "{head}");

    let ours: Vec<&Span> = all
        .iter()
        .filter(|span| hex(&span.trace_id) == TRACE)
        .collect();
    let calls: Vec<&&Span> = ours
        .iter()
        .filter(|span| span.name == "orders_get")
        .collect();
    let [found, missing] = calls[..] else {
        panic!("{} calls", calls.len())
    };
    assert_eq!(hex(&found.parent_span_id), CALLER);
    assert_eq!(attribute(found, "plugin"), "orders");
    assert_eq!(attribute(found, "outcome"), "ok");
    assert_eq!(attribute(missing, "outcome"), "not_found");
    assert!(failed.contains(&attribute(missing, "correlation_id")));

    let request = ours
        .iter()
        .find(|span| span.name == "http.request")
        .unwrap();
    assert_eq!(
        line_of(request, &all),
        ["http.request", "http.send", "plugin", "orders_get"]
    );
    assert_eq!(attribute(request, "endpoint"), "orderdesk");
    assert_eq!(attribute(request, "http.request.method"), "GET");
    assert_eq!(attribute(request, "http.response.status_code"), "200");
    let looked_up = ours.iter().find(|span| span.name == "cache.get").unwrap();
    assert_eq!(
        line_of(looked_up, &all),
        ["cache.get", "plugin", "orders_get"]
    );
    // Registering was nobody else's trace, and is one of its own.
    let registered = all
        .iter()
        .find(|span| span.name == "stores_register")
        .unwrap();
    assert!(registered.parent_span_id.is_empty());
    assert_ne!(hex(&registered.trace_id), TRACE);

    // Names of customers stand in every order; ids of orders in every path.
    for (_, body) in received.lock().unwrap().iter() {
        for private in [api_key, &key, &email, &order] {
            let within = body
                .windows(private.len())
                .any(|part| part == private.as_bytes());
            assert!(!within, "{private} is in a span");
        }
    }
    // Order Desk learns nothing of the trace.
    let asked = simulator.requests();
    assert!(!asked.is_empty());
    for request in asked {
        assert!(!request.headers.contains_key("traceparent"));
        assert!(!request.headers.contains_key("tracestate"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_keeps_nobody_from_working() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let installation = Installation::new(&simulator, |config| {
        let table = format!("otlp = \"{url}\"\n");
        config.insert(
            "traces".to_owned(),
            toml::Value::Table(table.parse().unwrap()),
        );
    });
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    agent.call("stores_list", json!({})).await.ok();
    process.signal(Signal::TERM);
    assert!(process.ended().await.success());
}
