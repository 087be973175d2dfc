//! `call`: a tool from the terminal, by the same path as an agent's call.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use orderdesk_mcp::application::Application;
use orderdesk_mcp::config::{Config, Environment};
use orderdesk_mcp::mcp::{AskPerson, call_once};
use serde_json::{Map, Value, json};

use super::print;
use crate::stdio_caller;

/// Plugins that are compiled for the first time may take this long.
const LOADING: Duration = Duration::from_secs(300);

/// Runs the command; exit 1 where the tool answers an error.
pub(crate) async fn call(
    config: &Config,
    environment: &Environment,
    tool: &str,
    arguments: &str,
    tenant: Option<&str>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut arguments: Map<String, Value> =
        serde_json::from_str(arguments).context("the arguments are not a JSON object")?;
    let application = Application::start(config, environment).await?;
    let caller = stdio_caller(config, environment, &application, tenant).await?;
    application.host.loaded(LOADING).await;
    let registry = application.host.registry();
    let Some(listed) = registry.find(tool) else {
        let nearest = registry.nearest(tool).join(" or ");
        bail!(
            "there is no tool '{tool}'{}",
            if nearest.is_empty() {
                String::new()
            } else {
                format!("; did you mean {nearest}?")
            }
        );
    };
    for secret in &listed.tool.sealed {
        let name = &secret.name;
        if arguments.contains_key(name) {
            bail!(
                "'{name}' is a secret and must not stand on the command line, where every process can read it; leave it out and enter it when asked"
            );
        }
        let places = application.services.usable_at(secret);
        let prompt = format!(
            "The tool {tool} of the plugin {} takes the secret {name}. It will be usable {}.\n{name} (not shown): ",
            listed.plugin_name(),
            places.join(", and ")
        );
        match ask(&prompt)? {
            Some(value) => {
                arguments.insert(name.clone(), Value::String(value));
            }
            None if secret.needed => bail!(
                "{tool} needs the secret '{name}': enter it in a terminal, or give it as a line on stdin (usable {})",
                places.join(", and ")
            ),
            None => {}
        }
    }
    let person: AskPerson = |message| agrees(message).unwrap_or(false);
    let answer = call_once(
        &application.host,
        &config.mcp,
        &caller,
        listed,
        arguments,
        LOADING,
        std::io::stdin().is_terminal().then_some(person),
    )
    .await;
    application
        .host
        .shut_down(config.server.shutdown_grace)
        .await;

    if as_json {
        print::object(
            &json!({"is_error": answer.is_error, "structured": answer.structured, "text": answer.text}),
        )?;
    } else if let (false, Some(structured)) = (answer.is_error, &answer.structured) {
        print::pretty(structured)?;
    } else {
        print::text(&answer.text)?;
    }
    Ok(if answer.is_error {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether the person in the terminal says yes; anything but that is a no.
fn agrees(message: &str) -> std::io::Result<bool> {
    eprint!("{message}\nDo it? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_lowercase().as_str()))
}

/// A secret from the person: without echo in a terminal, else the next line of stdin. Nothing: they gave none.
fn ask(prompt: &str) -> anyhow::Result<Option<String>> {
    let value = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt)?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok((!value.is_empty()).then_some(value))
}
