//! Reading a resource and getting a prompt: one call of a plugin each, which can only read, under the same limits as a tool's.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasmtime::Store;

use super::answer::{ERROR_BYTES, error_size, too_long_an_error};
use super::call::{budget, lock_holder, stopping};
use super::confirm::{self, Answered, Asked, Binding, Next, Resumed};
use super::content;
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::prompt::Prompt;
use super::registry::Offered;
use super::resource::{Resource, is_mime};
use super::trail::Trail;
use super::uri::Variables;
use crate::capabilities::context::{CallContext, CallState, Caller};
use crate::capabilities::contract::prompts::{self, Outcome, Script};
use crate::capabilities::contract::resources::{Contents, Reading};
use crate::capabilities::contract::types::Resumption;
use crate::capabilities::contract::{Error, ErrorKind, WithPromptsPre, kind_name};
use crate::capabilities::questions::Askable;

/// Pieces of one resource, and messages of one prompt.
const PIECES: usize = 100;
/// What a piece costs beside what is in it, once it is JSON.
const PIECE: usize = 64;
/// Rounds of questions that a prompt may go through at once, where the answers came along.
const ROUNDS: usize = 8;
/// Characters of a URI in a message.
const SHOWN: usize = 200;

/// Who asks, and until when.
pub struct Asking {
    /// Who.
    pub caller: Caller,
    /// On every log line, and in the error.
    pub correlation_id: Arc<str>,
    /// Cancelled when the caller gives up.
    pub cancelled: CancellationToken,
    /// The questions that a prompt may end with.
    pub askable: Askable,
    /// Answers to those of an earlier call, or that came unasked.
    pub answered: Option<Answered>,
}

/// What came of asking for a prompt.
pub enum Prompted {
    /// What it says.
    Script(Script),
    /// It asks first.
    Asked(Asked),
}

impl PluginHost {
    /// What stands at a URI that leads to this resource, with these variables. Every piece comes with its URI and, if there is
    /// one, its media type.
    ///
    /// # Errors
    /// What the caller reads.
    pub async fn read_resource(
        self: &Arc<Self>,
        resource: &Offered<Resource>,
        uri: &str,
        variables: Variables,
        asking: Asking,
    ) -> Result<Contents, Error> {
        let plugin = &resource.plugin;
        let shape = &resource.item.shape;
        let Some(bound) = &plugin.exports.resources else {
            return Err(nothing_there());
        };
        let reading = Reading {
            uri: uri.to_owned(),
            template: shape.is_template().then(|| shape.text().to_owned()),
            variables,
            extra: None,
        };
        let variables = reading.variables.iter();
        let given = variables.map(|(name, value)| (name.clone(), value.as_str().into()));
        let of = (resource.plugin_name(), resource.item.name.as_str());
        let trail = self.trail_of_offer("resource", of, &asking, given.collect());
        let read = self
            .ask(
                "resources/read",
                plugin,
                asking,
                plugin.limits.time,
                Some(&trail),
                async |store| {
                    let instance = bound.instantiate_async(&mut *store).await?;
                    let resources = instance.orderdesk_plugin_resources();
                    resources.call_read(store, &reading).await
                },
            )
            .await;
        trail.end_with(&read).await;
        let mut contents = read?;
        let bytes = contents
            .contents
            .iter()
            .map(|piece| PIECE + content::body_size(&piece.body));
        fits(plugin, bytes.sum())?;
        if contents.contents.is_empty() || contents.contents.len() > PIECES {
            return Err(broken(
                plugin,
                "it read no content, or too many pieces of it",
            ));
        }
        let registry = self.registry();
        for content in &mut contents.contents {
            match &content.uri {
                None => content.uri = Some(uri.to_owned()),
                Some(other) if other == uri => {}
                Some(other) => {
                    let owner = registry.find_resource(other);
                    if owner.is_none_or(|(owner, _)| owner.plugin_name() != resource.plugin_name())
                    {
                        return Err(broken(
                            plugin,
                            "it read what it says stands at a URI that is not its own",
                        ));
                    }
                }
            }
            self.imitations.clean_body(&mut content.body);
            if content.mime.is_none() {
                content.mime.clone_from(&resource.item.mime);
            }
            if content.mime.as_deref().is_some_and(|mime| !is_mime(mime)) {
                return Err(broken(plugin, "the media type of what it read is none"));
            }
        }
        Ok(contents)
    }

    /// What a prompt says with these arguments.
    ///
    /// # Errors
    /// What the caller reads: a missing or unknown argument, and what the plugin answers.
    pub async fn get_prompt(
        self: &Arc<Self>,
        prompt: &Offered<Prompt>,
        arguments: Vec<(String, String)>,
        asking: Asking,
    ) -> Result<Prompted, Error> {
        check_arguments(&prompt.item, &arguments)?;
        let plugin = &prompt.plugin;
        let Some(bound) = &plugin.exports.prompts else {
            return Err(nothing_there());
        };
        let asks = format!("The prompt {}", prompt.item.name);
        let given: Map<String, Value> = arguments
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let binding = Binding {
            asks: &asks,
            arguments: &given,
        };
        let of = (prompt.plugin_name(), prompt.item.name.as_str());
        let trail = self.trail_of_offer("prompt", of, &asking, given.clone());
        let prompted = self
            .rounds(prompt, bound, arguments, binding, (asking, &trail))
            .await;
        trail.end_with(&prompted).await;
        prompted
    }

