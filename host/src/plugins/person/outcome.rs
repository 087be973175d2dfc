//! What became of a call that a person carried out, kept until the agent repeats it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capabilities::contract::types::Content;
use crate::capabilities::contract::{Error, ErrorKind, kind_name};
use crate::plugins::answer::Answer;

const KINDS: [ErrorKind; 13] = [
    ErrorKind::InvalidInput,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Unauthorized,
    ErrorKind::Denied,
    ErrorKind::RateLimited,
    ErrorKind::Cancelled,
    ErrorKind::Timeout,
    ErrorKind::TooLarge,
    ErrorKind::Upstream,
    ErrorKind::Unavailable,
    ErrorKind::Internal,
    ErrorKind::Other,
];

/// How a call ended.
#[derive(Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Well.
    Done {
        structured: Option<Map<String, Value>>,
        /// Pictures and pointers are left out: they can be had by reading.
        texts: Vec<String>,
    },
    /// With an error.
    Failed {
        kind: String,
        code: Option<String>,
        message: String,
        outcome_unknown: bool,
        /// As JSON. What stands from before it was kept has none.
        #[serde(default)]
        extra: Option<String>,
    },
}

impl Outcome {
    pub(super) fn of(result: &Result<Answer, Error>) -> Self {
        match result {
            Ok(answer) => Self::Done {
                structured: answer.structured.as_ref().map(|it| it.object.clone()),
                texts: texts(answer).map(str::to_owned).collect(),
            },
            Err(error) => Self::Failed {
                kind: kind_name(error.kind).to_owned(),
                code: error.code.clone(),
                message: error.message.clone(),
                outcome_unknown: error.outcome_unknown,
                extra: error.extra.clone(),
            },
        }
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The same answer, or the same error.
    pub(super) fn reply(self) -> Result<Answer, Error> {
        match self {
            Self::Done { structured, texts } => Ok(Answer {
                content: texts.into_iter().map(Content::Text).collect(),
                structured: structured.map(Into::into),
            }),
            Self::Failed {
                kind,
                code,
                message,
                outcome_unknown,
                extra,
            } => Err(Error {
                kind: KINDS
                    .into_iter()
                    .find(|known| kind_name(*known) == kind)
                    .unwrap_or(ErrorKind::Other),
                code,
                message,
                // It counted from then, not from now.
                retry_after_ms: None,
                outcome_unknown,
                extra,
            }),
        }
    }
}

/// What an answer says in words.
pub(super) fn texts(answer: &Answer) -> impl Iterator<Item = &str> {
    answer.content.iter().filter_map(|content| match content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn error_extra() -> Option<String> {
        Some(r#"{"field":"quantity"}"#.to_owned())
    }

    #[test]
    fn every_error_comes_back_as_it_was() {
        for kind in KINDS {
            let error = Error {
                outcome_unknown: true,
                extra: error_extra(),
                ..Error::new(kind, "code", "what and what next")
            };
            let kept = Outcome::of(&Err(error)).write().unwrap();
            let told = Outcome::read(&kept).unwrap().reply().unwrap_err();
            assert_eq!(told.kind, kind);
            assert_eq!(told.code.as_deref(), Some("code"));
            assert_eq!(told.message, "what and what next");
            assert!(told.outcome_unknown);
            assert_eq!(told.extra, error_extra());
        }
    }

    #[test]
    fn what_was_kept_before_errors_had_details_is_still_told() {
        let kept =
            br#"{"Failed":{"kind":"conflict","code":null,"message":"m","outcome_unknown":false}}"#;
        let told = Outcome::read(kept).unwrap().reply().unwrap_err();
        assert_eq!((told.message.as_str(), told.extra), ("m", None));
    }
}
