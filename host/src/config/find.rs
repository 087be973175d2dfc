//! Where configuration and data are when nobody says.

use std::path::{Path, PathBuf};

/// The file's name in every place where it is looked for.
const FILE_NAME: &str = "orderdesk.toml";

/// Who chose the folder that the program was started in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartedBy {
    /// A person at a terminal, or the unit file of an operator.
    Operator,
    /// Another program, such as an editor: the folder may be a checkout of somebody else's files.
    Client,
}

/// The first that exists: `orderdesk.toml` in the working directory, beside the program, in the user's config folder.
/// The folder beside the program makes an unpacked release work from anywhere.
///
/// A configuration grants plugins what they reach, so one that merely lies where a client happens to start its servers is not taken.
pub fn find_config(started_by: StartedBy) -> Option<PathBuf> {
    let working_directory = match started_by {
        StartedBy::Operator => std::env::current_dir().ok(),
        StartedBy::Client => None,
    };
    let beside_program = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    [
        working_directory,
        beside_program,
        user_folder("XDG_CONFIG_HOME", ".config"),
    ]
    .into_iter()
    .flatten()
    .map(|folder| folder.join(FILE_NAME))
    .find(|file| file.is_file())
}

/// `orderdesk-mcp` in the user's data folder (XDG Base Directory Specification), else in the working directory.
pub fn default_data_dir() -> PathBuf {
    user_folder("XDG_DATA_HOME", ".local/share")
        .unwrap_or_else(|| PathBuf::from("orderdesk-mcp-data"))
}

fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = match std::env::var_os(variable).map(PathBuf::from) {
        Some(path) if path.is_absolute() => path,
        _ => PathBuf::from(std::env::var_os("HOME")?).join(below_home),
    };
    Some(base.join("orderdesk-mcp"))
}
