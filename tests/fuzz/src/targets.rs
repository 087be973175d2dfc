//! What is fuzzed, from which inputs.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use orderdesk_mcp::application::Application;
use orderdesk_mcp::capabilities::contract::tools::{Hints, Tool as Declared};
use orderdesk_mcp::config::{self, Config, Environment};
use orderdesk_mcp::plugins::{PluginHost, Tool};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::calling::Calling;
use crate::mutation::mutate;

/// A way in, and inputs to begin with.
pub(crate) struct Target {
    kind: Kind,
    corpus: Vec<Vec<u8>>,
}

enum Kind {
    /// Whole components: parsed, compiled, asked what they are.
    Component(Arc<PluginHost>),
    /// A component whose answers point anywhere in its memory: what is lifted is made of these bytes.
    Lifting(Arc<PluginHost>),
    /// The same, served and called: what is lifted is what its tools, resources and prompts answer.
    Calling(Box<Calling>),
    /// The configuration's text.
    Config(PathBuf),
    /// A tool's schemas, and arguments held against them.
    Schema,
}

/// Words that mean something in a schema or a configuration.
const WORDS: [&[u8]; 16] = [
    b"\"$ref\"",
    b"\"#/$defs/a\"",
    b"\"allOf\"",
    b"\"properties\"",
    b"\"pattern\":\"(a+)+$\"",
    b"\"unevaluatedProperties\":false",
    b"\"x-sealed\":[\"session\"]",
    b"\"type\":\"object\"",
    b"1e309",
    b"-0.0",
    b"\\u0000",
    b"{ env = \"X\" }",
    b"[plugins.x]\n",
    b"grants.http = [{ endpoint = \"a\", allow = [\"GET /**\"] }]\n",
    b"limits = { memory = \"1MiB\" }\n",
    b"source = \"https://example.com/a.wasm\"\n",
];

/// Everything, with a host in this folder.
pub(crate) async fn targets(folder: &Path) -> anyhow::Result<Vec<Target>> {
    let mut config = Config::default();
    config.server.data_dir = folder.join("data");
    config.limits.cpu = Duration::from_millis(200);
    config.limits.time = Duration::from_secs(5);
    let application = Application::start(&config, &Environment::default()).await?;
    let host = application.host.clone();
    let guests = PathBuf::from(
        std::env::var_os("ORDERDESK_GUESTS_DIR").context("run it with `cargo xtask fuzz`")?,
    );
    let shipped = PathBuf::from(
        std::env::var_os("ORDERDESK_CONFIG").context("run it with `cargo xtask fuzz`")?,
    );
    let read = |name: &str| {
        std::fs::read(guests.join(name)).with_context(|| format!("{name} cannot be read"))
    };
    Ok(vec![
        Target {
            corpus: vec![
                small(),
                wat::parse_str("(component)")?,
                wat::parse_str("(component (core module))")?,
                read("guest-stuck.wasm")?,
            ],
            kind: Kind::Component(host.clone()),
        },
        Target {
            corpus: vec![read("guest-echo.wasm")?],
            kind: Kind::Lifting(host),
        },
        Target {
            corpus: vec![read("guest-echo.wasm")?, read("guest-shelf.wasm")?],
            kind: Kind::Calling(Box::new(Calling::new(application, config, folder).await?)),
        },
        Target {
            corpus: vec![std::fs::read(shipped)?],
            kind: Kind::Config(folder.join("fuzzed.toml")),
        },
        Target {
            corpus: SCHEMAS.iter().map(|it| it.as_bytes().to_vec()).collect(),
            kind: Kind::Schema,
        },
    ])
}

/// A component with a module, a memory and an export.
fn small() -> Vec<u8> {
    wat::parse_str(
        r#"(component
             (core module $m (memory (export "m") 1) (func (export "f") (result i32) i32.const 0))
             (core instance $i (instantiate $m))
             (func (export "f") (result string)
               (canon lift (core func $i "f") (memory (core memory $i "m")))))"#,
    )
    .unwrap_or_default()
}

