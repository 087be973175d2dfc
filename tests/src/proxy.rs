//! A small reverse proxy: the load balancer in front of several processes, and what adds the key that a client cannot be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// More is no request of MCP.
const BODY_BYTES: usize = 16 << 20;

/// A running proxy. It sends each request to another of its servers, by turns, and streams the answer back.
pub struct Proxy {
    url: String,
    inner: Arc<Inner>,
    serving: tokio::task::JoinHandle<()>,
}

struct Inner {
    http: reqwest::Client,
    servers: Vec<Server>,
    next: AtomicUsize,
    key: Option<String>,
}

struct Server {
    /// Scheme, address and port.
    origin: String,
    requests: AtomicUsize,
}

impl Proxy {
    /// In front of the servers at these origins (`http://127.0.0.1:8080`); `key` is added where a request has none.
    pub async fn start(origins: &[&str], key: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let inner = Arc::new(Inner {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            servers: origins
                .iter()
                .map(|origin| Server {
                    origin: (*origin).to_owned(),
                    requests: AtomicUsize::new(0),
                })
                .collect(),
            next: AtomicUsize::new(0),
            key: key.map(str::to_owned),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(forward).with_state(inner.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            inner,
            serving,
        }
    }

    /// Where MCP is served behind it.
    pub fn mcp(&self) -> String {
        format!("{}/mcp", self.url)
    }

    /// How many requests each server got.
    pub fn requests(&self) -> Vec<usize> {
        let servers = self.inner.servers.iter();
        servers
            .map(|server| server.requests.load(Ordering::Relaxed))
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn forward(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let turn = inner.next.fetch_add(1, Ordering::Relaxed) % inner.servers.len();
    let server = &inner.servers[turn];
    server.requests.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONNECTION);
    // A page of the proxy is one of the server behind it.
    if let (Some(origin), Some(host)) = (headers.get(header::ORIGIN), headers.get(header::HOST))
        && origin.as_bytes().strip_prefix(b"http://") == Some(host.as_bytes())
        && let Ok(value) = HeaderValue::from_str(&server.origin)
    {
        headers.insert(header::ORIGIN, value);
    }
    if let Some(key) = &inner.key
        && !headers.contains_key(header::AUTHORIZATION)
        && let Ok(value) = HeaderValue::from_str(&format!("Bearer {key}"))
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    let sent = inner
        .http
        .request(parts.method, format!("{}{path}", server.origin))
        .headers(headers)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(answer) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            response.headers_mut().remove(header::TRANSFER_ENCODING);
            response.headers_mut().remove(header::CONNECTION);
            *response.body_mut() = Body::from_stream(answer.bytes_stream());
            response
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
