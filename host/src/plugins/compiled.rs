//! Compiled code on disk: found by the digest of (component, engine), trusted only with our own seal.
//!
//! A file is 32 bytes of HMAC-SHA256 over the rest under a key of this installation, then wasmtime's serialised
//! component. A file that somebody else wrote, or that was cut short, is compiled anew.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::PluginError;

const SEAL_BYTES: usize = 32;
/// What a seal is over.
const CODE: &[u8] = b"compiled code";
const SAID: &[u8] = b"what a component said";

/// The folder of compiled code, and of what components said of themselves.
pub struct CompiledCode {
    folder: PathBuf,
    seal_key: Zeroizing<[u8; 32]>,
    /// One component is compiled once, however many plugins it is.
    under_way: Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>,
}

impl CompiledCode {
    /// `folder` is made, for us alone, if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: PathBuf, seal_key: Zeroizing<[u8; 32]>) -> std::io::Result<Self> {
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(&folder)?;
        Ok(Self {
            folder,
            seal_key,
            under_way: Mutex::default(),
        })
    }

    /// The component, from disk if this engine compiled it before. Blocks: call it off the async threads.
    ///
    /// # Errors
    /// The bytes are not a component.
    pub fn load(&self, engine: &Engine, wasm: &[u8]) -> Result<Component, PluginError> {
        if Engine::detect_precompiled(wasm).is_some() {
            return Err(PluginError::NotAComponent(
                "it is compiled machine code, which is never taken from outside".into(),
            ));
        }
        let path = self.path(engine, &[&Sha256::digest(wasm)], "cwasm");
        let turn = {
            let mut all = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.entry(path.clone()).or_default().clone()
        };
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = self.read(engine, &path) {
            return Ok(component);
        }
        let started = std::time::Instant::now();
        let code = engine
            .precompile_component(wasm)
            .map_err(|error| PluginError::NotAComponent(first_line(&error)))?;
        tracing::info!(
            bytes = wasm.len(),
            elapsed_ms = started.elapsed().as_millis(),
            "compiled a component"
        );
        if let Err(error) = self.write(&path, CODE, &code) {
            tracing::warn!(cause = %error, "compiled code could not be kept; the next start compiles again");
        }
        deserialize(engine, &code).map_err(|error| PluginError::NotAComponent(first_line(&error)))
    }

    /// What a component said of itself when it was asked with all of `asked`, on this engine. Blocks.
    pub fn said(&self, engine: &Engine, asked: &[&[u8]]) -> Option<Vec<u8>> {
        self.unsealed(&self.path(engine, asked, "said"), SAID)
    }

    /// Keeps that. Blocks.
    pub fn keep_said(&self, engine: &Engine, asked: &[&[u8]], said: &[u8]) {
        if let Err(error) = self.write(&self.path(engine, asked, "said"), SAID, said) {
            tracing::warn!(cause = %error, "what a plugin says of itself could not be kept; the next start asks again");
        }
    }

    /// Named by a digest of `parts`, each by itself, and the engine.
    fn path(&self, engine: &Engine, parts: &[&[u8]], ending: &str) -> PathBuf {
        let mut compatibility = Sha256Hasher(Sha256::new());
        engine
            .precompile_compatibility_hash()
            .hash(&mut compatibility);
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(Sha256::digest(part));
        }
        let digest = digest.chain_update(compatibility.0.finalize()).finalize();
        let name = crate::store::hex(&digest);
        self.folder.join(format!("{name}.{ending}"))
    }

    fn read(&self, engine: &Engine, path: &Path) -> Option<Component> {
        deserialize(engine, &self.unsealed(path, CODE)?).ok()
    }

    /// What stands in a file with our seal.
    fn unsealed(&self, path: &Path, kind: &[u8]) -> Option<Vec<u8>> {
        let mut file = std::fs::read(path).ok()?;
        let (seal, content) = file.split_at_checked(SEAL_BYTES)?;
        if self.mac(path, kind, content).verify_slice(seal).is_err() {
            tracing::warn!(file = %path.display(), "a file without our seal was ignored");
            return None;
        }
        file.drain(..SEAL_BYTES);
        Some(file)
    }

    fn write(&self, path: &Path, kind: &[u8], code: &[u8]) -> std::io::Result<()> {
        // Made with mode 0600, and in one piece under its name or not at all.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&self.mac(path, kind, code).finalize().into_bytes())?;
        file.write_all(code)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Over the file's name too: neither can one component's code be put in another's place, nor a plugin's words in that of
    /// code.
    fn mac(&self, path: &Path, kind: &[u8], code: &[u8]) -> Hmac<Sha256> {
        let key = self.seal_key.as_slice();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("HMAC takes any length"));
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        for part in [kind, name] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.update(code);
        mac
    }
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|at| digest[at]))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[allow(unsafe_code, reason = "the one place where compiled code is trusted")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `Component::deserialize` asks that the bytes come unchanged from `precompile_component`. Both callers hold
    // them in memory: one has them from that very call, the other has just verified our HMAC over them, whose key
    // only this installation knows. Wasmtime itself refuses code of another version or configuration.
    unsafe { Component::deserialize(engine, code) }
}

