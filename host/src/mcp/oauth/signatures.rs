//! Checking signatures of tokens with *ring*, which is here for TLS: what jsonwebtoken leaves to others.
//!
//! Only what issuers sign with and anybody can check: no shared secrets (`HS…`), and `none` is not even a name. Nothing is ever
//! signed here.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as Mismatch, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// What a token may be signed with (RFC 7518, section 3.1, and RFC 8037).
pub(super) const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _: &EncodingKey| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    // Of private keys, and of digests of keys: never asked for.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Lets jsonwebtoken check signatures; as often as one likes.
pub(super) fn install() {
    // It is refused where it is done already.
    let _first_wins = PROVIDER.install_default();
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // An RSA key must never be taken for the bytes of another kind.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let check = match algorithm {
        Algorithm::RS256 => Check::rsa(&RSA_PKCS1_2048_8192_SHA256, key)?,
        Algorithm::PS256 => Check::rsa(&RSA_PSS_2048_8192_SHA256, key)?,
        Algorithm::ES256 => Check::point(&ECDSA_P256_SHA256_FIXED, key)?,
        Algorithm::EdDSA => Check::point(&ED25519, key)?,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        check,
    }))
}

enum Check {
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
    Point(UnparsedPublicKey<Vec<u8>>),
}

impl Check {
    fn rsa(parameters: &'static RsaParameters, key: &DecodingKey) -> Result<Self> {
        match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let (n, e) = (n.clone(), e.clone());
                Ok(Self::Rsa(parameters, RsaPublicKeyComponents { n, e }))
            }
            DecodingKeyKind::SecretOrDer(_) => Err(ErrorKind::InvalidKeyFormat.into()),
        }
    }

    fn point(algorithm: &'static dyn VerificationAlgorithm, key: &DecodingKey) -> Result<Self> {
        let bytes = key.try_get_as_bytes()?.to_vec();
        Ok(Self::Point(UnparsedPublicKey::new(algorithm, bytes)))
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    check: Check,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Mismatch> {
        match &self.check {
            Check::Rsa(parameters, key) => key.verify(parameters, message, signature),
            Check::Point(key) => key.verify(message, signature),
        }
        .map_err(|_| Mismatch::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
