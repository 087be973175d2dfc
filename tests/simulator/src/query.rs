//! The query string of a request.

/// Query parameters in the order of the URL. As in PHP, the last of several equal names counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        Self {
            pairs: url::form_urlencoded::parse(raw.as_bytes())
                .into_owned()
                .collect(),
        }
    }

    /// A parameter that is given and not blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let last = self.pairs.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }
}
