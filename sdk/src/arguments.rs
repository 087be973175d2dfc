//! Types for tool arguments whose meaning JSON Schema alone does not carry.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// The arguments of a tool that takes none.
///
/// ```
/// use orderdesk_plugin::{Context, NoArguments, Tool, ToolError};
/// use serde_json::{Value, json};
///
/// fn desk_hours(_: NoArguments, _: &Context) -> Result<Value, ToolError> {
///     Ok(json!({ "opens": "9:00", "closes": "17:00" }))
/// }
///
/// let schema = Tool::new("desk_hours", desk_hours).describe().input_schema;
/// assert_eq!(schema["additionalProperties"], json!(false));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct NoArguments {}

/// An identifier that callers may write as text or as a whole number: `"17"`, `" 17 "` and `17` are the same.
///
/// ```
/// use orderdesk_plugin::Id;
///
/// let id: Id = serde_json::from_str("17").unwrap();
/// assert_eq!(id, serde_json::from_str::<Id>("\" 17 \"").unwrap());
/// assert_eq!(id.to_string(), "17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// The identifier as text, without spaces around it.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::Id;
    ///
    /// let order_id: Id = serde_json::from_str("17").unwrap();
    /// let request = Request::get("shop").path(["orders", order_id.as_str()]);
    /// assert_eq!(request.path, ["orders", "17"]);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier that this text is, unless it is blank.
    ///
    /// ```
    /// use orderdesk_plugin::Id;
    ///
    /// assert_eq!(Id::new(" 17 ").unwrap().as_str(), "17");
    /// assert_eq!(Id::new("  "), None);
    /// ```
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an id as text (not blank) or as a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Id::new(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
        }

        deserializer.deserialize_any(IdVisitor)
    }
}

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        if generator.contract().is_serialize() {
            json_schema!({ "type": "string" })
        } else {
            json_schema!({ "type": ["string", "integer"], "minLength": 1 })
        }
    }
}

/// A handle to a secret that the host keeps. A plugin never sees the secret itself.
///
/// Every argument of this type says for whom the host shall seal it, in its schema:
///
/// ```
/// use orderdesk_plugin::Sealed;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Arguments {
///     /// The shop's API key.
///     #[schemars(extend("x-sealed" = ["endpoint:shop"]))]
///     api_key: Sealed,
/// }
/// # let _ = |a: Arguments| a.api_key;
/// ```
///
/// A plain `Sealed` is a secret that the tool needs, and always has when it runs: where the caller leaves it out, the host lets a
/// person enter it, on a page of its own or in a terminal, so that neither the model nor its client sees it. An
/// `Option<Sealed>` is there only if the caller sent it.
///
/// A tool whose `Sealed` argument names no audience is a mistake that shows at once: describing it panics.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// A handle as a host wrote it. For those who implement [`crate::crypto::CryptoHost`]; a test gets one from
    /// [`crate::testing::FakeHost::seal`].
    ///
    /// ```
    /// use orderdesk_plugin::Sealed;
    ///
    /// let sealed = Sealed::new("sec_17");
    /// assert_eq!(format!("{sealed:?}"), "Sealed(..)");
    /// ```
    #[must_use]
    pub fn new(handle: impl Into<String>) -> Self {
        Self(handle.into())
    }

    /// The handle: what to store, and worth nothing to anybody else.
    ///
    /// ```
    /// use orderdesk_plugin::Sealed;
    /// use orderdesk_plugin::storage::Write;
    /// # use orderdesk_plugin::testing::FakeHost;
    ///
    /// fn remember(api_key: &Sealed) -> Write {
    ///     Write::put("api-key", api_key.handle())
    /// }
    ///
    /// let api_key = FakeHost::new().seal("hunter2", &["endpoint:shop"]);
    /// assert_ne!(remember(&api_key), Write::put("api-key", "hunter2"));
    /// ```
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A host that forgot to seal an argument would have a plaintext here.
        formatter.write_str("Sealed(..)")
    }
}

impl JsonSchema for Sealed {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sealed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The empty list is replaced by the field's `extend`; `crate::schema` refuses one that was not.
        json_schema!({ "type": "string", "x-sealed": [] })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_taken_as_text_or_whole_number_and_trimmed() {
        for text in ["\"17\"", "17", "\"  17\\n\""] {
            assert_eq!(serde_json::from_str::<Id>(text).unwrap().as_str(), "17");
        }
        assert_eq!(serde_json::from_str::<Id>("-3").unwrap().as_str(), "-3");
    }

    #[test]
    fn a_blank_id_a_fraction_and_other_types_are_refused_in_words() {
        for text in ["\"  \"", "1.5", "true", "null", "[1]"] {
            let error = serde_json::from_str::<Id>(text).unwrap_err().to_string();
            assert!(
                error.contains("an id as text (not blank) or as a whole number"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn an_id_is_written_as_text() {
        let id: Id = serde_json::from_str("17").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"17\"");
    }

    #[test]
    fn a_handle_is_not_printed() {
        assert_eq!(format!("{:?}", Sealed::new("hunter2")), "Sealed(..)");
    }
}
