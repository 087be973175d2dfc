//! Defaults, then the file, then the environment, then the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use thiserror::Error;

use super::{Config, Oauth, Server};

/// The process's environment variables, or a test's. Empty values count as not set.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; values that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// A variable's value, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("there is no file {}", .0.display())]
    NoFile(PathBuf),
    /// The file is not TOML, or a key or value is wrong.
    #[error("{place}: {what}")]
    Invalid {
        /// File and key.
        place: String,
        /// What is wrong and what would be right.
        what: String,
    },
}

/// The variable that names the data directory.
pub const DATA_DIR: &str = "ORDERDESK_MCP_DATA_DIR";

/// The environment's names for settings, and the settings' keys.
const VARIABLES: [(&str, &str); 2] = [
    ("ORDERDESK_MCP_LISTEN", "server.listen"),
    (DATA_DIR, "server.data_dir"),
];

/// What clients keep of a server's instructions (2 KiB), without what the server adds to the operator's.
const INSTRUCTIONS_BYTES: usize = 1_700;

/// Reads the configuration of `file` (none: only defaults) under the environment's and then the command line's settings.
///
/// # Errors
/// The file is missing or not valid; an unknown key names the nearest known one.
pub fn load(
    file: Option<&Path>,
    environment: &Environment,
    command_line: &[(&str, String)],
) -> Result<Config, ConfigError> {
    let mut layers = Figment::new();
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::NoFile(file.to_owned()));
        }
        layers = layers.merge(Toml::file_exact(file));
    }
    for (variable, key) in VARIABLES {
        if let Some(value) = environment.get(variable) {
            layers = layers.merge(Serialized::default(key, value));
        }
    }
    for (key, value) in command_line {
        layers = layers.merge(Serialized::default(key, value));
    }
    let mut config: Config = layers.extract().map_err(|error| explain(error, file))?;
    if config.mcp.instructions.len() > INSTRUCTIONS_BYTES {
        return Err(ConfigError::Invalid {
            place: "mcp.instructions".to_owned(),
            what: format!(
                "{} bytes; the most is {INSTRUCTIONS_BYTES}, since clients cut at 2 KiB and the server adds which links are its own",
                config.mcp.instructions.len()
            ),
        });
    }

    // Paths in the file mean what they say wherever the server is started.
    let base = file
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new("."));
    for plugin in config.plugins.values_mut() {
        plugin.source = plugin.source.clone().from_folder(base);
    }
    check(&config).map_err(|(key, what)| ConfigError::Invalid {
        place: file.map_or_else(
            || key.to_owned(),
            |file| format!("{}: {key}", file.display()),
        ),
        what: what.to_owned(),
    })?;
    Ok(config)
}

/// What no single value's type can say.
fn check(config: &Config) -> Result<(), (&'static str, &'static str)> {
    if config.limits.key.burst.get() < 2 {
        return Err(("limits.key.burst", "at least 2, since a write costs 2"));
    }
    if let Some(oauth) = &config.oauth {
        check_oauth(oauth, &config.server)?;
    }
    if !(0.0..=1.0).contains(&config.traces.sample) {
        return Err(("traces.sample", "between 0 and 1"));
    }
    match &config.traces.otlp {
        Some(url) if !matches!(url.scheme(), "http" | "https") => Err((
            "traces.otlp",
            "http://… or https://… (OTLP over HTTP, usually port 4318)",
        )),
        Some(url) if !url.username().is_empty() || url.password().is_some() => Err((
            "traces.otlp",
            "a URL here has no user name or password; use [traces] headers",
        )),
        _ => Ok(()),
    }
}

fn check_oauth(oauth: &Oauth, server: &Server) -> Result<(), (&'static str, &'static str)> {
    if oauth.issuer.url().query().is_some() {
        return Err((
            "oauth.issuer",
            "an issuer has no query (RFC 8414); take it from 'iss' in one of its tokens",
        ));
    }
    if oauth.audience.as_ref().is_some_and(|it| it.is_empty()) {
        return Err((
            "oauth.audience",
            "it must not be empty: a token is good for whom it names",
        ));
    }
    if server.public_url.is_none() && !server.listen.ip().is_loopback() {
        return Err((
            "oauth",
            "clients have to be told where this server is: set [server] public_url to its https URL",
        ));
    }
    Ok(())
}

fn explain(error: figment::Error, file: Option<&Path>) -> ConfigError {
    let key = error.path.join(".");
    let file = file.map_or_else(
        || "configuration".to_owned(),
        |file| file.display().to_string(),
    );
    let place = if key.is_empty() {
        file
    } else {
        format!("{file}: {key}")
    };
    let what = match &error.kind {
        Kind::UnknownField(found, known) => unknown(found, known),
        kind => kind.to_string(),
    };
    ConfigError::Invalid { place, what }
}

