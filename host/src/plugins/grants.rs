//! What a plugin may reach: what it asks for in its component and the operator grants in the configuration. Neither alone is
//! enough.
//!
//! Wishes are written in the words of `[plugins.NAME.grants]`, so that granting one is copying it.

use crate::capabilities::Services;
use crate::capabilities::context::Grantee;
use crate::capabilities::contract::tools::Wish;
use crate::capabilities::http::{AllowPattern, HttpGrant};
use crate::config::{self, Grants};

use super::PluginError;

/// A wish, read.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it asks for.
    pub grants: Grants,
    /// As it was written.
    pub text: String,
    /// Why, in the plugin's words.
    pub reason: String,
}

/// Something that a plugin asks for and does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What it would get, as it stands in a wish.
    pub wish: String,
    /// The line for `[plugins.NAME]` that grants it, beside what is granted under the same key already.
    pub line: String,
    /// Why it asks.
    pub reason: String,
}

/// Both sides, held against each other.
#[derive(Debug)]
pub struct Weighed {
    /// What the plugin may reach.
    pub grants: Grants,
    /// What it asks for and was not granted.
    pub gaps: Vec<Gap>,
    /// What was granted and it does not ask for, as lines of the configuration: without effect.
    pub unasked: Vec<String>,
}

/// Reads wishes.
///
/// # Errors
/// One is not written as a grant of the configuration.
pub fn wanted(wishes: &[Wish]) -> Result<Vec<Wanted>, PluginError> {
    wishes
        .iter()
        .map(|wish| {
            let shown = || -> String { wish.grant.chars().take(200).collect() };
            let grants: Grants = toml::from_str(&wish.grant).map_err(|error| {
                PluginError::Declaration(format!(
                    "it wishes for '{}', which is not written as a grant of the configuration: {}",
                    shown(),
                    error.message()
                ))
            })?;
            for http in &grants.http {
                for pattern in &http.allow {
                    parsed(pattern).map_err(|error| {
                        PluginError::Declaration(format!("it wishes for '{}': {error}", shown()))
                    })?;
                }
            }
            Ok(Wanted {
                grants,
                text: wish.grant.clone(),
                reason: wish.reason.clone(),
            })
        })
        .collect()
}

/// Holds what was granted against what is wished for.
///
/// # Errors
/// A pattern of the configuration is none.
pub fn weigh(granted: &Grants, wanted: &[Wanted]) -> Result<Weighed, String> {
    let asks = |has: &dyn Fn(&Grants) -> bool| wanted.iter().any(|wish| has(&wish.grants));
    let mut weighed = Weighed {
        grants: Grants::default(),
        gaps: Vec::new(),
        unasked: Vec::new(),
    };
    weighed.grants.http = http(granted, wanted, &mut weighed.unasked)?;
    let mut names = |key: &str, granted: &[String], of: fn(&Grants) -> &Vec<String>| {
        let (asked, unasked): (Vec<String>, Vec<String>) = granted
            .iter()
            .cloned()
            .partition(|name| asks(&|wish| of(wish).contains(name)));
        if !unasked.is_empty() {
            weighed.unasked.push(format!("{key} = {unasked:?}"));
        }
        asked
    };
    let read = names("read", &granted.read, |grants| &grants.read);
    let tools = names("tools", &granted.tools, |grants| &grants.tools);
    let events = names("events", &granted.events, |grants| &grants.events);
    let locks = granted.locks && asks(&|wish| wish.locks);
    if granted.locks && !locks {
        weighed.unasked.push("locks = true".to_owned());
    }
    (weighed.grants.read, weighed.grants.tools) = (read, tools);
    (weighed.grants.events, weighed.grants.locks) = (events, locks);
    weighed.gaps = gaps(granted, wanted)?;
    Ok(weighed)
}

