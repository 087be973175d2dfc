//! `crypto`: secrets by handle. There is no way to read one.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::context::CallState;
use super::contract::{
    Error, ErrorKind,
    crypto::{Audience as Wanted, Host},
};
use super::sealing::SealFor;
use crate::tenancy::{HmacVerifier, SecretError};

const RANDOM_BYTES: u32 = 1024;
const PLAINTEXT_BYTES: usize = 8 << 10;

impl Host for CallState {
    #[tracing::instrument(level = "debug", name = "crypto.seal", skip_all)]
    async fn seal(
        &mut self,
        plaintext: Vec<u8>,
        audiences: Vec<Wanted>,
        subject: Option<String>,
    ) -> Result<String, Error> {
        let call = self.call()?;
        call.may_write("Keeping a secret")?;
        call.attended("Keeping a secret")?;
        if plaintext.is_empty() || plaintext.len() > PLAINTEXT_BYTES || audiences.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "bad-secret",
                format!("A secret has 1 to {PLAINTEXT_BYTES} bytes and at least one audience."),
            ));
        }
        let audiences = audiences
            .into_iter()
            .map(|audience| match audience {
                Wanted::Endpoint(name) => SealFor::Endpoint(name),
                Wanted::Hmac(plugin) => SealFor::Hmac(plugin),
            })
            .map(|audience| self.services.audience(&self.grantee, &audience))
            .collect::<Result<Vec<_>, _>>()?;
        let handle = self
            .services
            .secrets
            .seal(
                &call.caller.principal,
                &self.grantee.name,
                &plaintext,
                &audiences,
                subject.as_deref(),
            )
            .await
            .map_err(|error| Error::internal("Keeping a secret", &error))?;
        Ok(handle.to_string())
    }

    #[tracing::instrument(level = "debug", name = "crypto.revoke", skip_all)]
    async fn revoke(&mut self, value: String) -> Result<(), Error> {
        let call = self.call()?;
        call.may_write("Revoking a secret")?;
        call.attended("Revoking a secret")?;
        self.services
            .secrets
            .revoke(&call.caller.principal, &self.grantee.name, &value)
            .await
            .map_err(|error| secret_error(&error))
    }

    #[tracing::instrument(level = "debug", name = "crypto.verify_hmac", skip_all)]
    async fn verify_hmac(
        &mut self,
        key: String,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool, Error> {
        let call = self.call()?;
        if let Some(verifier) = call.secrets.verifier(&key) {
            return Ok(verifier.verify(&message, &signature));
        }
        call.attended("That key")?;
        self.services.consented(&call).await?;
        let opened = self
            .services
            .secrets
            .open_hmac(
                &call.caller.principal,
                &self.grantee.name,
                &key,
                call.subject().as_deref(),
            )
            .await
            .map_err(|error| secret_error(&error))?;
        if !call.may_use_secrets_of(&opened.owner_plugin) {
            return Err(Error::not_granted(
                &self.grantee.name,
                "a key that another plugin keeps",
                &format!("read = [{:?}]", opened.owner_plugin),
            ));
        }
        Ok(HmacVerifier::of(opened.plaintext.expose_secret()).verify(&message, &signature))
    }

    async fn sha256(&mut self, data: Vec<u8>) -> Vec<u8> {
        Sha256::digest(&data).to_vec()
    }

    async fn random(&mut self, length: u32) -> Result<Vec<u8>, Error> {
        use rand::TryRng;
        if length > RANDOM_BYTES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "too-much-random",
                format!("At most {RANDOM_BYTES} random bytes at once."),
            ));
        }
        let mut bytes = vec![0; length as usize];
        rand::rngs::SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| Error::internal("Drawing random bytes", &error))?;
        Ok(bytes)
    }
}

/// What a plugin may know of why a handle did not work.
pub(super) fn secret_error(error: &SecretError) -> Error {
    match error {
        SecretError::NotFound => Error::new(
            ErrorKind::NotFound,
            "secret-not-found",
            "The stored key is not there any more, or belongs to something else. Register it again.",
        ),
        SecretError::OriginChanged { endpoint } => Error::new(
            ErrorKind::Denied,
            "endpoint-moved",
            format!(
                "The stored key was entered for another address of '{endpoint}'. Enter it again for the new one."
            ),
        ),
        SecretError::WrongSubject | SecretError::WrongAudience => Error::new(
            ErrorKind::Denied,
            "secret-not-for-this",
            "The stored key was sealed for another use and cannot be used here.",
        ),
        other => Error::internal("Opening a stored key", other),
    }
}