fn unknown(found: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(found.len()) / 2);
    match nearest {
        Some((_, name)) => format!("there is no setting '{found}'; did you mean '{name}'?"),
        None => format!(
            "there is no setting '{found}'; known here: {}",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn from_text(text: &str, environment: &Environment) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orderdesk.toml");
        std::fs::write(&file, text).unwrap();
        load(Some(&file), environment, &[])
    }

    #[test]
    fn a_typo_is_refused_and_names_the_nearest_setting() {
        let error = from_text(
            "[server]\nlissten = \"127.0.0.1:1\"\n",
            &Environment::default(),
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("server"), "{text}");
        assert!(text.contains("did you mean 'listen'?"), "{text}");
    }

    #[test]
    fn a_typo_inside_a_plugin_names_its_place() {
        let error = from_text(
            "[plugins.orders]\nsource = \"x.wasm\"\n[plugins.orders.grants]\nhtpp = []\n",
            &Environment::default(),
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("plugins.orders.grants"), "{text}");
        assert!(text.contains("did you mean 'http'?"), "{text}");
    }

    #[test]
    fn what_counts_as_a_confirmation_is_one_of_three_words() {
        use crate::config::Confirm;
        let load = |text: &str| from_text(text, &Environment::default());
        assert_eq!(load("").unwrap().mcp.confirm, Confirm::Token);
        for (word, meaning) in [
            ("token", Confirm::Token),
            ("person", Confirm::Person),
            ("never", Confirm::Never),
        ] {
            let config = load(&format!("[mcp]\nconfirm = \"{word}\"\n")).unwrap();
            assert_eq!(config.mcp.confirm, meaning);
        }
        let error = load("[mcp]\nconfirm = \"maybe\"\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("mcp.confirm") && error.contains("person"),
            "{error}"
        );
    }

    #[test]
    fn instructions_that_clients_would_cut_are_refused() {
        let load = |length: usize| {
            let text = format!("[mcp]\ninstructions = \"{}\"\n", "x".repeat(length));
            from_text(&text, &Environment::default())
        };
        assert!(load(INSTRUCTIONS_BYTES).is_ok());
        let error = load(INSTRUCTIONS_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("mcp.instructions"), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orderdesk.toml");
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\n").unwrap();
        let environment = Environment::from([("ORDERDESK_MCP_LISTEN", "127.0.0.1:2")]);
        assert_eq!(
            load(Some(&file), &environment, &[])
                .unwrap()
                .server
                .listen
                .port(),
            2
        );
        let config = load(
            Some(&file),
            &environment,
            &[("server.listen", "127.0.0.1:3".into())],
        )
        .unwrap();
        assert_eq!(config.server.listen.port(), 3);
    }

    #[test]
    fn a_value_from_the_environment_falls_back_to_its_default() {
        let config = from_text(
            "[endpoints.shop]\nbase = { env = \"SHOP_URL\", default = \"https://shop.example/api\" }\n",
            &Environment::default(),
        )
        .unwrap();
        let base = &config.endpoints["shop"].base;
        assert_eq!(
            base.resolve(&Environment::default()).unwrap(),
            "https://shop.example/api"
        );
        let environment = Environment::from([("SHOP_URL", "http://127.0.0.1:9/api")]);
        assert_eq!(
            base.resolve(&environment).unwrap(),
            "http://127.0.0.1:9/api"
        );
    }

    #[test]
    fn what_limits_and_traces_cannot_be_is_said_with_its_key() {
        for (text, key) in [
            ("[limits.key]\nburst = 1\n", "limits.key.burst"),
            ("[limits.key]\nper_minute = 0\n", "limits.key.per_minute"),
            ("[traces]\nsample = 1.5\n", "traces.sample"),
            (
                "[traces]\notlp = \"grpc://collector:4317\"\n",
                "traces.otlp",
            ),
            (
                "[traces]\notlp = \"http://me:secret@collector\"\n",
                "traces.otlp",
            ),
            (
                "[server]\ntrusted_proxies = [\"10.0.0.0\"]\n",
                "server.trusted_proxies",
            ),
            ("[metrics]\ntoken = \"in the file\"\n", "metrics.token"),
        ] {
            let error = from_text(text, &Environment::default()).unwrap_err();
            assert!(error.to_string().contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn an_issuer_makes_sense_only_with_an_address_that_clients_can_be_told() {
        let load = |more: &str| {
            let text = format!("{more}\n[oauth]\nissuer = \"https://login.example/\"\n");
            from_text(&text, &Environment::default())
        };
        let oauth = load("").unwrap().oauth.unwrap();
        assert_eq!(oauth.issuer.as_str(), "https://login.example/");
        assert_eq!(oauth.scopes.write.as_str(), "tools:write");
        let open = "[server]\nlisten = \"0.0.0.0:8080\"";
        let error = load(open).unwrap_err().to_string();
        assert!(error.contains("public_url"), "{error}");
        assert!(load(&format!("{open}\npublic_url = \"https://mcp.example\"")).is_ok());
        for (text, key) in [
            ("issuer = \"http://login.example\"", "oauth.issuer"),
            ("issuer = \"https://login.example?a=b\"", "oauth.issuer"),
            (
                "issuer = \"https://login.example\"\naudience = \"\"",
                "oauth.audience",
            ),
            (
                "issuer = \"https://login.example\"\nscopes = { read = \"a b\" }",
                "oauth.scopes.read",
            ),
            ("audience = \"https://mcp.example/mcp\"", "issuer"),
        ] {
            let error = from_text(&format!("[oauth]\n{text}\n"), &Environment::default());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn the_metrics_token_comes_from_the_environment_and_is_not_short() {
        let config = from_text(
            "[metrics]\ntoken = { env = \"METRICS_TOKEN\" }\n",
            &Environment::default(),
        )
        .unwrap();
        let token = |value: &str| {
            let environment = Environment::from([("METRICS_TOKEN", value)]);
            config
                .metrics
                .token(&environment)
                .map(|token| token.is_some())
        };
        assert_eq!(token("0123456789abcdef"), Ok(true));
        assert!(token("short").unwrap_err().contains("METRICS_TOKEN"));
        assert!(token("").unwrap_err().contains("METRICS_TOKEN"));
    }

    #[test]
    fn plugin_files_are_found_from_the_config_files_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orderdesk.toml");
        std::fs::write(
            &file,
            "[plugins.orders]\nsource = \"plugins/orders.wasm\"\n",
        )
        .unwrap();
        let config = load(Some(&file), &Environment::default(), &[]).unwrap();
        assert_eq!(
            config.plugins["orders"].source,
            crate::config::Source::File(folder.path().join("plugins/orders.wasm"))
        );
    }
}
