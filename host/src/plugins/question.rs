//! Questions as plugins ask them, checked before anybody sees one; and their answers, checked before a plugin does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tool;
use crate::capabilities::contract::types::Question;
use crate::capabilities::questions::QuestionKind;

/// As much of a question as a form shows.
const MESSAGE_CHARACTERS: usize = 2_000;
/// As long as a question's id may be.
const ID_BYTES: usize = 64;
/// Fields of a form; nobody fills in more.
const FIELDS: usize = 32;
/// Parameters of one question.
const PARAMETERS_BYTES: usize = 64 << 10;
/// Where one of these is part of a field's name, the form asks for a secret, which forms must not (MCP, "Elicitation").
const SECRET_WORDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesstoken",
    "credential",
    "privatekey",
];

/// What fills the box of a question whether something may be done: the field of the form that it is put as.
pub const CONFIRM: &str = "confirm";

/// A question of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedQuestion {
    /// Told back with the answer.
    pub id: String,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Ask {
    /// May this be done?
    Confirm {
        /// What the person reads.
        message: String,
    },
    /// A form.
    Form {
        /// What the person reads above it.
        message: String,
        /// Its fields, as a flat JSON Schema of an object.
        schema: Map<String, Value>,
    },
    /// A text of the caller's model.
    Sampling {
        /// As MCP's `sampling/createMessage` has them.
        parameters: Map<String, Value>,
    },
    /// The folders that the caller works in.
    Roots,
}

/// Why something is no question.
pub(super) enum NoQuestion {
    /// Of a kind that this host does not know: the plugin is newer than it.
    UnknownKind,
    /// The plugin breaks the contract.
    Broken(&'static str),
}

impl AskedQuestion {
    /// Checks what a plugin asks.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn of(question: &Question) -> Result<Self, NoQuestion> {
        use NoQuestion::Broken;
        let kind = QuestionKind::of(&question.kind).ok_or(NoQuestion::UnknownKind)?;
        if !(1..=ID_BYTES).contains(&question.id.len()) {
            return Err(Broken("its question has no id of its own"));
        }
        if question.parameters.len() > PARAMETERS_BYTES {
            return Err(Broken("the parameters of its question are too large"));
        }
        let Ok(Value::Object(mut parameters)) = serde_json::from_str(&question.parameters) else {
            return Err(Broken("the parameters of its question are not an object"));
        };
        let ask = match kind {
            QuestionKind::Confirm => Ask::Confirm {
                message: message(&parameters)?,
            },
            QuestionKind::Form => {
                let message = message(&parameters)?;
                let Some(Value::Object(schema)) = parameters.remove("schema") else {
                    return Err(Broken("its form has no schema"));
                };
                check_form(&schema)?;
                Ask::Form { message, schema }
            }
            QuestionKind::Sampling => {
                let messages = parameters.get("messages").and_then(Value::as_array);
                if messages.is_none_or(Vec::is_empty) {
                    return Err(Broken("its question for a model has no messages"));
                }
                Ask::Sampling { parameters }
            }
            QuestionKind::Roots => Ask::Roots,
        };
        Ok(Self {
            id: question.id.clone(),
            ask,
        })
    }

    /// What a person reads of it.
    pub fn words(&self) -> &str {
        match &self.ask {
            Ask::Confirm { message } | Ask::Form { message, .. } => message,
            Ask::Sampling { .. } | Ask::Roots => "",
        }
    }

    /// Its kind.
    pub fn kind(&self) -> QuestionKind {
        match self.ask {
            Ask::Confirm { .. } => QuestionKind::Confirm,
            Ask::Form { .. } => QuestionKind::Form,
            Ask::Sampling { .. } => QuestionKind::Sampling,
            Ask::Roots => QuestionKind::Roots,
        }
    }

    /// Whether this answers the question.
    pub fn accepts(&self, answer: &Value) -> bool {
        self.told(answer).is_some()
    }

    /// What the plugin is told of this answer; none if it is no answer to this question, and has to be asked for again.
    pub(super) fn told(&self, answer: &Value) -> Option<Value> {
        match &self.ask {
            Ask::Confirm { .. } => yes_or_no(answer).map(Value::Bool),
            Ask::Form { schema, .. } => match answer.get("action")?.as_str()? {
                "accept" => {
                    let content = answer.get("content").filter(|it| it.is_object())?;
                    let fits = tool::compile(schema).ok()?.is_valid(content);
                    fits.then(|| json!({"action": "accept", "content": content}))
                }
                action @ ("decline" | "cancel") => Some(json!({ "action": action })),
                _ => None,
            },
            Ask::Sampling { .. } => {
                let whole = answer.get("role").is_some() && answer.get("content").is_some();
                whole.then(|| answer.clone())
            }
            Ask::Roots => {
                let roots = answer.get("roots").filter(|roots| roots.is_array())?;
                Some(json!({ "roots": roots }))
            }
        }
    }
}

