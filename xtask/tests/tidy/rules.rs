//! One rule per invariant.

use std::fmt;

use crate::rooms::{height, imports, room_of, without_comments};
use crate::tree::Source;

/// A rule over the sources of the host.
pub(crate) type Rule = fn(&[Source]) -> Vec<Finding>;

/// Something that is not as it should be.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    path: String,
    line: Option<usize>,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(formatter, "{}{line}: {}", self.path, self.what)
    }
}

impl Finding {
    pub(crate) fn new(path: &str, line: Option<usize>, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

/// Whatever leaves the host goes through the capability that guards it.
pub(crate) fn reqwest_stays_in_the_http_capability(sources: &[Source]) -> Vec<Finding> {
    let others = sources.iter().filter(|source| {
        source.path != "capabilities/http.rs" && !source.path.starts_with("capabilities/http/")
    });
    lines_with(others, |line| line.contains("reqwest"))
        .map(|(path, line)| Finding::new(path, Some(line), "`reqwest` outside capabilities/http"))
        .collect()
}

/// Two engines with different settings would not share compiled code, limits or guarantees.
pub(crate) fn one_maker_of_the_wasmtime_config(sources: &[Source]) -> Vec<Finding> {
    let wasmtime = sources
        .iter()
        .filter(|source| source.text.contains("wasmtime"));
    let makers: Vec<_> = lines_with(wasmtime, |line| {
        calls(line, "Config::new()") || line.contains("wasmtime::Config::default()")
    })
    .map(|(path, line)| {
        Finding::new(
            path,
            Some(line),
            "a maker of wasmtime's Config; there is to be exactly one",
        )
    })
    .collect();
    match makers.len() {
        0 => vec![Finding::new(
            "host/src",
            None,
            "nothing makes wasmtime's Config",
        )],
        1 => Vec::new(),
        _ => makers,
    }
}

/// Compiled code is the one thing that cannot be checked again when it is loaded.
pub(crate) fn unsafe_only_where_compiled_code_is_loaded(sources: &[Source]) -> Vec<Finding> {
    let mut found: Vec<_> = lines_with(sources, |line| has_word(line, "unsafe")).collect();
    found.dedup_by_key(|(path, _)| *path);
    let loads = |path: &str| {
        sources
            .iter()
            .any(|source| source.path == path && source.text.contains("deserialize"))
    };
    let several = found.len() > 1;
    found
        .into_iter()
        .filter(|(path, _)| several || !loads(path))
        .map(|(path, line)| {
            Finding::new(
                path,
                Some(line),
                "`unsafe`; only the file that deserialises a compiled component has it",
            )
        })
        .collect()
}

/// What belongs to one shop system belongs to its plugins and to `orderdesk.toml`.
pub(crate) fn no_knowledge_of_order_desk(sources: &[Source]) -> Vec<Finding> {
    const KNOWLEDGE: [&str; 4] = ["orderdesk.me", "orderdesk-api-key", "orders_", "store_id"];
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            // Names of the environment, such as ORDERDESK_STORE_ID, are the operator's.
            let line = line.replace("ORDERDESK-API-KEY", "orderdesk-api-key");
            for word in KNOWLEDGE.iter().filter(|word| line.contains(**word)) {
                let what = format!("`{word}`: the host knows nothing of Order Desk");
                findings.push(Finding::new(&source.path, Some(index + 1), what));
            }
        }
    }
    findings
}

/// `main -> mcp -> web -> plugins -> capabilities -> tenancy -> store`, all on config, observe and clock.
pub(crate) fn imports_run_downward(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path != "lib.rs") {
        let room = room_of(&source.path);
        let Some(own) = height(room) else {
            let what =
                format!("the room `{room}` has no place in the order (xtask/tests/tidy/rooms.rs)");
            findings.push(Finding::new(&source.path, None, what));
            continue;
        };
        for (line, used) in imports(&source.path, &source.text) {
            if used != room && height(&used).is_some_and(|other| other > own) {
                let what = format!("`{room}` uses `{used}`, which stands above it");
                findings.push(Finding::new(&source.path, Some(line), what));
            }
        }
    }
    findings
}

/// A file with such a name holds whatever fitted nowhere else.
pub(crate) fn names_say_something(paths: &[String]) -> Vec<Finding> {
    const EMPTY_NAMES: [&str; 7] = [
        "util", "utils", "common", "helper", "helpers", "manager", "misc",
    ];
    paths
        .iter()
        .filter_map(|path| {
            let stem = |part: &str| part.split('.').next().unwrap_or(part).to_owned();
            let name = path
                .split('/')
                .map(stem)
                .find(|name| EMPTY_NAMES.contains(&name.as_str()))?;
            Some(Finding::new(
                path,
                None,
                format!("`{name}` does not say what it holds"),
            ))
        })
        .collect()
}

