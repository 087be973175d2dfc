//! Every test and command that `docs/behaviours.md` names is there, and none of the forty behaviours is without one.

use std::collections::BTreeSet;
use std::path::Path;

use end_to_end::root;

/// `path/to/file.rs::name` in back quotes.
fn named(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|quoted| quoted.split_once("::"))
        .collect()
}

fn is_there(file: &Path, name: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else {
        return false;
    };
    let declared = match file.extension().and_then(|it| it.to_str()) {
        Some("rs") => [format!("fn {name}("), format!("fn {name}<")],
        // What a client checks is told apart by its words.
        _ => [format!("\"{name}\""), name.to_string()],
    };
    declared.iter().any(|declared| text.contains(declared))
}

#[test]
fn each_of_the_forty_behaviours_names_what_stands_for_it() {
    let text = std::fs::read_to_string(root().join("docs/behaviours.md")).unwrap();
    let mut numbers = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let Ok(number) = cells[0].trim().parse::<u32>() else {
            continue;
        };
        let proof = cells.last().unwrap();
        let names_something = !named(proof).is_empty() || proof.contains("`cargo xtask ");
        assert!(names_something, "{number} rests on nothing");
        assert!(!proof.contains("**open**"), "{number} is open");
        numbers.insert(number);
    }
    assert_eq!(numbers, (1..=40).collect());
}

#[test]
fn every_test_that_is_named_is_there() {
    let text = std::fs::read_to_string(root().join("docs/behaviours.md")).unwrap();
    let named = named(&text);
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<_> = named
        .into_iter()
        .filter(|(file, name)| !is_there(&root().join(file), name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
