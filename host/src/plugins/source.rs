//! A component's bytes: read or downloaded, and believed only with the digest and the signature that the configuration asks for.
//!
//! What was downloaded stays in the data directory under its digest. Digest and signature are checked over the very bytes that
//! are loaded, each time, wherever they come from.

use std::io::Write;
use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature};
use sha2::{Digest, Sha256};
use url::Url;

use super::PluginError;
use crate::capabilities::Services;
use crate::config::{Config, Plugin, Source};

/// Larger files are refused before anything looks into them.
const COMPONENT_BYTES: usize = 64 << 20;
/// A signature has some 300.
const SIGNATURE_BYTES: usize = 4 << 10;
/// What a signature's file is called: the source's name, and this.
const SIGNATURE: &str = ".minisig";

/// A component that is what the configuration says.
pub struct Verified {
    /// The component.
    pub wasm: Vec<u8>,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// Who signed it, and with which key.
    pub publisher: Option<String>,
}

/// Where downloads stay.
#[derive(Debug, Clone)]
pub struct Downloads(PathBuf);

impl Downloads {
    /// In this data directory.
    pub fn within(data_dir: &Path) -> Self {
        Self(data_dir.join("downloads"))
    }

    fn component(&self, digest: &str) -> PathBuf {
        self.0.join(format!("{digest}.wasm"))
    }

    /// Keeps a file, for us alone, in one piece or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    fn keep(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    crate::store::hex(&Sha256::digest(bytes))
}

/// The component of a plugin, checked.
///
/// # Errors
/// It is not there, or not what the configuration says.
pub async fn obtain(
    name: &str,
    plugin: &Plugin,
    config: &Config,
    downloads: &Downloads,
    services: &Services,
) -> Result<Verified, PluginError> {
    let wasm = match &plugin.source {
        Source::File(path) => {
            let path = path.clone();
            blocking(move || read(&path, COMPONENT_BYTES)).await?
        }
        Source::Remote(url) => {
            let Some(pinned) = &plugin.sha256 else {
                return Err(PluginError::Config(format!(
                    "plugins.{name}.sha256 is missing: what is downloaded has to be pinned; `orderdesk-mcp plugins add` does it"
                )));
            };
            remote(url, pinned, downloads, services).await?
        }
    };
    let (wasm, digest) = blocking(move || {
        let digest = digest(&wasm);
        Ok((wasm, digest))
    })
    .await?;
    check_digest(&digest, plugin.sha256.as_deref())?;
    let publisher = match &plugin.publisher {
        None => None,
        Some(publisher) => {
            let Some(known) = config.publishers.get(publisher) else {
                return Err(PluginError::Config(format!(
                    "plugins.{name}.publisher: there is no [publishers.{publisher}]"
                )));
            };
            let signature = signature(&plugin.source, &digest, downloads, services).await?;
            verify(publisher, &known.key, &signature, &wasm)?;
            Some(format!("{publisher} {}", known.key.trim()))
        }
    };
    Ok(Verified {
        wasm,
        digest,
        publisher,
    })
}

/// The bytes at a source, of whatever digest: for whoever is about to pin it.
///
/// # Errors
/// They cannot be had.
pub async fn fetch(source: &Source, services: &Services) -> Result<Vec<u8>, PluginError> {
    match source {
        Source::File(path) => {
            let path = path.clone();
            blocking(move || read(&path, COMPONENT_BYTES)).await
        }
        Source::Remote(url) => download(url, COMPONENT_BYTES, services).await,
    }
}

/// Keeps what was downloaded, so that loading it does not download it again.
///
/// # Errors
/// It cannot be written.
pub fn keep(downloads: &Downloads, wasm: &[u8]) -> std::io::Result<()> {
    downloads.keep(&downloads.component(&digest(wasm)), wasm)
}

async fn remote(
    url: &Url,
    pinned: &str,
    downloads: &Downloads,
    services: &Services,
) -> Result<Vec<u8>, PluginError> {
    let pinned = pinned.trim().to_ascii_lowercase();
    if pinned.len() != 64 || !pinned.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PluginError::Digest {
            found: "?".to_owned(),
            expected: pinned,
        });
    }
    let kept = downloads.component(&pinned);
    let known = {
        let (kept, pinned) = (kept.clone(), pinned.clone());
        blocking(move || {
            // Whatever else stands there is fetched anew.
            let found = read(&kept, COMPONENT_BYTES).ok();
            Ok(found.filter(|wasm| digest(wasm) == pinned))
        })
        .await?
    };
    if let Some(wasm) = known {
        return Ok(wasm);
    }
    let wasm = download(url, COMPONENT_BYTES, services).await?;
    check_digest(&digest(&wasm), Some(&pinned))?;
    let (downloads, copy) = (downloads.clone(), wasm.clone());
    let written = blocking(move || Ok(downloads.keep(&kept, &copy))).await?;
    if let Err(error) = written {
        tracing::warn!(cause = %error, "a download could not be kept; the next start fetches it again");
    }
    Ok(wasm)
}