/// Of each pair of patterns where one covers the other, the narrower: what both sides say.
fn http(
    granted: &Grants,
    wanted: &[Wanted],
    unasked: &mut Vec<String>,
) -> Result<Vec<config::HttpGrant>, String> {
    let mut all = Vec::new();
    for grant in &granted.http {
        let mut allow: Vec<String> = Vec::new();
        let mut without = Vec::new();
        for text in &grant.allow {
            let pattern = parsed(text)?;
            let before = allow.len();
            for wish in wanted.iter().flat_map(|wish| &wish.grants.http) {
                if wish.endpoint != grant.endpoint {
                    continue;
                }
                for asked in &wish.allow {
                    let asked = parsed(asked)?;
                    let both = if asked.covers(&pattern) {
                        &pattern
                    } else if pattern.covers(&asked) {
                        &asked
                    } else {
                        continue;
                    };
                    allow.push(both.to_string());
                }
            }
            if allow.len() == before {
                without.push(text.clone());
            }
        }
        if !without.is_empty() {
            unasked.push(format!(
                "http = [{{ endpoint = {:?}, allow = {without:?} }}]",
                grant.endpoint
            ));
        }
        allow.sort();
        allow.dedup();
        all.push(config::HttpGrant {
            endpoint: grant.endpoint.clone(),
            allow,
        });
    }
    Ok(all)
}

fn gaps(granted: &Grants, wanted: &[Wanted]) -> Result<Vec<Gap>, String> {
    let mut gaps = Vec::new();
    for wish in wanted {
        let mut gap = |missing: String, line: String| {
            gaps.push(Gap {
                wish: missing,
                line,
                reason: wish.reason.clone(),
            });
        };
        for http in &wish.grants.http {
            let mut missing = Vec::new();
            for asked in &http.allow {
                let pattern = parsed(asked)?;
                let mut covered = false;
                for grant in granted
                    .http
                    .iter()
                    .filter(|it| it.endpoint == http.endpoint)
                {
                    for allowed in &grant.allow {
                        covered |= parsed(allowed)?.covers(&pattern);
                    }
                }
                if !covered {
                    missing.push(asked.clone());
                }
            }
            if !missing.is_empty() {
                let mut all = granted.http.clone();
                match all.iter_mut().find(|it| it.endpoint == http.endpoint) {
                    Some(grant) => grant.allow.extend(missing.iter().cloned()),
                    None => all.push(config::HttpGrant {
                        endpoint: http.endpoint.clone(),
                        allow: missing.clone(),
                    }),
                }
                gap(
                    format!("http = [{}]", inline(&http.endpoint, &missing)),
                    http_line(&all),
                );
            }
        }
        let lists = [
            ("read", &wish.grants.read, &granted.read),
            ("tools", &wish.grants.tools, &granted.tools),
            ("events", &wish.grants.events, &granted.events),
        ];
        for (key, asked, granted) in lists {
            let missing: Vec<_> = asked.iter().filter(|it| !granted.contains(it)).collect();
            if !missing.is_empty() {
                let all: Vec<_> = granted.iter().chain(missing.iter().copied()).collect();
                gap(
                    format!("{key} = {missing:?}"),
                    format!("grants.{key} = {all:?}"),
                );
            }
        }
        if wish.grants.locks && !granted.locks {
            gap("locks = true".to_owned(), "grants.locks = true".to_owned());
        }
    }
    Ok(gaps)
}

fn inline(endpoint: &str, allow: &[String]) -> String {
    format!("{{ endpoint = {endpoint:?}, allow = {allow:?} }}")
}

/// The line of the configuration that grants exactly this.
fn http_line(grants: &[config::HttpGrant]) -> String {
    let all: Vec<String> = grants
        .iter()
        .map(|grant| inline(&grant.endpoint, &grant.allow))
        .collect();
    format!("grants.http = [{}]", all.join(", "))
}

fn parsed(pattern: &str) -> Result<AllowPattern, String> {
    pattern
        .parse()
        .map_err(|error| format!("'{pattern}': {error}"))
}