const SCHEMAS: [&str; 4] = [
    r##"{"type":"object","properties":{"order_id":{"type":["string","integer"]},"changes":{"type":"object"},"key":{"type":"string","x-sealed":["session"]}},"required":["order_id"]}"##,
    r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}"##,
    r##"{"type":"object","properties":{"list":{"type":"array","items":{"oneOf":[{"type":"string","pattern":"^[a-z]+$"},{"type":"number","multipleOf":0.01}]},"maxItems":100}},"additionalProperties":false}"##,
    r##"{"type":"object","patternProperties":{"^x-":{"type":"string"}},"if":{"required":["a"]},"then":{"properties":{"a":{"const":1}}},"unevaluatedProperties":false}"##,
];

impl Target {
    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Component(_) => "component",
            Kind::Lifting(_) => "lifting",
            Kind::Calling(_) => "calling",
            Kind::Config(_) => "config",
            Kind::Schema => "schema",
        }
    }

    /// An input.
    pub(crate) fn input(&self, random: &mut StdRng) -> Vec<u8> {
        let mut input = self.corpus[random.random_range(0..self.corpus.len())].clone();
        match self.kind {
            // What a plugin says stands in its data: changed there, the component stays one and says something else.
            Kind::Lifting(_) => in_its_data(random, &mut input, 16),
            // Fewer of them: it is to be served.
            Kind::Calling(_) => in_its_data(random, &mut input, 4),
            // Where nothing moves, more of it stays a component.
            Kind::Component(_) if random.random() => in_place(random, &mut input),
            Kind::Component(_) => mutate(random, &mut input, &[]),
            Kind::Config(_) | Kind::Schema => mutate(random, &mut input, &WORDS),
        }
        input
    }

    /// Takes an input; whether it was accepted.
    pub(crate) async fn run(&self, input: &[u8]) -> bool {
        match &self.kind {
            Kind::Component(host) | Kind::Lifting(host) => {
                host.candidate(input.to_vec()).await.is_ok()
            }
            Kind::Calling(calling) => calling.call(input).await,
            Kind::Config(file) => {
                std::fs::write(file, input).is_ok()
                    && config::load(Some(file), &Environment::default(), &[]).is_ok()
            }
            Kind::Schema => schema(input),
        }
    }
}

/// Changes a few bytes anywhere.
fn in_place(random: &mut StdRng, input: &mut [u8]) {
    for _ in 0..random.random_range(1..=3) {
        let at = random.random_range(0..input.len());
        change(random, input, at);
    }
}

/// Changes bytes in the data of a component's modules: its texts, and the pointers and lengths of its lists.
fn in_its_data(random: &mut StdRng, input: &mut [u8], most: usize) {
    let data = data_of(input);
    if data.is_empty() {
        return;
    }
    for _ in 0..random.random_range(1..=most) {
        let range = &data[random.random_range(0..data.len())];
        let at = random.random_range(range.clone());
        change(random, input, at);
    }
}

fn change(random: &mut StdRng, input: &mut [u8], at: usize) {
    input[at] = match random.random_range(0..4) {
        0 => 0xff,
        1 => 0,
        2 => input[at].wrapping_add(1),
        _ => random.random(),
    };
}

/// Where the data segments of all modules of a component are.
fn data_of(component: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Ok(Payload::DataSection(segments)) = payload {
            for segment in segments.into_iter().flatten() {
                let end = segment.range.end;
                found.push(end - segment.data.len()..end);
            }
        }
    }
    found.retain(|range| !range.is_empty());
    found
}

fn schema(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input).into_owned();
    let declared = Declared {
        name: "fuzz_tool".to_owned(),
        title: "Title".to_owned(),
        description: "Description".to_owned(),
        input_schema: text.clone(),
        output_schema: Some(text),
        hints: Hints {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        },
        toolset: None,
        by_default: true,
        extra: None,
    };
    let Ok(tool) = Tool::check(declared, &Default::default(), &["fuzz_".to_owned()], true) else {
        return false;
    };
    for arguments in ARGUMENTS {
        if let Ok(Value::Object(arguments)) = serde_json::from_str(arguments) {
            let _valid_or_not = tool.arguments.check(&tool.name, &arguments);
            if let Some(output) = &tool.output {
                let _valid_or_not = output.is_valid(&Value::Object(arguments));
            }
        }
    }
    true
}

const ARGUMENTS: [&str; 4] = [
    "{}",
    r#"{"order_id":"17","changes":{"a":[1,2,{"b":null}]},"key":"sec_1"}"#,
    r#"{"a":[[[[[[[[]]]]]]]],"list":["abc",0.07,1e300,-5]}"#,
    r#"{"x-a":"1","a":1,"":{"":{"":[]}}}"#,
];
