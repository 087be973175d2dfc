//! A plugin's call of another plugin's tool: the one way up from the capabilities.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::call::{budget, lock_holder};
use super::confirm::Reply;
use super::host::PluginHost;
use super::intent::Intent;
use super::nesting;
use super::preview;
use super::registry::Runner;
use crate::capabilities::context::{CallContext, PeerCalls};
use crate::capabilities::contract::tools::Mode;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::Askable;
use crate::capabilities::sealing::CallSecrets;

#[async_trait]
impl PeerCalls for PluginHost {
    async fn call_peer(
        &self,
        parent: &CallContext,
        tool: &str,
        arguments: &str,
    ) -> Result<String, Error> {
        let registry = self.registry();
        // The caller's rights: a tool that its key does not cover is not there for the plugins that it calls either.
        let scopes = &parent.caller.principal.scopes;
        let listed = registry.find(tool).filter(|_| scopes.covers_tool(tool));
        let listed = listed.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "tool-not-found",
                format!("There is no tool '{tool}'."),
            )
        })?;
        nesting::check(arguments, listed.limits().nesting, listed.plugin_name())?;
        let arguments = match serde_json::from_str(arguments) {
            Ok(Value::Object(arguments)) => arguments,
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "invalid-arguments",
                    format!("The arguments of {tool} are not a JSON object."),
                ));
            }
        };
        listed.tool.arguments.check(tool, &arguments)?;
        let mode = preview::mode(listed, &arguments)?;
        let read_only = listed.tool.hints.read_only || mode == Mode::Preview;
        if parent.read_only && !read_only {
            return Err(Error::read_only(tool));
        }
        if preview::confirm_token(&arguments).is_some() {
            return Err(Error::new(
                ErrorKind::Denied,
                "confirm-token-through-peer",
                format!(
                    "{tool} was not called: a confirm_token is a caller's, and plugins cannot pass it on."
                ),
            ));
        }
        if listed
            .tool
            .sealed
            .iter()
            .any(|sealed| arguments.contains_key(&sealed.name))
        {
            return Err(Error::new(
                ErrorKind::Denied,
                "secret-argument",
                format!("{tool} takes a secret, which only a person can give."),
            ));
        }
        let Runner::Plugin(plugin) = &listed.runner else {
            return Err(Error::new(
                ErrorKind::Denied,
                "not-a-plugin",
                format!("{tool} cannot be called by plugins."),
            ));
        };
        let mut caller = parent.caller.clone();
        caller.principal = self
            .services
            .agreed(&plugin.grantee, &caller.principal)
            .await?;
        let context = Arc::new(CallContext {
            grantee: plugin.grantee.clone(),
            caller,
            read_only,
            correlation_id: parent.correlation_id.clone(),
            lock_holder: lock_holder(),
            deadline: parent.deadline,
            // Its steps share what is left of the step that called it.
            ends: parent.deadline,
            stops_by: parent.stops_by.clone(),
            winds_up: parent.winds_up,
            cancelled: parent.cancelled.clone(),
            stopped: parent.stopped.clone(),
            progress: None,
            secrets: Arc::new(CallSecrets::default()),
            computed: parent.computed.clone(),
            budget: budget(&plugin.limits),
            log: parent.log.clone(),
            depth: parent.depth + 1,
            peers: parent.peers.clone(),
            askable: Askable::default(),
            subject: std::sync::Mutex::default(),
        });
        let mut trail = self.trail_of_peer(listed, parent, &arguments);
        trail.runs_in(&context);
        let result = async {
            if !read_only {
                trail.begin().await?;
            }
            let intent = Intent::of_peer(mode);
            self.finish(listed, plugin, context, arguments, intent, None)
                .await
        }
        .await;
        trail.end(&result).await;
        let Reply::Done(answer) = result? else {
            return Err(Error::internal(
                "A peer call",
                &"it asked where nobody answers",
            ));
        };
        Ok(answer
            .structured
            .map_or_else(|| "{}".to_owned(), |structured| structured.text))
    }
}
