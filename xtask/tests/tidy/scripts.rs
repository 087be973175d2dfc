//! Whether the SDKs for JavaScript and Python show how each of their functions is used.

use crate::rules::Finding;
use crate::tree::Source;

/// What an author may call has an `@example` above it in JavaScript, and a `>>>` in its docstring in Python.
pub(crate) fn every_function_has_an_example(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let (name, shown) = if source.path.ends_with(".py") {
                (
                    python_name(line),
                    docstring(&lines[index..]).contains(">>> "),
                )
            } else {
                (
                    javascript_name(line),
                    comment(&lines[..index]).contains("@example"),
                )
            };
            if let Some(name) = name.filter(|_| !shown) {
                let what = format!("`{name}` has no example");
                findings.push(Finding::new(&source.path, Some(index + 1), what));
            }
        }
    }
    findings
}

/// What is exported, and what stands in an exported class but for its constructor and private fields.
fn javascript_name(line: &str) -> Option<&str> {
    const BEGINNINGS: [&str; 4] = ["export function ", "export class ", "  static ", "  get "];
    let rest = BEGINNINGS
        .iter()
        .find_map(|beginning| line.strip_prefix(beginning))?;
    rest.split([' ', '(', ';']).next()
}

/// The comment that ends right above.
fn comment(above: &[&str]) -> String {
    if !above.last().is_some_and(|line| line.ends_with("*/")) {
        return String::new();
    }
    let begin = above
        .iter()
        .rposition(|line| line.trim_start().starts_with("/**"));
    above[begin.unwrap_or(above.len())..].join("\n")
}

/// A function or class of the module, or a method of a class, whose name is not private. (What an author gets from the context
/// has a private class and public methods.)
fn python_name(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("    ").unwrap_or(line);
    let rest = inner
        .strip_prefix("def ")
        .or_else(|| inner.strip_prefix("class "))?;
    let name = rest.split([':', '(']).next()?;
    (!name.starts_with('_')).then_some(name)
}

/// The text between the first triple quotes, if they stand right below the signature.
fn docstring(from: &[&str]) -> String {
    let signature = from.iter().position(|line| line.trim_end().ends_with(':'));
    let text = from[signature.map_or(from.len(), |end| end + 1)..].join("\n");
    let mut parts = text.split("\"\"\"");
    match (parts.next(), parts.next()) {
        (Some(before), Some(docs)) if before.trim().is_empty() => docs.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        every_function_has_an_example(&[source])
            .iter()
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn a_javascript_function_without_an_example_is_found() {
        let text = "\
/** Words. */
export function bare() {}

/**
 * @example
 * shown();
 */
export function shown() {}
export class Context {
  #host;
  /** Words. */
  get log() {}
}
function inner() {}";
        assert_eq!(
            found("index.js", text),
            [
                "index.js:2: `bare` has no example",
                "index.js:9: `Context` has no example",
                "index.js:12: `log` has no example",
            ]
        );
    }

    #[test]
    fn a_python_function_without_an_example_is_found() {
        let text = "\
class _Http:
    def send(
        self,
        endpoint,
    ):
        \"\"\"Words.

        >>> send(\"wiki\")
        \"\"\"

    def get(self, key):
        return self.of(\"\"\"
        >>> no docs
        \"\"\")

    def _own(self):
        pass

def run():
    \"\"\"Words.\"\"\"
";
        assert_eq!(
            found("testing.py", text),
            [
                "testing.py:11: `get` has no example",
                "testing.py:19: `run` has no example",
            ]
        );
    }
}