/// Yes is an accepted form with the box ticked; no is everything else that a person can do with a form.
pub fn yes_or_no(answer: &Value) -> Option<bool> {
    match answer.get("action")?.as_str()? {
        "accept" => answer.get("content")?.get(CONFIRM)?.as_bool(),
        "decline" | "cancel" => Some(false),
        _ => None,
    }
}

fn message(parameters: &Map<String, Value>) -> Result<String, NoQuestion> {
    let message = parameters.get("message").and_then(Value::as_str);
    let message: String = message
        .unwrap_or_default()
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .take(MESSAGE_CHARACTERS)
        .collect();
    if message.trim().is_empty() {
        return Err(NoQuestion::Broken("its question has no message"));
    }
    Ok(message)
}

/// A form is a flat object of simple fields, none of which is for a secret.
fn check_form(schema: &Map<String, Value>) -> Result<(), NoQuestion> {
    use NoQuestion::Broken;
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|it| (1..=FIELDS).contains(&it.len())) else {
        return Err(Broken("its form has no fields, or too many"));
    };
    if schema.get("type").is_none_or(|kind| kind != "object") {
        return Err(Broken("its form is not the schema of an object"));
    }
    for (name, field) in properties {
        let kind = field.get("type").and_then(Value::as_str);
        if !matches!(
            kind,
            Some("string" | "number" | "integer" | "boolean" | "array")
        ) {
            return Err(Broken("a field of its form is not a simple one"));
        }
        let word: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let names_secret = SECRET_WORDS.iter().any(|secret| word.contains(secret));
        if names_secret || field.get("format").is_some_and(|it| it == "password") {
            return Err(Broken("its form asks for a secret"));
        }
    }
    tool::compile(schema)
        .map(drop)
        .map_err(|_| Broken("its form is not a valid schema"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn question(kind: &str, parameters: Value) -> Result<AskedQuestion, &'static str> {
        AskedQuestion::of(&Question {
            id: "q".into(),
            kind: kind.into(),
            parameters: parameters.to_string(),
        })
        .map_err(|no| match no {
            NoQuestion::UnknownKind => "unknown kind",
            NoQuestion::Broken(what) => what,
        })
    }

    fn form(fields: Value) -> Value {
        json!({"message": "Who?", "schema": {"type": "object", "properties": fields, "required": ["name"]}})
    }

    #[test]
    fn only_an_accepted_form_with_the_box_ticked_is_a_yes() {
        for (result, wanted) in [
            (
                json!({"action": "accept", "content": {"confirm": true}}),
                Some(true),
            ),
            (
                json!({"action": "accept", "content": {"confirm": false}}),
                Some(false),
            ),
            (json!({"action": "decline"}), Some(false)),
            (
                json!({"action": "cancel", "content": {"confirm": true}}),
                Some(false),
            ),
            (json!({"action": "accept"}), None),
            (
                json!({"action": "accept", "content": {"confirm": "yes"}}),
                None,
            ),
            (json!({"action": "accept", "content": {}}), None),
            (json!({"action": "maybe"}), None),
            (json!(true), None),
        ] {
            assert_eq!(yes_or_no(&result), wanted, "{result}");
        }
    }

    #[test]
    fn a_form_that_asks_for_a_secret_is_none() {
        for name in [
            "password",
            "api_key",
            "API-Key",
            "clientSecret",
            "access_token",
        ] {
            let asked = question("form", form(json!({ name: {"type": "string"} })));
            assert_eq!(asked.unwrap_err(), "its form asks for a secret", "{name}");
        }
        question("form", form(json!({"name": {"type": "string"}}))).unwrap();
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for (kind, parameters) in [
            ("riddle", json!({})),
            ("confirm", json!({"message": " "})),
            ("confirm", json!([])),
            ("form", json!({"message": "Who?"})),
            ("form", form(json!({}))),
            ("form", form(json!({"name": {"type": "object"}}))),
            ("sampling", json!({"messages": []})),
        ] {
            assert!(
                question(kind, parameters.clone()).is_err(),
                "{kind} {parameters}"
            );
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_its_question_counts_as_none() {
        let form = question("form", form(json!({"name": {"type": "string"}}))).unwrap();
        for (answer, told) in [
            (json!(12345), None),
            (json!({"action": "accept"}), None),
            (json!({"action": "accept", "content": {"name": 7}}), None),
            (json!({"action": "accept", "content": {}}), None),
            (
                json!({"action": "accept", "content": {"name": "A"}, "more": 1}),
                Some(json!({"action": "accept", "content": {"name": "A"}})),
            ),
            (
                json!({"action": "decline"}),
                Some(json!({"action": "decline"})),
            ),
        ] {
            assert_eq!(form.told(&answer), told, "{answer}");
        }
        let roots = question("roots", json!({})).unwrap();
        assert_eq!(roots.told(&json!({"action": "accept"})), None);
        assert_eq!(
            roots.told(&json!({"roots": []})),
            Some(json!({"roots": []}))
        );
    }
}
