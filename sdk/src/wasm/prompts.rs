//! The exported interface `prompts`.

use super::bindings::exports::orderdesk::plugin::prompts as contract;
use super::bindings::orderdesk::plugin::types;
use super::convert::json;
use super::guest::{Component, resumption};
use super::host::ComponentHost;
use crate::prompt::{Message, MessageContent, PromptDescription, Prompted, Role, Script};

impl<T: Component> contract::Guest for T {
    fn list_prompts() -> Vec<contract::Prompt> {
        T::plugin().prompts().into_iter().map(Into::into).collect()
    }

    fn get(request: contract::Request) -> Result<contract::Outcome, types::Error> {
        let resumption = request.resumption.map(resumption).transpose()?;
        let (prompt, arguments) = (request.prompt, request.arguments);
        Ok(
            match T::plugin().script(&prompt, arguments, resumption, ComponentHost)? {
                Prompted::Script(script) => contract::Outcome::Complete(script.into()),
                Prompted::Pause(pause) => contract::Outcome::Pause(pause.into()),
            },
        )
    }

    fn complete(prompt: String, typing: types::Typing) -> Result<types::Completion, types::Error> {
        let completion = T::plugin().complete_argument(&prompt, &typing.into(), ComponentHost);
        Ok(completion?.into())
    }
}

impl From<PromptDescription> for contract::Prompt {
    fn from(prompt: PromptDescription) -> Self {
        let argument = |argument: crate::prompt::PromptArgument| contract::Argument {
            name: argument.name,
            title: argument.title,
            description: argument.description,
            required: argument.required,
        };
        Self {
            name: prompt.name,
            title: prompt.title,
            description: prompt.description,
            arguments: prompt.arguments.into_iter().map(argument).collect(),
            tool: prompt.tool,
            extra: json(prompt.extra),
        }
    }
}

impl From<Script> for contract::Script {
    fn from(script: Script) -> Self {
        Self {
            description: script.description,
            messages: script.messages.into_iter().map(Into::into).collect(),
            extra: None,
        }
    }
}

impl From<Message> for contract::Message {
    fn from(message: Message) -> Self {
        Self {
            role: match message.role {
                Role::User => contract::Role::User,
                Role::Assistant => contract::Role::Assistant,
            },
            content: match message.content {
                MessageContent::Text(text) => types::Content::Text(text),
                MessageContent::Blob { mime, data } => {
                    types::Content::Blob(types::Blob { mime, data })
                }
                MessageContent::Embedded(embedded) => types::Content::Embedded(embedded.into()),
                MessageContent::Link(link) => types::Content::Link(types::Link {
                    uri: link.uri,
                    name: link.name,
                    mime: link.mime,
                    description: link.description,
                }),
            },
        }
    }
}
