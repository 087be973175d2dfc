//! Values for somebody who types an argument of a prompt or a variable of a template: one call of a plugin, which can only read.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;

use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::offer::{Asking, nothing_there, shown};
use super::prompt::Prompt;
use super::registry::Offered;
use super::resource::Resource;
use crate::capabilities::context::CallState;
use crate::capabilities::contract::types::{Completion, Typing};
use crate::capabilities::contract::{Error, ErrorKind};

/// Nobody who types waits for longer.
const TYPING_TIME: Duration = Duration::from_secs(10);
/// Values that MCP lets a server offer at once.
const VALUES: usize = 100;
/// Bytes of all values together.
const VALUES_BYTES: usize = 64 << 10;

impl PluginHost {
    /// Values for a variable of a template.
    ///
    /// # Errors
    /// There is no such variable, or what the plugin answers.
    pub async fn complete_variable(
        self: &Arc<Self>,
        resource: &Offered<Resource>,
        typing: Typing,
        asking: Asking,
    ) -> Result<Completion, Error> {
        let (plugin, shape) = (&resource.plugin, &resource.item.shape);
        let Some(bound) = &plugin.exports.resources else {
            return Err(nothing_there());
        };
        let known: Vec<&str> = shape.variables().collect();
        let typing = among(typing, shape.text(), &known)?;
        self.complete(plugin, asking, async |store| {
            let instance = bound.instantiate_async(&mut *store).await?;
            let resources = instance.orderdesk_plugin_resources();
            resources.call_complete(store, shape.text(), &typing).await
        })
        .await
    }

    /// Values for an argument of a prompt.
    ///
    /// # Errors
    /// There is no such argument, or what the plugin answers.
    pub async fn complete_argument(
        self: &Arc<Self>,
        prompt: &Offered<Prompt>,
        typing: Typing,
        asking: Asking,
    ) -> Result<Completion, Error> {
        let (plugin, prompt) = (&prompt.plugin, &prompt.item);
        let Some(bound) = &plugin.exports.prompts else {
            return Err(nothing_there());
        };
        let known: Vec<&str> = prompt.arguments.iter().map(|it| it.name.as_str()).collect();
        let typing = among(typing, &prompt.name, &known)?;
        self.complete(plugin, asking, async |store| {
            let instance = bound.instantiate_async(&mut *store).await?;
            let prompts = instance.orderdesk_plugin_prompts();
            prompts.call_complete(store, &prompt.name, &typing).await
        })
        .await
    }

    /// What the plugin answers, as it may be offered.
    async fn complete(
        self: &Arc<Self>,
        plugin: &LoadedPlugin,
        asking: Asking,
        ask: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<Result<Completion, Error>>,
    ) -> Result<Completion, Error> {
        let answer = self.ask(
            "completion/complete",
            plugin,
            asking,
            TYPING_TIME,
            None,
            ask,
        );
        let mut completion = shortened(answer.await?);
        for value in &mut completion.values {
            self.imitations.clean(value);
        }
        Ok(completion)
    }
}

/// What is being typed, without given values that mean nothing here.
fn among(mut typing: Typing, of: &str, known: &[&str]) -> Result<Typing, Error> {
    if !known.contains(&typing.name.as_str()) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "unknown-argument",
            format!(
                "{of} has no '{}'; it has: {}.",
                shown(&typing.name),
                known.join(", ")
            ),
        ));
    }
    typing
        .given
        .retain(|(name, _)| known.contains(&name.as_str()));
    // The same order whatever a client's maps do.
    typing.given.sort();
    Ok(typing)
}

fn shortened(mut completion: Completion) -> Completion {
    let offered = completion.values.len();
    let mut bytes = 0;
    let room = completion.values.iter().take(VALUES).take_while(|value| {
        bytes += value.len();
        bytes <= VALUES_BYTES
    });
    let kept = room.count();
    completion.values.truncate(kept);
    completion.has_more |= kept < offered;
    completion
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_offered_to_somebody_who_types_is_bounded() {
        let completion = |values: Vec<String>| Completion {
            values,
            total: None,
            has_more: false,
        };
        let many = shortened(completion(vec!["a".into(); 101]));
        assert!(many.values.len() == 100 && many.has_more);
        let long = shortened(completion(vec!["a".repeat(40_000); 3]));
        assert!(long.values.len() == 1 && long.has_more);
        let few = shortened(completion(vec!["a".into()]));
        assert!(few.values.len() == 1 && !few.has_more);
    }

    #[test]
    fn only_variables_that_there_are_count() {
        let typing = |name: &str| Typing {
            name: name.into(),
            typed: String::new(),
            given: vec![("store".into(), "a".into()), ("other".into(), "b".into())],
        };
        let known = ["store", "id"];
        assert_eq!(among(typing("id"), "shop", &known).unwrap().given.len(), 1);
        assert!(among(typing("ids"), "shop", &known).is_err());
    }
}
