//! Tools that are built into the server, beside those of plugins: the same validation, scopes, limits and log.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::tool::Tool;
use crate::capabilities::context::Caller;
use crate::capabilities::contract::Error;
use crate::config::Limits;

/// What native tools are counted under, in logs and limits; no plugin can be called so.
pub const NATIVE: &str = "host";

/// A tool's code in this process.
#[async_trait]
pub trait NativeTool: Send + Sync {
    /// Runs with arguments that are valid.
    ///
    /// # Errors
    /// What the caller reads.
    async fn call(&self, caller: &Caller, arguments: Map<String, Value>) -> Result<Answer, Error>;
}

/// A native tool and its description.
#[derive(Clone)]
pub struct Native {
    /// As agents see it.
    pub tool: Arc<Tool>,
    /// What runs.
    pub code: Arc<dyn NativeTool>,
    /// What one call may use; only time and calls at once apply.
    pub limits: Limits,
}
