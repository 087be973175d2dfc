//! Compiled code on disk: found by the digest of (component, engine), trusted only with our own seal.
//!
//! A file is 32 bytes of HMAC-SHA256 over the rest under a key of this installation, then wasmtime's serialised
//! component. A file that somebody else wrote, or that was cut short, is compiled anew.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::PluginError;

const SEAL_BYTES: usize = 32;

/// The folder of compiled code.
pub struct CompiledCode {
    folder: PathBuf,
    seal_key: Zeroizing<[u8; 32]>,
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
        Ok(Self { folder, seal_key })
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
        let path = self.path(engine, wasm);
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
        if let Err(error) = self.write(&path, &code) {
            tracing::warn!(cause = %error, "compiled code could not be kept; the next start compiles again");
        }
        deserialize(engine, &code).map_err(|error| PluginError::NotAComponent(first_line(&error)))
    }

    fn path(&self, engine: &Engine, wasm: &[u8]) -> PathBuf {
        let mut compatibility = Sha256Hasher(Sha256::new());
        engine
            .precompile_compatibility_hash()
            .hash(&mut compatibility);
        let digest = Sha256::new()
            .chain_update(Sha256::digest(wasm))
            .chain_update(compatibility.0.finalize())
            .finalize();
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.cwasm"))
    }

    fn read(&self, engine: &Engine, path: &Path) -> Option<Component> {
        let file = std::fs::read(path).ok()?;
        let (seal, code) = file.split_at_checked(SEAL_BYTES)?;
        if self.mac(code).verify_slice(seal).is_err() {
            tracing::warn!(file = %path.display(), "compiled code without our seal was ignored");
            return None;
        }
        deserialize(engine, code).ok()
    }

    fn write(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        // Made with mode 0600, and in one piece under its name or not at all.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&self.mac(code).finalize().into_bytes())?;
        file.write_all(code)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    fn mac(&self, code: &[u8]) -> Hmac<Sha256> {
        let key = self.seal_key.as_slice();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("HMAC takes any length"));
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
