//! What an operator should know of a set of plugins that each for itself is in order: what they may do together, who writes at
//! the same place, what looks like a secret and is not treated as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::host::PluginHost;
use super::load::Loaded;
use super::tool::Tool;
use crate::capabilities::http::{AllowPattern, Method};
use crate::config::Config;

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Config key.
    pub place: String,
    /// What is so.
    pub what: String,
    /// What could be done.
    pub fix: String,
}

/// Words of which an argument's name with a secret in it often has one.
const SECRETIVE: [&str; 9] = [
    "key",
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "credentials",
    "apikey",
];
/// Words that say that it is only about one: which key, how many tokens.
const ABOUT: [&str; 12] = [
    "id",
    "ids",
    "name",
    "names",
    "type",
    "count",
    "limit",
    "page",
    "idempotency",
    "confirm",
    "sort",
    "next",
];

/// The arguments that are named like a secret and would reach the plugin as they are.
pub(super) fn bare_secrets(tool: &Tool) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    walk(tool.arguments.schema(), &mut found);
    found
        .into_iter()
        .filter(|name| !tool.sealed.iter().any(|sealed| sealed.name == *name))
}

fn walk(schema: &serde_json::Map<String, Value>, found: &mut Vec<String>) {
    for (key, value) in schema {
        match value {
            Value::Object(inner) if key == "properties" => {
                found.extend(inner.keys().filter(|name| is_secretive(name)).cloned());
                for property in inner.values().filter_map(Value::as_object) {
                    walk(property, found);
                }
            }
            Value::Object(inner) => walk(inner, found),
            Value::Array(items) => {
                for item in items.iter().filter_map(Value::as_object) {
                    walk(item, found);
                }
            }
            _ => {}
        }
    }
}

fn is_secretive(name: &str) -> bool {
    let words: Vec<String> = words(name);
    words.iter().any(|word| SECRETIVE.contains(&word.as_str()))
        && !words.iter().any(|word| ABOUT.contains(&word.as_str()))
}

/// `apiKey`, `api_key` and `api-key` are two words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for character in name.chars() {
        let boundary = !character.is_alphanumeric() || (character.is_uppercase() && lower_before);
        if boundary {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        lower_before = character.is_lowercase();
    }
    words
}

/// All that there is to know of the plugins that are served.
pub fn advice(host: &Arc<PluginHost>, config: &Config) -> Vec<Advice> {
    host.with_loaded(|plugins| {
        let mut all = Vec::new();
        for (name, loaded) in plugins {
            of_one(name, loaded, config, &mut all);
        }
        all.extend(several_writers(plugins));
        for (name, loaded) in plugins {
            all.extend(combination(name, loaded, plugins, host));
        }
        all
    })
}

fn of_one(name: &str, loaded: &Loaded, config: &Config, all: &mut Vec<Advice>) {
    let about = &loaded.about;
    for gap in &about.gaps {
        all.push(Advice {
            place: format!("plugins.{name}"),
            what: format!(
                "it asks for {} ({}) and was not granted it",
                gap.wish, gap.reason
            ),
            fix: format!("to grant it, put under [plugins.{name}]: {}", gap.line),
        });
    }
    for line in &about.unasked {
        all.push(Advice {
            place: format!("plugins.{name}.grants"),
            what: format!("{line} has no effect: the plugin does not ask for it"),
            fix: "take it out of the configuration".to_owned(),
        });
    }
    for (tool, argument) in &about.bare_secrets {
        all.push(Advice {
            place: format!("plugins.{name}"),
            what: format!(
                "the argument '{argument}' of {tool} is named like a secret and is not sealed (x-sealed): the plugin would see it"
            ),
            fix: format!("ask its author, or exclude the tool: tools.exclude = [{tool:?}]"),
        });
    }
    let remote = config
        .plugins
        .get(name)
        .is_some_and(|plugin| plugin.publisher.is_none() && plugin.source.file().is_none());
    if remote {
        all.push(Advice {
            place: format!("plugins.{name}"),
            what: "it comes from elsewhere, pinned but signed by nobody".to_owned(),
            fix: "name its publisher, if it signs: [publishers.NAME] key = \"RW…\", and publisher = \"NAME\" here".to_owned(),
        });
    }
}

fn patterns(loaded: &Loaded) -> impl Iterator<Item = (&str, AllowPattern)> {
    loaded.about.grants.http.iter().flat_map(|grant| {
        let allow = grant.allow.iter().filter_map(|text| text.parse().ok());
        allow.map(|pattern| (grant.endpoint.as_str(), pattern))
    })
}