    /// Asks a prompt until it says something, or has to ask somebody.
    async fn rounds(
        self: &Arc<Self>,
        prompt: &Offered<Prompt>,
        bound: &WithPromptsPre<CallState>,
        arguments: Vec<(String, String)>,
        binding: Binding<'_>,
        (mut asking, trail): (Asking, &Trail),
    ) -> Result<Prompted, Error> {
        let plugin = &prompt.plugin;
        let principal = asking.caller.principal.clone();
        let askable = asking.askable;
        let answered = asking.answered.take().unwrap_or_default();
        let mut resumption = None;
        if let Some(token) = &answered.token {
            let answers = &answered.answers;
            match confirm::resume(&self.services, &principal, binding, token, answers).await? {
                Resumed::Again(asked) => return Ok(Prompted::Asked(asked)),
                Resumed::On(resumed, _) => resumption = Some(resumed),
            }
        }
        let time = plugin.limits.time;
        for _ in 0..ROUNDS {
            let request = prompts::Request {
                prompt: prompt.item.name.clone(),
                arguments: arguments.clone(),
                resumption: resumption.take(),
                extra: None,
            };
            let outcome = self
                .ask(
                    "prompts/get",
                    plugin,
                    asking.again(),
                    time,
                    Some(trail),
                    async |store| {
                        let instance = bound.instantiate_async(&mut *store).await?;
                        let prompts = instance.orderdesk_plugin_prompts();
                        prompts.call_get(store, &request).await
                    },
                )
                .await?;
            let mut pause = match outcome {
                Outcome::Complete(script) => {
                    let mut script = checked_script(plugin, script)?;
                    self.without_imitations(&mut script);
                    return Ok(Prompted::Script(script));
                }
                Outcome::Pause(pause) => pause,
            };
            self.imitations.clean_pause(&mut pause);
            let broken = |what: &'static str| broken(plugin, what);
            let given = (askable, &answered.answers);
            let next =
                confirm::decide_reading(&self.services, &principal, binding, given, &pause, broken);
            match next.await? {
                Next::Ask(asked) => return Ok(Prompted::Asked(asked)),
                Next::AskAtPage(_) => {
                    return Err(broken("it asks for a confirmation, and changes nothing"));
                }
                Next::On(answers) => {
                    resumption = Some(Resumption {
                        state: pause.state,
                        answers,
                    });
                }
            }
        }
        Err(broken(plugin, "its prompt does not come to an end"))
    }

    fn without_imitations(&self, script: &mut Script) {
        let pieces = script.messages.iter_mut();
        self.imitations
            .clean_content(pieces.map(|message| &mut message.content));
        if let Some(description) = &mut script.description {
            self.imitations.clean(description);
        }
    }

    /// One call that can only read: dropped where it is when its caller goes away or the server stops.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        what: &'static str,
        plugin: &LoadedPlugin,
        asking: Asking,
        time: Duration,
        trail: Option<&Trail>,
        ask: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<Result<T, Error>>,
    ) -> Result<T, Error> {
        let arrived = Instant::now();
        let answer = self.admit_and_ask(plugin, asking, time, trail, ask).await;
        let outcome = answer
            .as_ref()
            .map_or_else(|error| kind_name(error.kind), |_| "ok");
        self.services
            .metrics
            .called(&plugin.grantee.name, what, outcome, arrived.elapsed());
        answer
    }

    async fn admit_and_ask<T>(
        self: &Arc<Self>,
        plugin: &LoadedPlugin,
        asking: Asking,
        time: Duration,
        trail: Option<&Trail>,
        ask: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<Result<T, Error>>,
    ) -> Result<T, Error> {
        if self.stopping.is_cancelled() {
            return Err(stopping());
        }
        let mut asking = asking;
        let principal = &asking.caller.principal;
        asking.caller.principal = self.agreed_for(&plugin.grantee, principal).await?;
        let deadline = Instant::now() + plugin.limits.time.min(time);
        let admitted = self
            .admission
            .enter(
                asking.caller.principal.tenant.as_str(),
                &plugin.grantee.name,
                plugin.limits.calls,
                deadline,
            )
            .await?;
        let cancelled = asking.cancelled.clone();
        let context = Arc::new(CallContext {
            grantee: plugin.grantee.clone(),
            caller: asking.caller,
            read_only: true,
            correlation_id: asking.correlation_id,
            lock_holder: lock_holder(),
            deadline,
            ends: deadline,
            stops_by: self.stops_by.clone(),
            winds_up: false,
            cancelled: asking.cancelled,
            stopped: self.stopping.child_token(),
            progress: None,
            secrets: Default::default(),
            computed: Arc::default(),
            budget: budget(&plugin.limits),
            log: plugin.log_budget(),
            depth: 0,
            peers: self.clone(),
            askable: asking.askable,
            subject: std::sync::Mutex::default(),
        });
        if let Some(trail) = trail {
            trail.runs_in(&context);
        }
        let answer = tokio::select! {
            answer = plugin.within(&self.services, context, ask) => answer,
            () = cancelled.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled", "The call was cancelled.")),
        };
        drop(admitted);
        answer.map_err(|error| {
            let bytes = error_size(&error);
            match fits(plugin, bytes) {
                Ok(()) if bytes > ERROR_BYTES => {
                    let name = &plugin.grantee.name;
                    too_long_an_error(&format!("The plugin '{name}'"), bytes)
                }
                // The host let it write nothing.
                Ok(()) => Error {
                    outcome_unknown: false,
                    ..self.imitations.clean_error(error)
                },
                Err(too_much) => too_much,
            }
        })
    }
}

