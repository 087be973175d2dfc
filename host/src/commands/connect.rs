//! `connect`: what a client needs to know to reach this server, as its own links, lines and files.
//!
//! No secret is ever part of it: links stay in histories, and lines in shells'. A key is asked for by the client where it can
//! ask, else taken from a variable, else a place to fill in.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use orderdesk_mcp::application::ACCESS_KEY;
use orderdesk_mcp::config::{Config, FromEnvironment};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use url::Url;

use super::print;

/// How the server is called in a client's list.
const NAME: &str = "orderdesk";
/// Where a person has to put the key.
const FILL_IN: &str = "PUT-YOUR-KEY-HERE";

/// Arguments of `connect`.
#[derive(Args)]
pub(crate) struct Connect {
    /// The client
    #[arg(value_enum)]
    client: Client,
    /// A server that is running, such as https://mcp.example.com/mcp. Default: the client starts this program by itself (stdio)
    #[arg(long)]
    url: Option<Url>,
    /// The command that the client starts. Default: this program's own path
    #[arg(long, value_name = "PROGRAM", conflicts_with = "url")]
    command: Option<String>,
}

/// Clients whose configuration is known.
#[derive(Clone, Copy, ValueEnum)]
enum Client {
    /// Claude Code: a command line
    ClaudeCode,
    /// Claude Desktop: an entry of its configuration file
    ClaudeDesktop,
    /// Cursor: a link, and an entry of its configuration file
    Cursor,
    /// Visual Studio Code: a link, and an entry of its configuration file
    VsCode,
    /// LM Studio: a link, and an entry of its configuration file
    LmStudio,
}

/// How a client reaches the server.
enum Reach {
    /// It starts this program.
    Program {
        command: String,
        arguments: Vec<String>,
        /// Variables that set up the local tenant, all of them optional.
        variables: Vec<String>,
    },
    /// It speaks HTTP with a server that runs.
    Server { url: Url },
}

/// What a person does with it.
struct Instructions {
    /// A link that the client's own program opens.
    link: Option<String>,
    /// A line for the shell.
    line: Option<String>,
    /// The file to edit, and what to put there.
    file: Option<(&'static str, Value)>,
}

/// Prints how `client` reaches this server.
///
/// # Errors
/// The path of this program cannot be told, or stdout cannot be written.
pub(crate) fn connect(
    arguments: Connect,
    config: &Config,
    config_file: Option<&Path>,
    data_dir: Option<&Path>,
    as_json: bool,
) -> anyhow::Result<()> {
    let reach = match arguments.url {
        Some(url) => Reach::Server { url },
        None => program(arguments.command, config, config_file, data_dir)?,
    };
    let instructions = instructions(arguments.client, &reach);
    if as_json {
        print::object(&instructions.to_json())?;
    } else {
        print::text(&instructions.to_text(&reach))?;
    }
    Ok(())
}

fn program(
    command: Option<String>,
    config: &Config,
    config_file: Option<&Path>,
    data_dir: Option<&Path>,
) -> anyhow::Result<Reach> {
    let own = std::env::current_exe().context("this program does not know its own path")?;
    // A configuration beside the program is found without being named.
    let config_file = config_file.filter(|file| {
        std::path::absolute(file)
            .ok()
            .as_deref()
            .and_then(Path::parent)
            != own.parent()
    });
    let command = match command {
        Some(command) => command,
        None => text(&own)?,
    };
    let mut arguments = vec!["stdio".to_owned()];
    // A client starts the program in a folder of its own choice.
    for (flag, path) in [("--config", config_file), ("--data-dir", data_dir)] {
        if let Some(path) = path {
            let path = std::path::absolute(path)
                .with_context(|| format!("{flag}: {} is no path", path.display()))?;
            arguments.extend([flag.to_owned(), text(&path)?]);
        }
    }
    let first_calls = config.local.first_calls.iter();
    let variables = first_calls
        .flat_map(|call| call.arguments.values())
        .filter_map(|value| match value {
            FromEnvironment::Variable(variable) => Some(variable.env.clone()),
            FromEnvironment::Literal(_) => None,
        })
        .collect();
    Ok(Reach::Program {
        command,
        arguments,
        variables,
    })
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).with_context(|| {
        format!(
            "{} cannot be written in JSON",
            PathBuf::from(path).display()
        )
    })
}

fn instructions(client: Client, reach: &Reach) -> Instructions {
    let none = Instructions {
        link: None,
        line: None,
        file: None,
    };
    match client {
        Client::ClaudeCode => Instructions {
            line: Some(claude_code(reach)),
            ..none
        },
        Client::ClaudeDesktop => Instructions {
            file: Some((
                "claude_desktop_config.json (Settings, Developer, Edit Config)",
                json!({ "mcpServers": { NAME: desktop(reach) } }),
            )),
            ..none
        },
        Client::Cursor => {
            // https://cursor.com/docs/context/mcp/install-links
            let server = entry(reach, &format!("${{env:{ACCESS_KEY}}}"), None);
            Instructions {
                link: Some(link(
                    "cursor://anysphere.cursor-deeplink/mcp/install",
                    &server,
                )),
                file: Some((
                    "~/.cursor/mcp.json",
                    json!({ "mcpServers": { NAME: server } }),
                )),
                ..none
            }
        }
        Client::VsCode => vs_code(reach),
        Client::LmStudio => {
            // https://lmstudio.ai/docs/app/mcp/deeplink
            let server = entry(reach, FILL_IN, None);
            Instructions {
                link: Some(link("lmstudio://add_mcp", &server)),
                file: Some((
                    "~/.lmstudio/mcp.json",
                    json!({ "mcpServers": { NAME: server } }),
                )),
                ..none
            }
        }
    }
}

