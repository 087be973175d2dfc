//! `plugins dev`: a change of the source is a change of the served tool, and Ctrl-C ends it.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStderr, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use end_to_end::Client;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use serde_json::json;

use crate::workshop::Workshop;

/// As long as a build and a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a process says, line by line.
struct Said(mpsc::Receiver<String>);

impl Said {
    fn new(lines: Lines<BufReader<ChildStderr>>) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self(receiver)
    }

    /// What follows `start` in the next line that has it.
    #[track_caller]
    fn after(&self, start: &str) -> String {
        let mut before = Vec::new();
        loop {
            let line = self.0.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with '{start}' after {before:#?}"));
            if let Some((_, rest)) = line.split_once(start) {
                return rest.to_owned();
            }
            before.push(line);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_served_and_a_broken_one_waits_for_the_next() {
    let workshop = Workshop::new();
    workshop.write("orderdesk.toml", "");
    workshop.run(&["plugins", "new", "late", "--lang", "js"]);
    let mut child = workshop
        .command(&["plugins", "dev", "late", "--listen", "127.0.0.1:0"])
        // Without a data directory of its own, it serves a tenant whose key it shows.
        .env_remove("ORDERDESK_MCP_DATA_DIR")
        .env("XDG_CACHE_HOME", workshop.path("cache"))
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Said::new(BufReader::new(child.stderr.take().unwrap()).lines());

    let url = said.after("serving MCP at ");
    let key = said.after("Authorization: Bearer ");
    assert!(key.starts_with("odm_"));
    said.after("tools are served");
    let client = Client::new(url, SecretString::from(key));
    let answer = client
        .call("late_hello", json!({"person": "Ada"}))
        .await
        .ok();
    assert_eq!(answer["greeting"], "Hello, Ada!");
    let logged = said.after("greeting somebody");
    assert!(logged.contains("late"), "{logged}");
    said.after("called");

    let source = std::fs::read_to_string(workshop.path("late/plugin.js")).unwrap();
    workshop.write("late/plugin.js", "export default nothing(");
    said.after("waiting for a change");
    let answer = client
        .call("late_hello", json!({"person": "Ada"}))
        .await
        .ok();
    assert_eq!(answer["greeting"], "Hello, Ada!");
    workshop.write("late/plugin.js", &source.replace("Hello", "Good morning"));
    said.after("tools are served");
    let answer = client
        .call("late_hello", json!({"person": "Ada"}))
        .await
        .ok();
    assert_eq!(answer["greeting"], "Good morning, Ada!");

    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    assert!(
        tokio::time::timeout(PATIENCE, ended)
            .await
            .unwrap()
            .unwrap()
            .success()
    );
}
