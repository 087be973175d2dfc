//! The rooms of the host and which way calls run between them.

/// Each may use those after it: `main -> mcp -> web -> plugins -> capabilities -> tenancy -> store`. What
/// stands between `main` and `mcp` is the program: its subcommands, and how the rooms are put together.
const ROOMS: [&str; 10] = [
    "main",
    "commands",
    "check",
    "application",
    "mcp",
    "web",
    "plugins",
    "capabilities",
    "tenancy",
    "store",
];

/// The ground: every room may use it, it uses no room.
const GROUND: [&str; 4] = ["config", "observe", "clock", "rate"];

/// Where a module stands; greater is higher up.
pub(crate) fn height(room: &str) -> Option<usize> {
    if GROUND.contains(&room) {
        return Some(0);
    }
    let place = ROOMS.iter().position(|name| *name == room)?;
    Some(ROOMS.len() - place)
}

/// The room that a file of `host/src` belongs to: its first folder, or its own name.
pub(crate) fn room_of(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The modules of the crate's root that a file names through `crate::…`, `super::…` or, in the
/// binary, `orderdesk_mcp::…`; with line numbers.
pub(crate) fn imports(path: &str, text: &str) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let depth = module_depth(path);
    let climbing = "super::".repeat(depth);
    let mut starts = vec!["crate::", "orderdesk_mcp::"];
    if depth > 0 {
        starts.push(&climbing);
    }
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in code.match_indices(start) {
            if code[..at]
                .ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before))
            {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let names = first_names(&code[at + start.len()..]);
            found.extend(names.into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// How many modules stand between a file and the root of the crate.
fn module_depth(path: &str) -> usize {
    let modules = path.trim_end_matches(".rs").split('/');
    modules
        .filter(|name| !["mod", "lib", "main"].contains(name))
        .count()
}

/// The names at the beginning of the rest of a path: one, or those of a `{…}` group.
fn first_names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![identifier(rest)];
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut item = String::new();
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.push(identifier(std::mem::take(&mut item).trim())),
            _ => {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                item.push(character);
            }
        }
    }
    names.push(identifier(item.trim()));
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// The text with line comments (documentation, too) blanked out; line numbers stay.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| {
            let comment = line
                .match_indices("//")
                .find(|(at, _)| !line[..*at].ends_with(':'));
            match comment {
                Some((at, _)) => &line[..at],
                None => line,
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_stand_in_order_above_the_ground() {
        let heights: Vec<_> = [
            "main",
            "mcp",
            "web",
            "plugins",
            "capabilities",
            "tenancy",
            "store",
            "config",
        ]
        .into_iter()
        .map(|room| height(room).unwrap())
        .collect();
        assert!(heights.is_sorted_by(|upper, lower| upper > lower));
        assert_eq!(height("clock"), height("observe"));
        assert_eq!(height("attic"), None);
    }

    #[test]
    fn a_file_belongs_to_its_first_folder() {
        assert_eq!(room_of("capabilities/http/grant.rs"), "capabilities");
        assert_eq!(room_of("clock.rs"), "clock");
    }

    #[test]
    fn imports_are_found_in_every_form() {
        let text = "use crate::store::Row;\nuse crate::{tenancy::{Key, Vault}, clock};\n\
                    fn f() -> crate::config::Config { todo(orderdesk_mcp::mcp::X) }\n";
        let names: Vec<_> = imports("plugins/mod.rs", text)
            .into_iter()
            .map(|(line, name)| format!("{line} {name}"))
            .collect();
        assert_eq!(
            names,
            ["1 store", "2 tenancy", "2 clock", "3 config", "3 mcp"]
        );
    }

    #[test]
    fn climbing_to_the_root_is_an_import_too() {
        assert_eq!(
            imports("store/rows.rs", "use super::super::mcp::Tool;"),
            [(1, "mcp".to_owned())]
        );
        assert_eq!(
            imports("clock.rs", "use super::mcp::Tool;"),
            [(1, "mcp".to_owned())]
        );
        let sibling = imports("store/rows.rs", "use super::migrations::ALL;");
        assert!(sibling.is_empty(), "{sibling:?}");
    }

    #[test]
    fn comments_and_other_crates_are_no_imports() {
        let text = "/// See [`crate::mcp`].\nlet url = \"https://x\"; // crate::mcp\nuse other_crate::mcp;\n";
        assert!(imports("store/mod.rs", text).is_empty());
    }
}