/// A server in the form that most clients took over from Claude Desktop.
fn entry(reach: &Reach, key: &str, variables: Option<&dyn Fn(&str) -> String>) -> Value {
    match reach {
        Reach::Program {
            command,
            arguments,
            variables: names,
        } => {
            let mut server = json!({ "command": command, "args": arguments });
            if let Some(value_of) = variables {
                let values: Map<String, Value> = names
                    .iter()
                    .map(|name| (name.clone(), value_of(name).into()))
                    .collect();
                if !values.is_empty() {
                    server["env"] = Value::Object(values);
                }
            }
            server
        }
        Reach::Server { url } => {
            json!({ "url": url.as_str(), "headers": { "Authorization": format!("Bearer {key}") } })
        }
    }
}

/// Claude Desktop starts programs only; for a server it needs a bridge.
fn desktop(reach: &Reach) -> Value {
    match reach {
        Reach::Program { .. } => entry(reach, FILL_IN, None),
        Reach::Server { url } => json!({
            "command": "npx",
            "args": ["-y", "mcp-remote", url.as_str(), "--header", format!("Authorization: Bearer ${{{ACCESS_KEY}}}")],
            "env": { ACCESS_KEY: FILL_IN },
        }),
    }
}

fn claude_code(reach: &Reach) -> String {
    match reach {
        Reach::Program {
            command, arguments, ..
        } => {
            let words = std::iter::once(command).chain(arguments);
            let words: Vec<_> = words.map(|word| quoted(word)).collect();
            format!(
                "claude mcp add --transport stdio {NAME} -- {}",
                words.join(" ")
            )
        }
        Reach::Server { url } => format!(
            "claude mcp add --transport http {NAME} {} --header \"Authorization: Bearer ${ACCESS_KEY}\"",
            quoted(url.as_str())
        ),
    }
}

/// <https://code.visualstudio.com/docs/copilot/customization/mcp-servers>: inputs are asked for once and kept in the system's
/// secret store.
fn vs_code(reach: &Reach) -> Instructions {
    let asked: Vec<&str> = match reach {
        Reach::Program { variables, .. } => variables.iter().map(String::as_str).collect(),
        Reach::Server { .. } => vec![ACCESS_KEY],
    };
    let inputs: Vec<Value> = asked
        .iter()
        .map(|name| json!({ "type": "promptString", "id": name, "description": name, "password": true }))
        .collect();
    let input = |name: &str| format!("${{input:{name}}}");
    let mut server = entry(reach, &input(ACCESS_KEY), Some(&input));
    server["type"] = match reach {
        Reach::Program { .. } => "stdio".into(),
        Reach::Server { .. } => "http".into(),
    };
    let mut linked = server.clone();
    linked["name"] = NAME.into();
    linked["inputs"] = inputs.clone().into();
    Instructions {
        link: Some(format!(
            "vscode:mcp/install?{}",
            utf8_percent_encode(&linked.to_string(), NON_ALPHANUMERIC)
        )),
        line: None,
        file: Some((
            ".vscode/mcp.json",
            json!({ "inputs": inputs, "servers": { NAME: server } }),
        )),
    }
}

fn link(target: &str, server: &Value) -> String {
    let config = STANDARD.encode(server.to_string());
    let config = utf8_percent_encode(&config, NON_ALPHANUMERIC);
    format!("{target}?name={NAME}&config={config}")
}

/// A word of a POSIX shell's command line.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl Instructions {
    fn to_json(&self) -> Value {
        json!({
            "link": self.link,
            "line": self.line,
            "file": self.file.as_ref().map(|(path, _)| path),
            "content": self.file.as_ref().map(|(_, content)| content),
        })
    }

    fn to_text(&self, reach: &Reach) -> String {
        let mut parts = Vec::new();
        if let Some(line) = &self.line {
            parts.push(format!("Run:\n\n{line}"));
        }
        if let Some(link) = &self.link {
            parts.push(format!(
                "Open this link (in a browser, or with xdg-open):\n\n{link}"
            ));
        }
        if let Some((path, content)) = &self.file {
            let first = if self.link.is_some() { "Or put" } else { "Put" };
            parts.push(format!("{first} this into {path}:\n\n{content:#}"));
        }
        parts.push(match reach {
            Reach::Server { .. } => format!(
                "The access key goes where {ACCESS_KEY} or {FILL_IN} stands; `orderdesk-mcp tenants create` and `keys create` make them."
            ),
            Reach::Program { variables, .. } if variables.is_empty() => String::new(),
            Reach::Program { variables, .. } => format!(
                "Without {} in the program's environment, ask the agent to register your store: it never sees the key.",
                variables.join(" and ")
            ),
        });
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }
}
