//! Ways to disturb the host while it loads the plugin. What this one says of itself stands in its settings, so that one
//! component is many plugins.

use std::borrow::Cow;

use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{
    Body, Completion, Contents, Context, Message, NoArguments, Part, Plugin, Prompt, Resource,
    ResourceTemplate, Script, Tool, ToolError, Typing,
};
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
    /// One more resource.
    pub(crate) resource: Option<DeclaredResource>,
    /// One more prompt, of this name, with an argument of this name.
    pub(crate) prompt: Option<DeclaredPrompt>,
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

#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct DeclaredResource {
    uri: String,
    name: String,
    mime: Option<String>,
    tool: Option<String>,
    /// Declares it twice.
    twice: bool,
    /// What reading it answers.
    answer: ReadAnswer,
}

/// What a resource says of itself once it is read.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ReadAnswer {
    uri: Option<String>,
    mime: Option<String>,
    bytes: usize,
    pieces: usize,
    /// Values offered to whoever types.
    values: usize,
    /// Loops for ever.
    loops: bool,
    /// Fails with an error of so many bytes.
    fails: usize,
    /// Stands there instead of so many bytes.
    says: Option<String>,
}

impl ReadAnswer {
    fn text(&self) -> String {
        let says = self.says.clone();
        says.unwrap_or_else(|| "x".repeat(self.bytes))
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct DeclaredPrompt {
    name: String,
    tool: Option<String>,
    /// Messages that it answers with.
    messages: usize,
    bytes: usize,
    /// Stands in them instead of so many bytes.
    says: Option<String>,
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

impl Settings {
    /// The plugin with what these settings add to it, beside tools.
    pub(crate) fn offers(&self, mut plugin: Plugin) -> Plugin {
        for number in 0..self
            .resource
            .as_ref()
            .map_or(0, |it| 1 + usize::from(it.twice))
        {
            let declared = self.resource.clone().unwrap_or_default();
            let (uri, mime, tool) = (declared.uri, declared.mime, declared.tool);
            let name = format!("{}{number}", declared.name);
            if uri.contains('{') {
                let mut template =
                    ResourceTemplate::new(name, uri, |_: Anything, _: &Context| read())
                        .title("Declared")
                        .description("Declared.")
                        .complete("id", complete);
                if let Some(mime) = mime {
                    template = template.mime(mime);
                }
                if let Some(tool) = tool {
                    template = template.tool(tool);
                }
                plugin = plugin.resource_template(template);
            } else {
                let mut resource = Resource::new(name, uri, |_: &Context| read())
                    .title("Declared")
                    .description("Declared.");
                if let Some(mime) = mime {
                    resource = resource.mime(mime);
                }
                if let Some(tool) = tool {
                    resource = resource.tool(tool);
                }
                plugin = plugin.resource(resource);
            }
        }
        if let Some(declared) = &self.prompt {
            let mut prompt = Prompt::new(declared.name.clone(), script)
                .title("Declared")
                .description("Declared.");
            if let Some(tool) = &declared.tool {
                prompt = prompt.tool(tool.clone());
            }
            plugin = plugin.prompt(prompt);
        }
        plugin
    }
}

fn read_answer() -> ReadAnswer {
    Settings::read().resource.unwrap_or_default().answer
}

fn read() -> Result<Contents, ToolError> {
    Settings::read().reached("read");
    let answer = read_answer();
    if answer.loops {
        for turns in 0_u64.. {
            std::hint::black_box(turns);
        }
    }
    if answer.fails > 0 {
        let long = "x".repeat(answer.fails);
        return Err(ToolError::internal("flood", long));
    }
    let part = || Part {
        uri: answer.uri.clone(),
        mime: answer.mime.clone(),
        ..Body::Text(answer.text()).into()
    };
    Ok(Contents {
        parts: (0..answer.pieces).map(|_| part()).collect(),
        fresh: std::time::Duration::ZERO,
    })
}

fn complete(_: &Typing, _: &Context) -> Result<Completion, ToolError> {
    Settings::read().reached("complete");
    Ok(Completion {
        values: vec![read_answer().text(); read_answer().values],
        ..Completion::default()
    })
}

fn script(_: NoArguments, _: &Context) -> Result<Script, ToolError> {
    Settings::read().reached("prompt");
    let declared = Settings::read().prompt.unwrap_or_default();
    let says = declared.says.clone();
    let text = says.unwrap_or_else(|| "x".repeat(declared.bytes));
    let message = || Message::user(text.clone());
    Ok((0..declared.messages).fold(Script::default(), |script, _| script.and(message())))
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