async fn download(url: &Url, most: usize, services: &Services) -> Result<Vec<u8>, PluginError> {
    tracing::info!(%url, "downloading");
    services
        .http
        .download(url, most)
        .await
        .map_err(|error| PluginError::Download {
            url: url.to_string(),
            what: error.to_string(),
        })
}

/// Beside the component, under its name and `.minisig`; of a download, a copy stays with it.
async fn signature(
    source: &Source,
    digest: &str,
    downloads: &Downloads,
    services: &Services,
) -> Result<String, PluginError> {
    let bytes = match source {
        Source::File(path) => {
            let mut path = path.clone().into_os_string();
            path.push(SIGNATURE);
            blocking(move || read(Path::new(&path), SIGNATURE_BYTES)).await?
        }
        Source::Remote(url) => {
            let mut kept = downloads.component(digest).into_os_string();
            kept.push(SIGNATURE);
            let kept = PathBuf::from(kept);
            match std::fs::read(&kept) {
                Ok(bytes) => bytes,
                Err(_) => {
                    let mut url = url.clone();
                    url.set_path(&format!("{}{SIGNATURE}", url.path()));
                    let bytes = download(&url, SIGNATURE_BYTES, services).await?;
                    if let Err(error) = downloads.keep(&kept, &bytes) {
                        tracing::warn!(cause = %error, "a signature could not be kept");
                    }
                    bytes
                }
            }
        }
    };
    String::from_utf8(bytes).map_err(|_| PluginError::Signature("it is not text".to_owned()))
}

fn verify(publisher: &str, key: &str, signature: &str, wasm: &[u8]) -> Result<(), PluginError> {
    let key = PublicKey::from_base64(key.trim()).map_err(|error| {
        PluginError::Config(format!(
            "publishers.{publisher}.key is not a public key of minisign (RW…): {error}"
        ))
    })?;
    let signature =
        Signature::decode(signature).map_err(|error| PluginError::Signature(error.to_string()))?;
    // Not the legacy kind, which hashes nothing before it signs.
    key.verify(wasm, &signature, false).map_err(|error| {
        PluginError::Signature(format!(
            "it is not one of '{publisher}' over this file: {error}"
        ))
    })
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, PluginError> {
    let unreadable = |error| PluginError::Unreadable {
        path: path.display().to_string(),
        error,
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > most as u64 {
        return Err(PluginError::TooLarge(size, most as u64));
    }
    std::fs::read(path).map_err(unreadable)
}

fn check_digest(found: &str, expected: Option<&str>) -> Result<(), PluginError> {
    match expected {
        Some(expected) if !found.eq_ignore_ascii_case(expected.trim()) => {
            Err(PluginError::Digest {
                found: found.to_owned(),
                expected: expected.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PluginError> + Send + 'static,
) -> Result<T, PluginError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PluginError::Listing(error.to_string()))?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use minisign::KeyPair;

    use super::*;

    fn signed(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(None, &pair.sk, bytes, None, None)
            .unwrap()
            .into_string()
    }

    #[test]
    fn a_signature_is_good_for_these_bytes_under_this_key_only() {
        let (ours, other) = (
            KeyPair::generate_unencrypted_keypair().unwrap(),
            KeyPair::generate_unencrypted_keypair().unwrap(),
        );
        let key = ours.pk.to_base64();
        let good = signed(&ours, b"component");
        verify("acme", &key, &good, b"component").unwrap();
        for (signature, bytes) in [
            (good.as_str(), b"Component".as_slice()),
            (&signed(&other, b"component"), b"component"),
            (&good[..40], b"component"),
            ("", b"component"),
        ] {
            let error = verify("acme", &key, signature, bytes).unwrap_err();
            assert!(matches!(error, PluginError::Signature(_)), "{error}");
        }
        let error = verify("acme", "RWnonsense", &good, b"component").unwrap_err();
        assert!(error.to_string().contains("publishers.acme.key"), "{error}");
    }

    #[test]
    fn downloads_are_for_us_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let downloads = Downloads::within(folder.path());
        keep(&downloads, b"component").unwrap();
        let path = downloads.component(&digest(b"component"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }
}
