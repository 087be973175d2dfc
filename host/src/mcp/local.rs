//! What stdio does once for the person on whose machine it runs: the first calls of the config, such as registering the
//! store whose id and key stand in the environment. Which tool that is, only the config knows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::correlation::correlation_id;
use crate::capabilities::context::Caller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::config::{Environment, FirstCall};
use crate::plugins::{CallRequest, PluginHost, Selection};

/// Calls to make before the first call of the local tenant.
#[derive(Default)]
pub struct FirstCalls {
    waiting: Mutex<Vec<Prepared>>,
}

struct Prepared {
    tool: String,
    arguments: Map<String, Value>,
}

impl FirstCalls {
    /// The calls whose variables are all set.
    pub fn prepare(calls: &[FirstCall], environment: &Environment) -> Self {
        let mut waiting = Vec::new();
        for call in calls {
            let arguments: Result<Map<_, _>, String> = call
                .arguments
                .iter()
                .map(|(name, value)| Ok((name.clone(), value.resolve(environment)?)))
                .collect();
            match arguments {
                Ok(arguments) => waiting.push(Prepared {
                    tool: call.tool.clone(),
                    arguments,
                }),
                Err(variable) => tracing::debug!(
                    tool = call.tool,
                    variable,
                    "a first call is left out: the variable is not set"
                ),
            }
        }
        Self {
            waiting: Mutex::new(waiting),
        }
    }

    /// Makes the calls that were not made before with these arguments. Others wait until they are through.
    ///
    /// # Errors
    /// The first call that failed; the next caller tries again.
    pub async fn make(
        &self,
        host: &Arc<PluginHost>,
        caller: &Caller,
        wait: Duration,
    ) -> Result<(), Error> {
        let mut waiting = self.waiting.lock().await;
        while let Some(next) = waiting.last() {
            let tenancy = &host.services().tenancy;
            let digest = tenancy.setup_digest(canonical(next).as_bytes());
            let failed = |error: &dyn std::fmt::Display| {
                Error::internal("Setting up the local tenant", error)
            };
            if !tenancy
                .setup_done(&caller.principal.tenant, &digest)
                .await
                .map_err(|error| failed(&error))?
            {
                host.loaded(wait).await;
                let registry = host.registry();
                let listed = registry.find(&next.tool).ok_or_else(|| {
                    Error::new(
                        ErrorKind::Unavailable,
                        "not-set-up",
                        format!("The tool {} of [local].first_calls is not there. Run 'orderdesk-mcp check'.", next.tool),
                    )
                })?;
                // The operator's own: it is made where only reading is allowed too.
                let request = CallRequest {
                    selection: Selection::of(listed),
                    entered_by_person: true,
                    ..CallRequest::new(caller.clone(), next.arguments.clone(), correlation_id())
                };
                host.call(listed, request).await.map_err(|error| Error {
                    message: format!(
                        "Setting up from the environment with {} failed, so nothing else was done: {}",
                        next.tool, error.message
                    ),
                    ..error
                })?;
                tenancy
                    .mark_setup_done(&caller.principal.tenant, &digest)
                    .await
                    .map_err(|error| failed(&error))?;
                tracing::info!(
                    tool = next.tool,
                    "set up the local tenant from the environment"
                );
            }
            waiting.pop();
        }
        Ok(())
    }
}

/// The same text for the same call: the config keeps arguments sorted by name.
fn canonical(call: &Prepared) -> Zeroizing<String> {
    Zeroizing::new(serde_json::json!([call.tool, call.arguments]).to_string())
}
