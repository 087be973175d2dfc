//! The `.mcpb` bundle: what Claude Desktop and other clients install with one click, and `server.json`, by which the MCP
//! Registry finds it.
//!
//! Sources: the manifest's schema 0.3 (<https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md>), the registry's of
//! 2025-12-11 (<https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json>).

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::project::SERVER;

/// The registry's limit for a description.
const LONGEST_DESCRIPTION: usize = 100;
/// The schema that `server.json` follows.
const REGISTRY_SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

/// What both files say of the server.
pub(super) struct About<'a> {
    /// Its version.
    pub(super) version: &'a str,
    /// One sentence.
    pub(super) description: &'a str,
    /// Where its sources are.
    pub(super) repository: &'a str,
    /// Its licence, in SPDX's terms.
    pub(super) license: &'a str,
    /// Such as `x86_64-unknown-linux-gnu`.
    pub(super) triple: &'a str,
}

/// Packs `folder` and a manifest into `file`; the same content gives the same bytes.
pub(super) fn pack(folder: &Path, about: &About<'_>, file: &Path) -> Result<()> {
    let mut paths = Vec::new();
    files_below(folder, &mut paths)?;
    paths.sort();
    let out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut archive = ZipWriter::new(out);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    archive.start_file("manifest.json", options.unix_permissions(0o644))?;
    archive.write_all(format!("{:#}\n", manifest(about)?).as_bytes())?;
    for path in paths {
        let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
        let mode = if name == SERVER { 0o755 } else { 0o644 };
        archive.start_file(name, options.unix_permissions(mode))?;
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        archive.write_all(&content)?;
    }
    archive.finish()?;
    Ok(())
}

fn files_below(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// The bundle's manifest. Both fields may stay empty: then the person is sent to a page of this server when the agent
/// registers a store.
fn manifest(about: &About<'_>) -> Result<Value> {
    Ok(json!({
        "manifest_version": "0.3",
        "name": SERVER,
        "display_name": "Order Desk",
        "version": about.version,
        "description": about.description,
        "author": { "name": "The orderdesk-mcp maintainers", "url": about.repository },
        "repository": { "type": "git", "url": about.repository },
        "license": about.license,
        "keywords": ["order desk", "orders", "e-commerce", "fulfilment"],
        "server": {
            "type": "binary",
            "entry_point": SERVER,
            "mcp_config": {
                "command": format!("${{__dirname}}/{SERVER}"),
                "args": ["stdio"],
                "env": {
                    "ORDERDESK_STORE_ID": "${user_config.store_id}",
                    "ORDERDESK_API_KEY": "${user_config.api_key}",
                },
            },
        },
        "tools_generated": true,
        "prompts_generated": true,
        "compatibility": { "platforms": [platform(about.triple)?] },
        "user_config": {
            "store_id": {
                "type": "string",
                "title": "Store id",
                "description": "Order Desk, Settings, API. Leave it empty to register stores later by asking.",
                "required": false,
                "default": "",
            },
            "api_key": {
                "type": "string",
                "title": "API key",
                "description": "Of that store. It is kept encrypted on this machine and never shown to the model.",
                "required": false,
                "sensitive": true,
                "default": "",
            },
        },
    }))
}

/// The name that clients have for the system of a target.
fn platform(triple: &str) -> Result<&'static str> {
    let known = [
        ("linux", "linux"),
        ("darwin", "darwin"),
        ("windows", "win32"),
    ];
    match known.iter().find(|(part, _)| triple.contains(part)) {
        Some((_, name)) => Ok(name),
        None => bail!("clients know no name for the system of {triple}"),
    }
}