/// The plugin with these grants.
///
/// # Errors
/// A grant names an endpoint that there is not, or a pattern that is none.
pub fn grantee(
    name: &str,
    settings: &config::Plugin,
    grants: &Grants,
    services: &Services,
) -> Result<Grantee, PluginError> {
    let config = |what: String| PluginError::Config(format!("plugins.{name}.grants: {what}"));
    let mut http = Vec::new();
    for grant in &grants.http {
        if services.http.origin(&grant.endpoint).is_none() {
            return Err(config(format!("there is no endpoint '{}'", grant.endpoint)));
        }
        http.push(HttpGrant {
            endpoint: grant.endpoint.clone(),
            allow: grant
                .allow
                .iter()
                .map(|pattern| parsed(pattern).map_err(config))
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(Grantee {
        name: name.to_owned(),
        http,
        read: grants.read.clone(),
        tools: grants.tools.clone(),
        locks: grants.locks,
        events: grants.events.clone(),
        settings: serde_json::Value::Object(settings.settings.clone()).to_string(),
        consent: None,
        stored_limit: 0,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn grants(text: &str) -> Grants {
        toml::from_str(text).unwrap()
    }

    fn wishes(texts: &[&str]) -> Vec<Wanted> {
        let wishes: Vec<Wish> = texts
            .iter()
            .map(|text| Wish {
                grant: (*text).to_owned(),
                reason: "to try".to_owned(),
            })
            .collect();
        wanted(&wishes).unwrap()
    }

    #[test]
    fn what_both_sides_say_counts_and_nothing_else() {
        let granted = grants(
            r#"http = [{ endpoint = "shop", allow = ["GET /**", "PUT /orders/*"] }]
               read = ["stores", "other"]
               tools = ["a"]
               locks = true"#,
        );
        let wished = wishes(&[
            r#"http = [{ endpoint = "shop", allow = ["GET /orders/*", "DELETE /orders/*"] }]"#,
            r#"read = ["stores"]"#,
            r#"tools = ["a", "b"]"#,
        ]);
        let weighed = weigh(&granted, &wished).unwrap();
        assert_eq!(weighed.grants.http[0].allow, ["GET /orders/*"]);
        assert_eq!(weighed.grants.read, ["stores"]);
        assert_eq!(weighed.grants.tools, ["a"]);
        assert!(!weighed.grants.locks);
        assert_eq!(
            weighed.unasked,
            [
                r#"http = [{ endpoint = "shop", allow = ["PUT /orders/*"] }]"#,
                r#"read = ["other"]"#,
                "locks = true"
            ]
        );
        let gaps: Vec<_> = weighed.gaps.iter().map(|gap| gap.line.as_str()).collect();
        assert_eq!(
            gaps,
            [
                r#"grants.http = [{ endpoint = "shop", allow = ["GET /**", "PUT /orders/*", "DELETE /orders/*"] }]"#,
                r#"grants.tools = ["a", "b"]"#
            ]
        );
        // Following the advice mends it.
        for gap in &weighed.gaps {
            let line = gap.line.strip_prefix("grants.").unwrap();
            let key = line.split(' ').next().unwrap();
            let mut mended = granted.clone();
            let added = grants(line);
            match key {
                "http" => mended.http = added.http,
                _ => mended.tools = added.tools,
            }
            let left = weigh(&mended, &wished).unwrap().gaps;
            assert!(left.iter().all(|other| other.wish != gap.wish), "{left:?}");
        }
    }

    #[test]
    fn a_plugin_that_asks_for_nothing_gets_nothing() {
        let granted = grants("read = [\"stores\"]\nlocks = true");
        assert_eq!(weigh(&granted, &[]).unwrap().grants, Grants::default());
    }

    #[test]
    fn a_wish_in_other_words_is_refused() {
        for text in [
            "everything",
            "reed = [\"stores\"]",
            "http = [{ endpoint = \"a\", allow = [\"GET\"] }]",
        ] {
            let wish = Wish {
                grant: text.to_owned(),
                reason: String::new(),
            };
            assert!(wanted(&[wish]).is_err(), "{text}");
        }
    }
}
