//! Whether every public item of the SDK shows how it is used.
//!
//! An item has an example of its own, or points to one by ``See [`Other`]'s example.``; both must name the item. That they
//! compile and do what they assert is for the documentation tests (`cargo test -p orderdesk-plugin --doc`).

use crate::rules::Finding;
use crate::tree::Source;

/// A public item, as far as its lines tell.
struct Item<'a> {
    path: &'a str,
    line: usize,
    /// What it stands in, such as `Cache`, or nothing.
    owner: &'a str,
    name: &'a str,
    docs: String,
}

impl Item<'_> {
    fn full_name(&self) -> String {
        match self.owner {
            "" => self.name.to_owned(),
            owner => format!("{owner}::{}", self.name),
        }
    }

    /// Whether the item's own docs show `name` in use.
    fn shows(&self, name: &str) -> bool {
        examples(&self.docs).any(|example| names(&example.code, name))
    }
}

/// A stranger who opens an item's page sees how it is written down in a plugin.
pub(crate) fn every_public_item_has_an_example(sources: &[Source]) -> Vec<Finding> {
    let items: Vec<Item> = sources
        .iter()
        .flat_map(|source| items(source, sources))
        .collect();
    items.iter().filter_map(|item| lack(item, &items)).collect()
}

fn lack(item: &Item, all: &[Item]) -> Option<Finding> {
    let finding = |what: &str| {
        let what = format!("`{}` {what}", item.full_name());
        Some(Finding::new(item.path, Some(item.line), what))
    };
    if examples(&item.docs).any(|example| example.kind.contains("ignore")) {
        return finding("has an example that is ignored");
    }
    if item.shows(item.name) {
        return None;
    }
    if let Some(other) = reference(&item.docs) {
        let shown = all
            .iter()
            .any(|it| it.full_name() == other && it.shows(item.name));
        return match shown {
            true => None,
            false => finding(&format!(
                "is not in `{other}`'s example, to which it points"
            )),
        };
    }
    match examples(&item.docs).next() {
        Some(_) => finding("is not in its own example"),
        None => finding("has no example"),
    }
}

/// The public items of a file, in their order: those of a hidden module or a test are none.
fn items<'a>(source: &'a Source, all: &'a [Source]) -> Vec<Item<'a>> {
    let mut found = Vec::new();
    if source.path.contains("/wasm/") {
        return found;
    }
    let mut scope = Scope::default();
    let (mut docs, mut attributes, mut attribute_open) = (String::new(), String::new(), false);
    for (index, line) in source.text.lines().enumerate() {
        let code = line.trim();
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        if let Some(text) = code.strip_prefix("///") {
            docs.push_str(text.strip_prefix(' ').unwrap_or(text));
            docs.push('\n');
            continue;
        }
        if attribute_open || code.starts_with("#[") {
            attributes.push_str(code);
            attribute_open = !code.ends_with(']');
            continue;
        }
        if let Some(name) = scope.item(line, &attributes)
            && !attributes.contains("doc(hidden)")
        {
            let docs = match code.strip_prefix("pub mod ") {
                Some(_) => page(&source.path, name, all),
                None => std::mem::take(&mut docs),
            };
            found.push(Item {
                path: &source.path,
                line: index + 1,
                owner: scope.owner,
                name,
                docs,
            });
        }
        scope.enter(line);
        docs.clear();
        attributes.clear();
    }
    found
}

/// What a line stands in.
#[derive(Default)]
struct Scope<'a> {
    owner: &'a str,
    in_trait: bool,
    /// In a list of functions that a macro makes, each as `name => Variant,`.
    in_list: bool,
}

