//! The names that scripts and other people's configurations build on: what the built program takes, held against
//! checked-in copies. Taking a name away is a break.

use std::process::Command;

use end_to_end::{assert_snapshot, program};
use orderdesk_mcp::config::Config;
use serde_json::{Value, json};

/// A key that no part of the configuration has.
const UNKNOWN: &str = "no-such-key";

#[test]
fn the_command_line_is_the_one_that_is_checked_in() {
    let mut lines = Vec::new();
    describe(&mut Vec::new(), &mut lines);
    assert_snapshot("command_line.txt", &(lines.join("\n") + "\n"));
}

#[test]
fn the_configuration_has_the_keys_that_are_checked_in() {
    let mut keys = Vec::new();
    walk(&mut Vec::new(), &mut keys);
    keys.sort();
    assert_snapshot("config_keys.txt", &(keys.join("\n") + "\n"));
}

/// The usage of a command and its options, then those of its subcommands, as its help tells them.
fn describe(command: &mut Vec<String>, lines: &mut Vec<String>) {
    let help = Command::new(program("orderdesk-mcp"))
        .args(command.iter())
        .arg("-h")
        .output()
        .unwrap();
    assert!(help.status.success(), "{command:?}: {help:?}");
    let help = String::from_utf8(help.stdout).unwrap();
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: "));
    lines.push(usage.unwrap().to_owned());
    let mut options: Vec<String> = entries(&help, "Options:")
        .map(|option| format!("  {option}"))
        .collect();
    options.sort();
    lines.append(&mut options);
    for subcommand in entries(&help, "Commands:").filter(|name| *name != "help") {
        command.push(subcommand.to_owned());
        describe(command, lines);
        command.pop();
    }
}

/// What a section of a help text lists, without the explanations, which stand behind two spaces or far to the right.
fn entries<'a>(help: &'a str, section: &str) -> impl Iterator<Item = &'a str> {
    help.lines()
        .skip_while(move |line| *line != section)
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter(|line| line.len() - line.trim_start().len() <= 6)
        .filter_map(|line| line.trim_start().split("  ").next())
}

/// One step into the configuration.
#[derive(Clone)]
enum Step {
    Key(String),
    /// Any name that an operator gives, as in `[plugins.NAME]`.
    Name,
    /// An element of a list.
    Element,
}

/// All keys at and below `path`. The configuration refuses an unknown key with a list of the known ones: so it is asked.
fn walk(path: &mut Vec<Step>, keys: &mut Vec<String>) -> bool {
    let Some(known) = known_keys(path) else {
        return false;
    };
    for key in known {
        path.push(Step::Key(key));
        let below = [vec![], vec![Step::Name], vec![Step::Element]]
            .into_iter()
            .any(|mut deeper| {
                let depth = path.len();
                path.append(&mut deeper);
                let found = walk(path, keys);
                path.truncate(depth);
                found
            });
        if !below {
            keys.push(written(path));
        }
        path.pop();
    }
    true
}

/// The keys of the table at `path`; none if no table with fixed keys is there.
fn known_keys(path: &[Step]) -> Option<Vec<String>> {
    let innermost = json!({ UNKNOWN: true });
    let config = path
        .iter()
        .rev()
        .fold(innermost, |inner: Value, step| match step {
            Step::Key(key) => json!({ key: inner }),
            Step::Name => json!({ "NAME": inner }),
            Step::Element => json!([inner]),
        });
    let refusal = serde_json::from_value::<Config>(config).err()?.to_string();
    let known = refusal.strip_prefix(&format!("unknown field `{UNKNOWN}`, expected "))?;
    // "one of `a`, `b`, `c`", "`a` or `b`", "`a`"
    Some(
        known
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
    )
}

fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Name => text.push_str(".NAME"),
            Step::Element => text.push_str("[]"),
        }
    }
    text
}
