//! What whoever runs the server sees of it: metrics and traces. Both are off unless they are asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::value::Variable;
use super::{Environment, FromEnvironment};

/// Shorter tokens are guessed.
const TOKEN_BYTES: usize = 16;

/// `[metrics]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// A listener of its own for `/metrics`, which asks nobody who they are: bind it where only Prometheus is.
    pub listen: Option<SocketAddr>,
    /// `{ env = "NAME" }`: the bearer token that opens `/metrics` and `/health/detailed` on the main listener.
    pub token: Option<Variable>,
}

/// `[traces]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traces {
    /// An OpenTelemetry collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`; spans go to `/v1/traces` there.
    pub otlp: Option<Url>,
    /// Headers for the collector, such as `{ authorization = { env = "OTLP_AUTHORIZATION" } }`.
    pub headers: BTreeMap<String, FromEnvironment>,
    /// The part of the calls that is traced, 0 to 1, where the caller's `traceparent` does not say.
    pub sample: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            otlp: None,
            headers: BTreeMap::new(),
            sample: 1.0,
        }
    }
}

impl Metrics {
    /// The token, if there is to be one.
    ///
    /// # Errors
    /// Its variable is not set, or what stands there is too short to be a secret.
    pub fn token(&self, environment: &Environment) -> Result<Option<SecretString>, String> {
        let Some(variable) = &self.token else {
            return Ok(None);
        };
        let name = &variable.env;
        match environment.get(name) {
            None => Err(format!("the environment variable {name} is not set")),
            Some(token) if token.len() < TOKEN_BYTES => Err(format!(
                "{name} has fewer than {TOKEN_BYTES} characters, so it could be guessed"
            )),
            Some(token) => Ok(Some(token.into())),
        }
    }
}

impl Traces {
    /// The collector's headers, as they are sent.
    ///
    /// # Errors
    /// A variable is not set, or a value is not a text.
    pub fn headers(
        &self,
        environment: &Environment,
    ) -> Result<Vec<(String, SecretString)>, String> {
        let headers = self.headers.iter().map(|(name, value)| {
            let value = value
                .resolve(environment)
                .map_err(|variable| format!("the environment variable {variable} is not set"))?;
            let text = value
                .as_str()
                .ok_or_else(|| format!("the header {name} must be a text"))?;
            Ok((name.clone(), text.into()))
        });
        headers.collect()
    }
}
