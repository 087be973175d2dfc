//! An authorization server that does nothing but publish its keys and sign what a test wants signed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orderdesk_mcp::config::Oauth;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// An issuer on a port of this machine.
pub struct Issuer {
    url: String,
    state: Arc<Mutex<Published>>,
}

struct Published {
    url: String,
    keys: Vec<(String, Ed25519KeyPair)>,
    up: bool,
    made: usize,
    asked: usize,
}

impl Issuer {
    /// With one key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Published {
            url: url.clone(),
            keys: Vec::new(),
            up: true,
            made: 0,
            asked: 0,
        }));
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/keys", get(keys))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { url, state };
        issuer.changes_key();
        issuer
    }

    /// As it calls itself.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What an operator writes to take its tokens.
    pub fn oauth(&self) -> Oauth {
        serde_json::from_value(json!({"issuer": self.url})).unwrap()
    }

    /// Signs with a new key from now on, and publishes only that.
    pub fn changes_key(&self) {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).unwrap();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = format!("key-{}", state.made);
        state.keys = vec![(id, key)];
    }

    /// Answers nobody any more, or everybody again.
    pub fn is_up(&self, up: bool) {
        self.state.lock().unwrap().up = up;
    }

    /// How often somebody asked for its keys.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// What an access token of `subject` says, for an hour.
    pub fn claims(&self, subject: &str, audience: &str, scope: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ends = now + Duration::from_secs(3600);
        json!({
            "iss": self.url, "sub": subject, "aud": audience, "scope": scope,
            "iat": now.as_secs(), "exp": ends.as_secs(), "client_id": "test", "jti": "1",
        })
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> String {
        let state = self.state.lock().unwrap();
        let (id, key) = &state.keys[0];
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": id});
        let message = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let signature = key.sign(message.as_bytes());
        format!("{message}.{}", encoded(signature.as_ref()))
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

type Shared = State<Arc<Mutex<Published>>>;

async fn metadata(State(state): Shared) -> Response {
    let state = state.lock().unwrap();
    if !state.up {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let url = &state.url;
    Json(json!({"issuer": url, "jwks_uri": format!("{url}/keys")})).into_response()
}

async fn keys(State(state): Shared) -> Response {
    let mut state = state.lock().unwrap();
    if !state.up {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    state.asked += 1;
    let keys: Vec<Value> = state
        .keys
        .iter()
        .map(|(id, key)| {
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": encoded(key.public_key())})
        })
        .collect();
    Json(json!({"keys": keys})).into_response()
}
