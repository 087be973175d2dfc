//! A component that is served, and asked for everything that it gives.

use std::path::{Path, PathBuf};

use orderdesk_mcp::application::Application;
use orderdesk_mcp::capabilities::context::Caller;
use orderdesk_mcp::capabilities::questions::Askable;
use orderdesk_mcp::config::Config;
use orderdesk_mcp::plugins::{Asking, CallRequest, Listed};
use orderdesk_mcp::tenancy::Source;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

const PLUGIN: &str = "served";

/// A host that serves one plugin, each time another one.
pub(crate) struct Calling {
    application: Application,
    config: Config,
    file: PathBuf,
    caller: Caller,
}

impl Calling {
    /// With this host, and the plugin's file in this folder.
    pub(crate) async fn new(
        application: Application,
        mut config: Config,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let file = folder.join(format!("{PLUGIN}.wasm"));
        let plugin = format!(
            "source = {:?}\nprefixes = [\"\"]\nconsent = \"operator\"",
            file.display().to_string()
        );
        config
            .plugins
            .insert(PLUGIN.to_owned(), toml::from_str(&plugin)?);
        let caller = Caller {
            principal: application.data.tenancy.local_principal().await?,
            single_client: true,
            client: None,
            source: None,
            way: Source::Terminal,
        };
        Ok(Self {
            application,
            config,
            file,
            caller,
        })
    }

    /// Serves it and asks for each thing that it gives; whether it was served.
    pub(crate) async fn call(&self, component: &[u8]) -> bool {
        if std::fs::write(&self.file, component).is_err() {
            return false;
        }
        let host = &self.application.host;
        let reloaded = host.reload(&self.config).await;
        if !reloaded.failed.is_empty() {
            return false;
        }
        let registry = host.registry();
        for listed in registry.tools() {
            // This program has tools of its own.
            if listed.plugin_name() != PLUGIN {
                continue;
            }
            let request = CallRequest::new(self.caller.clone(), given(listed), "fuzz".into());
            let _answered_or_refused = host.call(listed, request).await;
        }
        for resource in registry.resources() {
            let uri = resource.item.shape.text().replace(['{', '}'], "");
            if let Some((resource, variables)) = registry.find_resource(&uri) {
                let read = host.read_resource(resource, &uri, variables, self.asking());
                let _read_or_refused = read.await;
            }
        }
        for prompt in registry.prompts() {
            let arguments = prompt.item.arguments.iter();
            let arguments = arguments.map(|it| (it.name.clone(), "a".to_owned()));
            let got = host.get_prompt(prompt, arguments.collect(), self.asking());
            let _got_or_refused = got.await;
        }
        true
    }

    fn asking(&self) -> Asking {
        Asking {
            caller: self.caller.clone(),
            correlation_id: "fuzz".into(),
            cancelled: CancellationToken::new(),
            askable: Askable::default(),
            answered: None,
        }
    }
}

/// Something for each argument that takes a text, under whatever name.
fn given(listed: &Listed) -> Map<String, Value> {
    let properties = listed.tool.arguments.schema().get("properties");
    let properties = properties.and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .filter(|(_, schema)| schema["type"] == "string")
        .map(|(name, _)| (name.clone(), "a".into()))
        .collect()
}