fn reads(method: Method) -> bool {
    method.reads()
}

/// Two writers of one thing know nothing of each other's locks. Where their paths have nothing in common, there is no harm.
fn several_writers(plugins: &BTreeMap<String, &Loaded>) -> Vec<Advice> {
    let mut writers: Vec<(&str, &str, AllowPattern)> = Vec::new();
    for (name, loaded) in plugins {
        let writes = patterns(loaded).filter(|(_, pattern)| !reads(pattern.method()));
        writers.extend(writes.map(|(endpoint, pattern)| (name.as_str(), endpoint, pattern)));
    }
    let mut found: BTreeMap<(&str, &str, &str), String> = BTreeMap::new();
    for (at, (name, endpoint, pattern)) in writers.iter().enumerate() {
        for (other, same, its) in &writers[at + 1..] {
            if name != other && endpoint == same && pattern.same_place(its) {
                found
                    .entry((endpoint, name, other))
                    .or_insert_with(|| format!("{pattern} and {its}"));
            }
        }
    }
    found
        .into_iter()
        .map(|((endpoint, name, other), both)| Advice {
            place: format!("endpoints.{endpoint}"),
            what: format!(
                "'{name}' and '{other}' both write there ({both}), and neither waits for the other's locks: one can overwrite what the other just wrote"
            ),
            fix: format!("let one of them call the other's tools: grants.tools = […] instead of grants.http under [plugins.{other}]"),
        })
        .collect()
}

/// In words, what a plugin of a third party could do with all of its grants together.
fn combination(
    name: &str,
    loaded: &Loaded,
    plugins: &BTreeMap<String, &Loaded>,
    host: &Arc<PluginHost>,
) -> Option<Advice> {
    let grants = &loaded.about.grants;
    let services = host.services();
    let keyed = |endpoint: &str| !services.http.sealed_headers(endpoint).is_empty();
    let mut learns = Vec::new();
    for (endpoint, pattern) in patterns(loaded) {
        if reads(pattern.method()) && keyed(endpoint) {
            learns.push(format!("{pattern} of {endpoint}"));
        }
    }
    learns.extend(
        grants
            .read
            .iter()
            .map(|it| format!("all that '{it}' keeps")),
    );
    learns.extend(
        grants
            .events
            .iter()
            .map(|it| format!("the events of '{it}'")),
    );
    let reading = |tool: &&String| is_read_only(tool, plugins);
    learns.extend(
        grants
            .tools
            .iter()
            .filter(reading)
            .map(|it| format!("what {it} tells")),
    );
    let mut sends = Vec::new();
    for grant in &grants.http {
        if grant.allow.is_empty() || (keyed(&grant.endpoint) && only_reads(grant)) {
            continue;
        }
        // A query carries data out as well as a body does; where no key is sent, anybody may read it there.
        if !keyed(&grant.endpoint) {
            sends.push(services.http.origin(&grant.endpoint).unwrap_or_default());
        }
    }
    if learns.is_empty() || sends.is_empty() {
        return None;
    }
    Some(Advice {
        place: format!("plugins.{name}.grants"),
        what: format!(
            "together they let it read {} and send data to {}",
            learns.join(", "),
            sends.join(", ")
        ),
        fix: "grant only one of the two, unless this is what it is for".to_owned(),
    })
}

fn only_reads(grant: &crate::config::HttpGrant) -> bool {
    grant.allow.iter().all(|text| {
        text.parse::<AllowPattern>()
            .is_ok_and(|pattern| reads(pattern.method()))
    })
}

fn is_read_only(tool: &str, plugins: &BTreeMap<String, &Loaded>) -> bool {
    plugins
        .values()
        .flat_map(|loaded| &loaded.tools)
        .any(|known| known.name == tool && known.hints.read_only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_like_a_secret_is_seen_and_what_is_only_about_one_is_not() {
        for name in [
            "api_key",
            "apiKey",
            "API-KEY",
            "password",
            "auth_token",
            "clientSecret",
            "key",
        ] {
            assert!(is_secretive(name), "{name}");
        }
        for name in [
            "key_id",
            "keyboard",
            "tokens_left",
            "monkey",
            "idempotency_key",
            "confirm_token",
            "token_count",
            "secretary",
        ] {
            assert!(!is_secretive(name), "{name}");
        }
    }
}