impl<'a> Scope<'a> {
    /// The name of the public item that begins on this line.
    fn item(&self, line: &'a str, attributes: &str) -> Option<&'a str> {
        const KINDS: [&str; 8] = [
            "fn ", "struct ", "enum ", "trait ", "mod ", "const ", "type ", "union ",
        ];
        let code = line.trim();
        if self.in_list {
            return code.split_once(" => ").map(|(name, _)| name);
        }
        let rest = match code.strip_prefix("pub ") {
            Some(rest) => KINDS.iter().find_map(|kind| rest.strip_prefix(kind)),
            None if self.in_trait && line.starts_with("    fn ") => code.strip_prefix("fn "),
            None if attributes.contains("macro_export") => code.strip_prefix("macro_rules! "),
            None => None,
        };
        // `$name`: what a macro makes stands in its list.
        rest.map(word).filter(|name| !name.is_empty())
    }

    fn enter(&mut self, line: &'a str) {
        if let Some(rest) = line.strip_prefix("impl") {
            let subject = match rest.split_once(" for ") {
                Some((_, subject)) => subject,
                None => rest.split_once(' ').map_or(rest, |(_, subject)| subject),
            };
            self.owner = word(subject);
        } else if let Some(rest) = line.strip_prefix("pub trait ") {
            self.owner = word(rest);
            self.in_trait = true;
        } else if let Some(rest) = line.strip_prefix("macro_rules! ") {
            self.owner = word(rest);
        } else if line.starts_with('}') {
            *self = Self::default();
        } else if line.starts_with("    ") && line.ends_with("! {") {
            self.in_list = true;
        } else if line == "    }" {
            self.in_list = false;
        }
    }
}

/// The page of a module: what its file says at the top.
fn page(parent: &str, name: &str, all: &[Source]) -> String {
    let folder = parent.rsplit_once('/').map_or("", |(folder, _)| folder);
    let paths = [
        format!("{folder}/{name}.rs"),
        format!("{folder}/{name}/mod.rs"),
    ];
    let source = all.iter().find(|source| paths.contains(&source.path));
    let lines = source.into_iter().flat_map(|source| source.text.lines());
    lines
        .map_while(|line| line.strip_prefix("//!"))
        .map(|text| format!("{}\n", text.strip_prefix(' ').unwrap_or(text)))
        .collect()
}

struct Example {
    /// What stands behind the fence: nothing, or how rustdoc is to treat it.
    kind: String,
    /// What a reader sees of it.
    code: String,
}

/// The examples in Rust of some docs.
fn examples(docs: &str) -> impl Iterator<Item = Example> {
    let (mut found, mut open): (Vec<Example>, Option<Example>) = (Vec::new(), None);
    for line in docs.lines() {
        match (line.trim().strip_prefix("```"), &mut open) {
            (Some(kind), None) => {
                open = Some(Example {
                    kind: kind.to_owned(),
                    code: String::new(),
                });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(example)) if !line.starts_with("# ") => {
                example.code.push_str(line);
                example.code.push('\n');
            }
            _ => {}
        }
    }
    found.into_iter().filter(|example| {
        let mut words = example.kind.split(',').map(str::trim);
        words.all(|it| {
            matches!(
                it,
                "" | "rust" | "no_run" | "ignore" | "should_panic" | "compile_fail"
            )
        })
    })
}

/// The item that docs point to for an example.
fn reference(docs: &str) -> Option<&str> {
    let (_, rest) = docs.split_once("See [`")?;
    let (other, rest) = rest.split_once("`]")?;
    rest.starts_with("'s example").then_some(other)
}

/// Whether the code has the name as a word, in any letter case: `Session` is got by `context.session()`.
fn names(code: &str, name: &str) -> bool {
    code.split(|character: char| !is_of_a_name(character))
        .any(|word| word.eq_ignore_ascii_case(name))
}

fn word(text: &str) -> &str {
    text.split(|character| !is_of_a_name(character))
        .next()
        .unwrap_or_default()
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        every_public_item_has_an_example(&sources)
            .iter()
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn an_item_without_an_example_is_found_wherever_it_stands() {
        let text = "\
/// Words.
#[must_use]
pub fn bare() {}
/// Words.
pub trait Power {
    /// Words.
    fn act(&self);
}
impl<'a> Thing<'a> {
    /// Words.
    pub fn method(&self) {}
    pub(crate) fn inner(&self) {}
    levels! {
        /// Words.
        trace => Trace,
    }
}
macro_rules! about {
    () => {
        /// Words.
        pub fn title(self) {}
        pub fn $name(self) {}
    };
}
/// Words.
#[doc(hidden)]
pub fn hidden() {}
#[cfg(test)]
mod tests {
    pub fn test() {}
}";
        assert_eq!(
            found(&[("a.rs", text)]),
            [
                "a.rs:3: `bare` has no example",
                "a.rs:5: `Power` has no example",
                "a.rs:7: `Power::act` has no example",
                "a.rs:11: `Thing::method` has no example",
                "a.rs:15: `Thing::trace` has no example",
                "a.rs:21: `about::title` has no example",
            ]
        );
    }

    #[test]
    fn an_example_names_the_item_and_is_compiled() {
        let good = "/// ```\n/// let session = context.session();\n/// ```\npub struct Session;";
        assert_eq!(found(&[("a.rs", good)]), [""; 0]);
        for (kind, line, what) in [
            ("", "let other = 1;", "is not in its own example"),
            ("", "# session();", "is not in its own example"),
            ("text", "session()", "has no example"),
            ("ignore", "session()", "has an example that is ignored"),
        ] {
            let text = format!("/// ```{kind}\n/// {line}\n/// ```\npub struct Session;");
            assert_eq!(
                found(&[("a.rs", &text)]),
                [format!("a.rs:4: `Session` {what}")]
            );
        }
    }

    #[test]
    fn another_items_example_counts_if_it_names_this_one() {
        let text = |called: &str| {
            format!(
                "/// ```\n/// Thing.{called}();\n/// ```\npub struct Thing;\nimpl Thing {{\n    \
                 /// See [`Thing`]'s example.\n    pub fn act() {{}}\n}}"
            )
        };
        assert_eq!(found(&[("a.rs", &text("act"))]), [""; 0]);
        assert_eq!(
            found(&[("a.rs", &text("rest"))]),
            ["a.rs:7: `Thing::act` is not in `Thing`'s example, to which it points"]
        );
    }

    #[test]
    fn a_modules_page_is_the_top_of_its_file() {
        let page = "//! Logs.\n//!\n//! ```\n//! context.log();\n//! ```\n";
        assert_eq!(
            found(&[("s/lib.rs", "pub mod log;"), ("s/log.rs", page)]),
            [""; 0]
        );
        assert_eq!(
            found(&[("s/lib.rs", "pub mod log;"), ("s/log/mod.rs", "//! Logs.")]),
            ["s/lib.rs:1: `log` has no example"]
        );
    }
}