/// The registry's record of a release, whose bundle has this digest.
pub(super) fn registry_record(about: &About<'_>, bundle: &str, sha256: &str) -> Result<Value> {
    if about.description.chars().count() > LONGEST_DESCRIPTION {
        bail!("the description is longer than the registry's {LONGEST_DESCRIPTION} characters");
    }
    let owner = about
        .repository
        .strip_prefix("https://github.com/")
        .and_then(|path| path.split_once('/'))
        .with_context(|| format!("{} is no repository of GitHub", about.repository))?;
    Ok(json!({
        "$schema": REGISTRY_SCHEMA,
        "name": format!("io.github.{}/{}", owner.0, owner.1),
        "title": "Order Desk",
        "description": about.description,
        "version": about.version,
        "repository": { "url": about.repository, "source": "github" },
        "packages": [{
            "registryType": "mcpb",
            "identifier": format!("{}/releases/download/v{}/{bundle}", about.repository, about.version),
            "version": about.version,
            "fileSha256": sha256,
            "transport": { "type": "stdio" },
            "environmentVariables": [
                { "name": "ORDERDESK_STORE_ID", "description": "The store's id: Order Desk, Settings, API.", "isRequired": false },
                { "name": "ORDERDESK_API_KEY", "description": "The store's API key.", "isRequired": false, "isSecret": true },
            ],
        }],
        "remotes": [{
            "type": "streamable-http",
            "url": "https://{host}/mcp",
            "variables": {
                "host": { "description": "Where you, or who serves you, run it.", "isRequired": true, "placeholder": "mcp.example.com" },
            },
            "headers": [{
                "name": "Authorization",
                "description": "An access key of your tenant.",
                "isRequired": true,
                "isSecret": true,
                "value": "Bearer {access_key}",
                "variables": { "access_key": { "description": "odm_…", "isRequired": true, "isSecret": true } },
            }],
        }],
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ABOUT: About<'_> = About {
        version: "1.2.3",
        description: "Orders.",
        repository: "https://github.com/example/orderdesk-mcp",
        license: "MIT OR Apache-2.0",
        triple: "x86_64-unknown-linux-gnu",
    };

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        for (name, text) in [
            (SERVER, "program"),
            ("plugins/a.wasm", "plugin"),
            ("o.toml", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_bundle_holds_the_folder_and_starts_the_program_in_it() {
        let folder = folder();
        let file = tempfile::NamedTempFile::new().unwrap();
        pack(folder.path(), &ABOUT, file.path()).unwrap();
        let mut archive = zip::ZipArchive::new(File::open(file.path()).unwrap()).unwrap();
        let names: Vec<String> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, ["manifest.json", "o.toml", SERVER, "plugins/a.wasm"]);

        let unpacked = tempfile::tempdir().unwrap();
        archive.extract(unpacked.path()).unwrap();
        let mode = fs::metadata(unpacked.path().join(SERVER)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o755);
        let mut text = String::new();
        let mut manifest = archive.by_name("manifest.json").unwrap();
        manifest.read_to_string(&mut text).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let command = manifest["server"]["mcp_config"]["command"]
            .as_str()
            .unwrap();
        let program = command.replace("${__dirname}", unpacked.path().to_str().unwrap());
        assert_eq!(fs::read_to_string(program).unwrap(), "program");
        assert_eq!(manifest["user_config"]["api_key"]["sensitive"], true);
        // What the program is given is what the person is asked for, and nothing else.
        let given = manifest["server"]["mcp_config"]["env"].as_object().unwrap();
        for value in given.values() {
            let name = value.as_str().unwrap().trim_matches(['$', '{', '}']);
            let name = name.strip_prefix("user_config.").unwrap();
            assert!(manifest["user_config"][name].is_object());
        }
    }

    #[test]
    fn the_same_folder_gives_the_same_bundle() {
        let folder = folder();
        let bytes = || {
            let file = tempfile::NamedTempFile::new().unwrap();
            pack(folder.path(), &ABOUT, file.path()).unwrap();
            fs::read(file.path()).unwrap()
        };
        assert_eq!(bytes(), bytes());
    }

    /// The rules of the registry's schema that our record touches.
    #[test]
    fn the_registry_s_record_follows_its_schema() {
        let digest = "a".repeat(64);
        let record = registry_record(&ABOUT, "orderdesk-mcp.mcpb", &digest).unwrap();
        assert_eq!(record["name"], "io.github.example/orderdesk-mcp");
        let package = &record["packages"][0];
        assert_eq!(
            package["identifier"],
            "https://github.com/example/orderdesk-mcp/releases/download/v1.2.3/orderdesk-mcp.mcpb"
        );
        assert_eq!(package["fileSha256"], digest);
        assert_eq!(package["environmentVariables"][1]["isSecret"], true);
        let remote = &record["remotes"][0];
        for (template, variables) in [
            (&remote["url"], &remote["variables"]),
            (
                &remote["headers"][0]["value"],
                &remote["headers"][0]["variables"],
            ),
        ] {
            let template = template.as_str().unwrap();
            let (_, rest) = template.split_once('{').unwrap();
            let (name, _) = rest.split_once('}').unwrap();
            assert!(variables[name].is_object(), "{template} has no {name}");
        }
    }

    #[test]
    fn what_the_registry_would_refuse_is_refused_here() {
        let long = "x".repeat(LONGEST_DESCRIPTION + 1);
        let about = About {
            description: &long,
            ..ABOUT
        };
        assert!(registry_record(&about, "b", "c").is_err());
        let about = About {
            repository: "https://example.com/x",
            ..ABOUT
        };
        assert!(registry_record(&about, "b", "c").is_err());
        assert!(platform("riscv64-unknown-none").is_err());
    }
}
