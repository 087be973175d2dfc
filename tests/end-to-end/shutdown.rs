//! Ctrl-C and SIGTERM: reads end, a write that is under way finishes and its answer arrives.

use end_to_end::{Installation, Process, Server, Signal, ToolReply, rounds};
use orderdesk_simulator::{Clock, Fault, FaultHandle, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_cancelled_and_a_write_finishes() {
    let mut server = Server::start().await;
    let client = server.tenant_with_store("acme").await;

    let (read_fault, reading) = Fault::hold();
    server.simulator.inject(read_fault.on("GET", "/orders"));
    let (write_fault, writing) = Fault::hold();
    server
        .simulator
        .inject(write_fault.on("GET", "/store").for_store(9022));
    let read = tokio::spawn({
        let client = client.clone();
        async move { client.call("orders_list", json!({})).await }
    });
    let write = tokio::spawn({
        let client = client.clone();
        async move {
            client
                .call(
                    "stores_register",
                    json!({"store_id": "9022", "api_key": "sandbox-key-9022"}),
                )
                .await
        }
    });
    reading.arrived().await;
    writing.arrived().await;

    server.ask_to_stop();
    assert_eq!(read.await.unwrap().error().0, "cancelled");
    writing.release();
    let written = write.await.unwrap();
    assert!(!written.is_error, "{}", written.text);
    reading.release();
    server.stopped().await;
}

/// The real program, over either transport, with work in its hands.
struct Working {
    simulator: Simulator,
    installation: Installation,
    key: String,
    process: Process,
    read: JoinHandle<ToolReply>,
    /// Lets Order Desk answer the read.
    reading: FaultHandle,
    write: JoinHandle<ToolReply>,
    /// Lets Order Desk answer the write.
    writing: FaultHandle,
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Http,
    Stdio,
}

impl Working {
    async fn start(transport: Transport, grace: &str) -> Self {
        let config = SimulatorConfig::sample(7, Clock::System);
        let simulator = Simulator::start(config).await.unwrap();
        let grace = grace.to_owned();
        let installation = Installation::new(&simulator, |config| {
            config["server"]["shutdown_grace"] = grace.into();
        });
        let key = installation.tenant("acme").await;
        let (process, agent) = match transport {
            Transport::Http => installation.serve(&key).await,
            Transport::Stdio => installation.stdio(&key).await,
        };
        let first = json!({"store_id": "9021", "api_key": "sandbox-key-9021"});
        agent.call("stores_register", first).await.ok();

        let (fault, reading) = Fault::hold();
        simulator.inject(fault.on("GET", "/orders"));
        let (fault, writing) = Fault::hold();
        simulator.inject(fault.on("GET", "/store").for_store(9022));
        let ask = |tool: &'static str, arguments: Value| {
            let agent = agent.clone();
            tokio::spawn(async move { agent.call(tool, arguments).await })
        };
        let read = ask("orders_list", json!({}));
        let second = json!({"store_id": "9022", "api_key": "sandbox-key-9022"});
        let write = ask("stores_register", second);
        reading.arrived().await;
        writing.arrived().await;
        Self {
            simulator,
            installation,
            key,
            process,
            read,
            reading,
            write,
            writing,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_signal_ends_the_program_after_its_writes_over_either_transport() {
    let ways = [
        (Transport::Http, Signal::TERM),
        (Transport::Http, Signal::INT),
        (Transport::Stdio, Signal::TERM),
        (Transport::Stdio, Signal::INT),
    ];
    // Which of answer and end comes first is a matter of chance.
    for (transport, signal) in ways.repeat(rounds(1, 10)) {
        let working = Working::start(transport, "30s").await;
        working.process.signal(signal);
        // Order Desk answers neither yet: the read ends without it, the write waits for it.
        let read = working.read.await.unwrap();
        assert_eq!(read.error().0, "cancelled", "{transport:?} {signal:?}");
        assert!(!working.write.is_finished());
        working.writing.release();
        working.write.await.unwrap().ok();
        let status = working.process.ended().await;
        assert_eq!(status.code(), Some(0), "{transport:?} {signal:?}");
        working.reading.release();

        // What was acknowledged is there for the next process.
        let (_next, agent) = working.installation.stdio(&working.key).await;
        let stores = agent.call("stores_list", json!({})).await.ok();
        assert_eq!(stores["stores"].as_array().map(Vec::len), Some(2));
        working.simulator.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_outlasts_the_grace_is_ended_and_its_caller_told() {
    for transport in [Transport::Http, Transport::Stdio] {
        let working = Working::start(transport, "1s").await;
        working.process.signal(Signal::TERM);
        let write = working.write.await.unwrap();
        assert!(write.is_error, "{transport:?}: {}", write.text);
        let error = &write.structured["error"];
        // Its only request so far was a read.
        assert_eq!(
            (&error["code"], &error["outcome_unknown"]),
            (&json!("cancelled"), &json!(false))
        );
        let status = working.process.ended().await;
        assert_eq!(status.code(), Some(0), "{transport:?}");
    }
}