/// What wasmtime says first; the rest is a chain of contexts for its developers.
pub(super) fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugins::engine::PluginEngine;

    fn code(folder: &Path) -> CompiledCode {
        CompiledCode::open(folder.join("compiled"), Zeroizing::new([7; 32])).unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder.join("compiled"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    #[test]
    fn compiled_code_is_kept_and_a_changed_file_is_compiled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PluginEngine::new().unwrap().engine;
        let wasm = wat::parse_str("(component)").unwrap();
        code(folder.path()).load(&engine, &wasm).unwrap();
        let kept = files(folder.path());
        assert_eq!(kept.len(), 1);

        let genuine = std::fs::read(&kept[0]).unwrap();
        let mut forged = genuine.clone();
        *forged.last_mut().unwrap() ^= 1;
        std::fs::write(&kept[0], &forged).unwrap();
        assert!(code(folder.path()).read(&engine, &kept[0]).is_none());
        code(folder.path()).load(&engine, &wasm).unwrap();
        assert_eq!(std::fs::read(&kept[0]).unwrap(), genuine);
    }

    #[test]
    fn one_components_code_in_anothers_place_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PluginEngine::new().unwrap().engine;
        let of = |text: &str| wat::parse_str(text).unwrap();
        let kept = code(folder.path());
        kept.load(&engine, &of("(component)")).unwrap();
        let first = files(folder.path()).remove(0);
        kept.load(&engine, &of("(component (core module))"))
            .unwrap();
        let second = files(folder.path())
            .into_iter()
            .find(|path| *path != first)
            .unwrap();
        std::fs::copy(&first, &second).unwrap();
        assert!(kept.read(&engine, &second).is_none());
        assert!(kept.read(&engine, &first).is_some());
    }

    #[test]
    fn what_a_component_said_is_known_again_for_the_same_question_only() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PluginEngine::new().unwrap().engine;
        let kept = code(folder.path());
        kept.keep_said(&engine, &[b"digest", b"{}"], b"hello");
        assert_eq!(kept.said(&engine, &[b"digest", b"{}"]).unwrap(), b"hello");
        assert!(kept.said(&engine, &[b"digest{}", b""]).is_none());
        assert!(kept.said(&engine, &[b"digest", b"{\"a\":1}"]).is_none());
        let file = files(folder.path()).remove(0);
        let mut damaged = std::fs::read(&file).unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert!(kept.said(&engine, &[b"digest", b"{}"]).is_none());
    }

    #[test]
    fn machine_code_in_disguise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PluginEngine::new().unwrap().engine;
        let machine_code = engine
            .precompile_component(&wat::parse_str("(component)").unwrap())
            .unwrap();
        let error = code(folder.path())
            .load(&engine, &machine_code)
            .err()
            .unwrap();
        assert!(error.to_string().contains("machine code"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_we_can_read_the_folder_and_its_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let engine = PluginEngine::new().unwrap().engine;
        code(folder.path())
            .load(&engine, &wat::parse_str("(component)").unwrap())
            .unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("compiled")), 0o700);
        assert_eq!(mode(&files(folder.path())[0]), 0o600);
    }
}
