//! Values that may be taken from the environment.

use serde::Deserialize;

use super::Environment;

/// A value written in the file, or `{ env = "NAME", default = … }`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum FromEnvironment {
    /// Taken from the environment when the server starts.
    Variable(Variable),
    /// As it stands in the file.
    Literal(serde_json::Value),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The variable's name.
    pub env: String,
    /// What counts while the variable is not set or empty.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
}

impl FromEnvironment {
    /// The value, or the name of the variable that is missing.
    ///
    /// # Errors
    /// The variable is neither set nor has a default.
    pub fn resolve(&self, environment: &Environment) -> Result<serde_json::Value, String> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Variable(variable) => environment
                .get(&variable.env)
                .map(|text| serde_json::Value::String(text.to_owned()))
                .or_else(|| variable.default.clone())
                .ok_or_else(|| variable.env.clone()),
        }
    }

    /// Whether the value is taken from the environment.
    pub fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }
}
