//! Tools that ask before they answer.

use orderdesk_plugin::{
    Content, Context, NoArguments, Outcome, Output, Pause, Plugin, Question, Tool, ToolError,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

type Answer = Result<Outcome<()>, ToolError>;

fn says(text: impl Into<String>) -> Answer {
    Ok(Output::of_content(Content::Text(text.into())).into())
}

fn asks(state: &str, questions: Vec<Question>) -> Answer {
    Ok(Pause {
        state: state.into(),
        questions,
        message: None,
    }
    .into())
}

fn texts(names: &[&str]) -> Value {
    let fields: serde_json::Map<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "string" })))
        .collect();
    json!({ "type": "object", "properties": fields, "required": names })
}

fn capital() -> Question {
    let message = json!({ "type": "text", "text": "What is the capital of France?" });
    let parameters =
        json!({ "messages": [{ "role": "user", "content": message }], "maxTokens": 100 });
    Question::sampling("capital_question", parameters)
}

fn user_name() -> Question {
    Question::form("user_name", "What is your name?", texts(&["name"]))
}

/// Asks, and tells what came back.
fn ask_once(context: &Context, question: Question) -> Answer {
    let id = question.id.clone();
    match context.resumption().and_then(|it| it.answer(&id)) {
        Some(answer) => says(format!("Answered: {answer}")),
        None => asks("asked", vec![question]),
    }
}

#[derive(Deserialize, JsonSchema)]
struct Prompt {
    /// What the model is asked.
    prompt: String,
}

fn sampling(arguments: Prompt, context: &Context) -> Answer {
    if let Some(answer) = context.resumption().and_then(|it| it.answer("sampled")) {
        return says(format!("LLM response: {}", answer["content"]["text"]));
    }
    let message = json!({ "type": "text", "text": arguments.prompt });
    let parameters =
        json!({ "messages": [{ "role": "user", "content": message }], "maxTokens": 100 });
    asks("asked", vec![Question::sampling("sampled", parameters)])
}

#[derive(Deserialize, JsonSchema)]
struct Message {
    /// What the person reads.
    message: String,
}

fn elicitation(arguments: Message, context: &Context) -> Answer {
    let schema = json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" }
        },
        "required": ["username", "email"]
    });
    ask_once(context, Question::form("who", arguments.message, schema))
}

fn defaults(_: NoArguments, context: &Context) -> Answer {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true }
        }
    });
    ask_once(
        context,
        Question::form("defaults", "Please check the defaults", schema),
    )
}

fn enums(_: NoArguments, context: &Context) -> Answer {
    let options = ["option1", "option2", "option3"];
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" }
    ]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": options },
            "titledSingle": { "type": "string", "oneOf": titled },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
            "titledMulti": { "type": "array", "items": { "anyOf": titled } }
        }
    });
    ask_once(context, Question::form("enums", "Please choose", schema))
}

fn by_name(_: NoArguments, context: &Context) -> Answer {
    let resumption = context.resumption();
    match resumption.and_then(|it| it.accepted("user_name")) {
        Some(form) => says(format!(
            "Hello, {}!",
            form["name"].as_str().unwrap_or_default()
        )),
        None if resumption.is_some() => says("Hello, whoever you are!"),
        None => asks("asked", vec![user_name()]),
    }
}

fn by_model(_: NoArguments, context: &Context) -> Answer {
    ask_once(context, capital())
}

fn by_roots(_: NoArguments, context: &Context) -> Answer {
    ask_once(context, Question::roots("client_roots"))
}

/// Answers only where the state is that of the question.
fn with_state(_: NoArguments, context: &Context) -> Answer {
    let ok = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"] });
    match context.resumption() {
        Some(resumption) if resumption.state == b"state-ok" => says("state-ok"),
        Some(_) => Err(ToolError::internal(
            "state-lost",
            "The state is another one.",
        )),
        None => asks(
            "state-ok",
            vec![Question::form("confirm", "Please confirm", ok)],
        ),
    }
}

fn many(_: NoArguments, context: &Context) -> Answer {
    let Some(resumption) = context.resumption() else {
        let message = json!({ "type": "text", "text": "Generate a greeting" });
        let greeting =
            json!({ "messages": [{ "role": "user", "content": message }], "maxTokens": 50 });
        return asks(
            "many",
            vec![
                user_name(),
                Question::sampling("greeting", greeting),
                Question::roots("client_roots"),
            ],
        );
    };
    says(format!("{} answers", resumption.answers.len()))
}

fn rounds(_: NoArguments, context: &Context) -> Answer {
    let Some(resumption) = context.resumption() else {
        let question = Question::form("step1", "Step 1: What is your name?", texts(&["name"]));
        return asks("1", vec![question]);
    };
    if resumption.state == b"1" {
        let question = Question::form(
            "step2",
            "Step 2: What is your favorite color?",
            texts(&["color"]),
        );
        return asks("2", vec![question]);
    }
    says("Both steps are answered.")
}

/// Asks what the client can be asked.
fn as_they_can(_: NoArguments, context: &Context) -> Answer {
    if let Some(resumption) = context.resumption() {
        return says(format!("{} answers", resumption.answers.len()));
    }
    let askable = context.session().askable();
    let questions: Vec<Question> = [user_name(), capital(), Question::roots("client_roots")]
        .into_iter()
        .filter(|question| askable.contains(&question.kind))
        .collect();
    if questions.is_empty() {
        return says("There is nobody to ask.");
    }
    asks("asked", questions)
}

pub(crate) fn add(plugin: Plugin) -> Plugin {
    let tool = |tool: Tool, what: &'static str| tool.title(what).description(what);
    plugin
        .tool(tool(
            Tool::new("test_sampling", sampling),
            "Asks the client's model",
        ))
        .tool(tool(
            Tool::new("test_elicitation", elicitation),
            "Asks the person",
        ))
        .tool(tool(
            Tool::new("test_elicitation_sep1034_defaults", defaults),
            "Asks with defaults",
        ))
        .tool(tool(
            Tool::new("test_elicitation_sep1330_enums", enums),
            "Asks with choices of every kind",
        ))
        .tool(tool(
            Tool::new("test_streaming_elicitation", by_name),
            "Asks the person for a name",
        ))
        .tool(tool(
            Tool::new("test_missing_capability", by_model),
            "Cannot do without the client's model",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_elicitation", by_name),
            "Asks the person for a name",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_sampling", by_model),
            "Asks the client's model",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_list_roots", by_roots),
            "Asks for the client's folders",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_request_state", with_state),
            "Keeps a state while it asks",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_tampered_state", with_state),
            "Takes its own state back, and no other",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_multiple_inputs", many),
            "Asks three things at once",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_multi_round", rounds),
            "Asks two things, one after the other",
        ))
        .tool(tool(
            Tool::new("test_input_required_result_capabilities", as_they_can),
            "Asks what the client can be asked",
        ))
}
