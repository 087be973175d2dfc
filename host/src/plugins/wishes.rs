//! What a component wishes for, held against what it is granted.

use super::inspect::InspectedWish;
use crate::capabilities::http::AllowPattern;
use crate::config::{Grants, HttpGrant};

/// A wish that is not granted, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The line for `[plugins.NAME]` that grants it; what was granted under this key before stands in it too.
    pub line: String,
    /// Why, in the component's words.
    pub reason: String,
}

/// The wishes that are not granted.
///
/// # Errors
/// A wish is not written in the words of the config.
pub fn gaps(wishes: &[InspectedWish], granted: &Grants) -> Result<Vec<Gap>, String> {
    // Each line holds what the ones before it asked for, so that all of them can be followed.
    let mut known = granted.clone();
    let mut gaps = Vec::new();
    for wish in wishes {
        let wished: Grants = toml::from_str(&wish.grant).map_err(|error| {
            format!(
                "it wishes for '{}', which is not written as a grant: {}",
                wish.grant,
                error.message()
            )
        })?;
        let mut gap = |line: String| {
            gaps.push(Gap {
                line,
                reason: wish.reason.clone(),
            });
        };
        if add_http(&mut known.http, &wished.http)? {
            gap(http_line(&known.http));
        }
        for (key, known, wished) in [
            ("read", &mut known.read, &wished.read),
            ("tools", &mut known.tools, &wished.tools),
            ("events", &mut known.events, &wished.events),
        ] {
            let before = known.len();
            for name in wished {
                if !known.contains(name) {
                    known.push(name.clone());
                }
            }
            if known.len() > before {
                gap(format!("grants.{key} = {known:?}"));
            }
        }
        if wished.locks && !known.locks {
            known.locks = true;
            gap("grants.locks = true".to_owned());
        }
    }
    Ok(gaps)
}

/// Adds what is wished for and not covered; whether there was any.
fn add_http(known: &mut Vec<HttpGrant>, wished: &[HttpGrant]) -> Result<bool, String> {
    let mut added = false;
    for wish in wished {
        for pattern in &wish.allow {
            let parsed: AllowPattern = pattern.parse().map_err(|error| format!("{error}"))?;
            let covered = known
                .iter()
                .filter(|grant| grant.endpoint == wish.endpoint)
                .flat_map(|grant| &grant.allow)
                .any(|granted| granted.parse() == Ok(parsed.clone()));
            if covered {
                continue;
            }
            added = true;
            match known
                .iter_mut()
                .find(|grant| grant.endpoint == wish.endpoint)
            {
                Some(grant) => grant.allow.push(pattern.clone()),
                None => known.push(HttpGrant {
                    endpoint: wish.endpoint.clone(),
                    allow: vec![pattern.clone()],
                }),
            }
        }
    }
    Ok(added)
}

fn http_line(grants: &[HttpGrant]) -> String {
    let grants: Vec<String> = grants
        .iter()
        .map(|grant| {
            format!(
                "{{ endpoint = {:?}, allow = {:?} }}",
                grant.endpoint, grant.allow
            )
        })
        .collect();
    format!("grants.http = [{}]", grants.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Plugin;

    fn wish(grant: &str) -> InspectedWish {
        InspectedWish {
            grant: grant.to_owned(),
            reason: "because".to_owned(),
        }
    }

    #[test]
    fn following_the_lines_leaves_no_gap() {
        let wishes = [
            wish(r#"tools = ["orders_list"]"#),
            wish(r#"tools = ["orders_move"]"#),
            wish(r#"http = [{ endpoint = "shop", allow = ["GET /a", "PUT /a/*"] }]"#),
            wish("locks = true"),
        ];
        let granted: Grants =
            toml::from_str(r#"http = [{ endpoint = "shop", allow = ["GET /a"] }]"#).unwrap();
        let found = gaps(&wishes, &granted).unwrap();
        assert_eq!(found.len(), 4);
        // Of two lines with one key, the later holds the earlier.
        let lines: Vec<_> = found[1..].iter().map(|gap| gap.line.as_str()).collect();
        let config = format!("source = \"x\"\n{}", lines.join("\n"));
        let followed: Plugin = toml::from_str(&config).unwrap();
        assert_eq!(gaps(&wishes, &followed.grants).unwrap(), []);
    }

    #[test]
    fn a_wish_in_other_words_is_told() {
        let error = gaps(&[wish("everything = true")], &Grants::default()).unwrap_err();
        assert!(error.contains("everything"), "{error}");
    }
}