/// The lines of code, comments left out, that a condition holds for.
fn lines_with<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    condition: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'a str, usize)> {
    sources.into_iter().flat_map(move |source| {
        let code = without_comments(&source.text);
        let lines = code.lines().enumerate();
        let numbers: Vec<_> = lines
            .filter(|(_, line)| condition(line))
            .map(|(index, _)| index + 1)
            .collect();
        numbers
            .into_iter()
            .map(|number| (source.path.as_str(), number))
    })
}

/// Whether the line has this call of a type that is called just so, not one whose name ends so.
fn calls(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
        .any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        files
            .iter()
            .map(|(path, text)| Source {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect()
    }

    fn shown(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn reqwest_elsewhere_is_found() {
        let tree = sources(&[
            ("capabilities/http/send.rs", "use reqwest::Client;"),
            ("capabilities/http.rs", "use reqwest::Client;"),
            ("config/mod.rs", "// not reqwest\nuse reqwest::Url;"),
        ]);
        assert_eq!(
            shown(&reqwest_stays_in_the_http_capability(&tree)),
            ["config/mod.rs:2: `reqwest` outside capabilities/http"]
        );
    }

    #[test]
    fn a_second_maker_or_none_at_all_is_found() {
        let maker = (
            "plugins/engine.rs",
            "use wasmtime::Config;\nlet c = Config::new();",
        );
        let other = (
            "mcp/serve.rs",
            "wasmtime::Engine; StreamableHttpServerConfig::new()",
        );
        assert!(one_maker_of_the_wasmtime_config(&sources(&[maker, other])).is_empty());
        let second = ("plugins/test.rs", "wasmtime::Config::new()");
        assert_eq!(
            one_maker_of_the_wasmtime_config(&sources(&[maker, second])).len(),
            2
        );
        assert_eq!(
            one_maker_of_the_wasmtime_config(&sources(&[other])).len(),
            1
        );
    }

    #[test]
    fn unsafe_elsewhere_is_found() {
        let loader = (
            "plugins/compiled.rs",
            "unsafe { Component::deserialize_file(e, p) }",
        );
        assert!(unsafe_only_where_compiled_code_is_loaded(&sources(&[loader])).is_empty());
        let other = ("store/mod.rs", "#![deny(unsafe_code)]\nunsafe { read(p) }");
        let found = unsafe_only_where_compiled_code_is_loaded(&sources(&[other]));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("store/mod.rs:2:"));
        assert_eq!(
            unsafe_only_where_compiled_code_is_loaded(&sources(&[loader, other])).len(),
            2
        );
    }

    #[test]
    fn knowledge_of_order_desk_is_found_and_environment_names_are_not() {
        let tree = sources(&[
            (
                "config/load.rs",
                "\"ORDERDESK_STORE_ID\" \"ORDERDESK_MCP_LISTEN\"",
            ),
            (
                "mcp/list.rs",
                "let tool = \"orders_get\";\nheader(\"ORDERDESK-API-KEY\")",
            ),
            (
                "tenancy/mod.rs",
                "// https://app.orderdesk.me\nstore_id: String",
            ),
        ]);
        assert_eq!(no_knowledge_of_order_desk(&tree).len(), 4);
    }

    #[test]
    fn a_call_upward_and_an_unknown_room_are_found() {
        let tree = sources(&[
            (
                "mcp/call.rs",
                "use crate::plugins::Registry;\nuse crate::clock::Clock;",
            ),
            (
                "store/mod.rs",
                "use crate::config::Config;\nuse crate::tenancy::Key;",
            ),
            ("config/mod.rs", "use crate::observe::Redacted;"),
            ("attic/mod.rs", ""),
            ("lib.rs", "pub use crate::mcp::Server;"),
        ]);
        assert_eq!(
            shown(&imports_run_downward(&tree)),
            [
                "store/mod.rs:2: `store` uses `tenancy`, which stands above it",
                "attic/mod.rs: the room `attic` has no place in the order (xtask/tests/tidy/rooms.rs)",
            ]
        );
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        let paths = [
            "host/src/utils.rs",
            "tests/common/mod.rs",
            "docs/manager.md",
            "host/src/store/rows.rs",
        ];
        let found = names_say_something(&paths.map(str::to_owned));
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
