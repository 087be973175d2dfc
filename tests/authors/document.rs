//! `docs/plugins.md`, followed word for word: its commands in an empty folder, with the program on the `PATH`.

use std::process::Command;

use end_to_end::program;

use crate::workshop::{Workshop, said};

/// A block of the document.
struct Block<'a> {
    language: &'a str,
    text: String,
}

/// The blocks below a heading, up to the next one.
fn blocks<'a>(document: &'a str, heading: &str) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut inside = false;
    let below = document.lines().skip_while(|line| *line != heading).skip(1);
    for line in below {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push(Block {
                    language,
                    text: String::new(),
                });
            }
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if line.starts_with('#') => break,
            None => {}
        }
    }
    blocks
}

/// Runs each block of shell; a block of JSON is what the one before it printed.
fn follow(heading: &str) {
    let document = std::fs::read_to_string(end_to_end::root().join("docs/plugins.md")).unwrap();
    let blocks = blocks(&document, heading);
    assert!(blocks.len() >= 4, "{heading} has lost its commands");
    let workshop = Workshop::new();
    let bin = workshop.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(program("orderdesk-mcp"), bin.join("orderdesk-mcp")).unwrap();
    let rest = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&rest)));
    let path = path.unwrap();
    let mut printed = String::new();
    for block in blocks {
        if block.language != "sh" {
            assert_eq!(block.language, "json", "nobody runs this");
            assert_eq!(printed, block.text);
            continue;
        }
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &block.text]);
        workshop.at_work(&mut shell);
        let output = shell.env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{}\n{}", block.text, said(&output));
        printed = String::from_utf8(output.stdout).unwrap();
    }
}

#[test]
fn in_rust() {
    follow("### Rust");
}

#[test]
fn in_javascript() {
    follow("### JavaScript");
}

#[test]
fn in_python() {
    follow("### Python");
}