impl Asking {
    /// The same, for another call of the plugin.
    fn again(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            correlation_id: self.correlation_id.clone(),
            cancelled: self.cancelled.clone(),
            askable: self.askable,
            answered: None,
        }
    }
}

/// What a prompt says, held against its limits.
fn checked_script(plugin: &LoadedPlugin, script: Script) -> Result<Script, Error> {
    let description = script.description.as_ref().map_or(0, String::len);
    let pieces = || script.messages.iter().map(|message| &message.content);
    fits(plugin, content::size(pieces()) + description)?;
    if script.messages.is_empty() || script.messages.len() > PIECES {
        return Err(broken(plugin, "its prompt has no message, or too many"));
    }
    content::check(pieces()).map_err(|what| broken(plugin, what))?;
    Ok(script)
}

fn check_arguments(prompt: &Prompt, arguments: &[(String, String)]) -> Result<(), Error> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidInput, "invalid-arguments", what);
    let taken = || {
        let names = prompt.arguments.iter().map(|argument| {
            let required = if argument.required { " (required)" } else { "" };
            format!("{}{required}", argument.name)
        });
        names.collect::<Vec<_>>().join(", ")
    };
    for (name, _) in arguments {
        if prompt.arguments.iter().all(|known| known.name != *name) {
            return Err(invalid(format!(
                "The prompt {} has no argument '{}'; it takes: {}.",
                prompt.name,
                shown(name),
                taken()
            )));
        }
    }
    for argument in &prompt.arguments {
        let given = arguments.iter().find(|(name, _)| *name == argument.name);
        if argument.required && given.is_none_or(|(_, value)| value.trim().is_empty()) {
            return Err(invalid(format!(
                "The prompt {} needs the argument '{}'; it takes: {}.",
                prompt.name,
                argument.name,
                taken()
            )));
        }
    }
    Ok(())
}

pub(super) fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect()
}

fn fits(plugin: &LoadedPlugin, bytes: usize) -> Result<(), Error> {
    let (name, limit) = (&plugin.grantee.name, plugin.limits.output);
    if bytes as u64 <= limit.as_u64() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge,
        "output-limit",
        format!(
            "The answer has {bytes} bytes; the limit is {limit} (plugins.{name}.limits.output)."
        ),
    ))
}

pub(super) fn nothing_there() -> Error {
    Error::new(ErrorKind::NotFound, "not-there", "There is no such thing.")
}

fn broken(plugin: &LoadedPlugin, what: &str) -> Error {
    let name = &plugin.grantee.name;
    tracing::error!(plugin = name, "{what}");
    Error::new(
        ErrorKind::Internal,
        "plugin-broke-its-contract",
        format!("The plugin '{name}' gave an answer that breaks its contract. Tell its author."),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::prompt::PromptArgument;
    use super::*;

    fn prompt() -> Prompt {
        let argument = |name: &str, required| PromptArgument {
            name: name.into(),
            title: String::new(),
            description: String::new(),
            required,
        };
        Prompt {
            name: "shop_late".into(),
            title: "Title".into(),
            description: "Description".into(),
            arguments: vec![argument("order_id", true), argument("store", false)],
            tool: None,
        }
    }

    #[test]
    fn a_prompt_gets_what_it_needs_and_nothing_else() {
        let check = |arguments: &[(&str, &str)]| {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            check_arguments(&prompt(), &arguments)
        };
        check(&[("order_id", "17")]).unwrap();
        for wrong in [
            &[][..],
            &[("order_id", " ")],
            &[("order_id", "17"), ("shop", "x")],
        ] {
            let error = check(wrong).unwrap_err();
            assert!(
                error.message.contains("order_id (required), store"),
                "{}",
                error.message
            );
        }
    }
}
