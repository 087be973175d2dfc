//! Ways to disturb the host while it loads the plugin. What this one says of itself stands in its settings, so that one
//! component is many plugins.

use std::borrow::Cow;

use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Tool, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Settings {
    /// A function of the contract in which to loop: `describe` or `list-tools`.
    pub(crate) loop_in: String,
    /// A function of the contract in which to panic.
    pub(crate) panic_in: String,
    /// What the plugin says it is called.
    pub(crate) name: Option<String>,
    /// One more tool.
    pub(crate) tool: Option<Declared>,
    /// How often to declare that tool, with a number behind its name.
    pub(crate) times: Option<usize>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Declared {
    name: String,
    description: String,
    /// The schema of its arguments.
    input: Map<String, Value>,
    /// The schema of its results.
    output: Map<String, Value>,
    /// What it answers, whatever it is asked.
    answer: Map<String, Value>,
}

impl Settings {
    /// The SDK gives settings to calls only; the contract gives them to a plugin that is being loaded, too.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn read() -> Self {
        use orderdesk_plugin::serde_json;
        use orderdesk_plugin::wasm::bindings::orderdesk::plugin::session;
        serde_json::from_str(&session::settings()).unwrap_or_default()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn read() -> Self {
        Self::default()
    }

    /// Does the worst where it should.
    pub(crate) fn reached(&self, function: &str) {
        if self.loop_in == function {
            for turns in 0_u64.. {
                std::hint::black_box(turns);
            }
        }
        assert!(self.panic_in != function, "on purpose, in {function}");
    }

    pub(crate) fn tools(&self) -> Vec<Tool> {
        let Some(tool) = &self.tool else {
            return Vec::new();
        };
        let named = |name: String| {
            Tool::new(name, answer)
                .title("Declared")
                .description(tool.description.clone())
                .read_only()
        };
        match self.times {
            None => vec![named(tool.name.clone())],
            Some(times) => (0..times)
                .map(|number| named(format!("{}{number}", tool.name)))
                .collect(),
        }
    }
}

fn declared() -> Declared {
    Settings::read().tool.unwrap_or_default()
}

#[derive(Deserialize)]
pub(crate) struct Anything {}

/// The SDK asks for schemas in `list-tools` only.
impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Settings::read().reached("list-tools");
        declared().input.into()
    }
}

#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Answered(Map<String, Value>);

impl JsonSchema for Answered {
    fn schema_name() -> Cow<'static, str> {
        "Answered".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        declared().output.into()
    }
}

fn answer(_: Anything, _: &Context) -> Result<Answered, ToolError> {
    Ok(Answered(declared().answer))
}
