//! Where components come from: pinned, signed, and downloaded once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use end_to_end::{Server, guest};
use minisign::KeyPair;
use orderdesk_mcp::config::{Plugin, Publisher, Source};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A web server with one component and its signature.
pub struct Shelf {
    pub url: String,
    pub asked: Arc<AtomicUsize>,
}

pub async fn shelf(wasm: Vec<u8>, signature: Option<String>) -> Shelf {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            counted.fetch_add(1, Ordering::SeqCst);
            let (head, body) = match path {
                "/echo.wasm" => ("200 OK".to_owned(), wasm.clone()),
                "/echo.wasm.minisig" if signature.is_some() => {
                    ("200 OK".to_owned(), signature.clone().unwrap().into_bytes())
                }
                "/moved.wasm" => (
                    "302 Found\r\nLocation: http://169.254.169.254/latest/meta-data".to_owned(),
                    Vec::new(),
                ),
                _ => ("404 Not Found".to_owned(), Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
    });
    Shelf {
        url: format!("http://{address}"),
        asked,
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn echo() -> Vec<u8> {
    std::fs::read(guest("guest-echo")).unwrap()
}

fn signed(pair: &KeyPair, bytes: &[u8]) -> String {
    minisign::sign(None, &pair.sk, bytes, None, None)
        .unwrap()
        .into_string()
}

fn keys() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

/// Starts with the echo plugin from there; answers the server and why it was refused, if it was.
async fn started(
    data: &Path,
    plugin: Plugin,
    publisher: Option<&KeyPair>,
) -> (Server, Option<String>) {
    let key = publisher.map(|pair| pair.pk.to_base64());
    let server = Server::builder()
        .data(data)
        .config(move |config| {
            config.plugins.insert("echo".to_owned(), plugin);
            if let Some(key) = key {
                config
                    .publishers
                    .insert("acme".to_owned(), Publisher { key });
            }
        })
        .start()
        .await;
    let problems = server.application.host.registry().problems().to_vec();
    let what = problems.first().map(|problem| problem.what.clone());
    (server, what)
}

fn remote(url: &str, pinned: Option<String>) -> Plugin {
    Plugin {
        sha256: pinned,
        ..Plugin::of(Source::parse(url).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_from_elsewhere_is_pinned_and_downloaded_once() {
    let shelf = shelf(echo(), None).await;
    let url = format!("{}/echo.wasm", shelf.url);
    let data = tempfile::tempdir().unwrap();

    let (server, refused) = started(data.path(), remote(&url, None), None).await;
    assert!(refused.unwrap().contains("plugins.echo.sha256"));
    server.stop().await;
    let other = Some("0".repeat(64));
    let (server, refused) = started(data.path(), remote(&url, other), None).await;
    assert!(refused.unwrap().contains("sha256"));
    server.stop().await;

    let before = shelf.asked.load(Ordering::SeqCst);
    for _ in 0..2 {
        let pinned = Some(sha256(&echo()));
        let (server, refused) = started(data.path(), remote(&url, pinned), None).await;
        assert_eq!(refused, None);
        let client = server.tenant(&format!("t{}", rand_name())).await;
        let said = client.call("echo_say", json!({"message": "hello"})).await;
        assert_eq!(said.ok()["message"], "hello");
        server.stop().await;
    }
    assert_eq!(shelf.asked.load(Ordering::SeqCst), before + 1);

    // What somebody wrote over the copy is not believed.
    let kept = data
        .path()
        .join("downloads")
        .join(format!("{}.wasm", sha256(&echo())));
    std::fs::write(&kept, b"something else").unwrap();
    let pinned = Some(sha256(&echo()));
    let (server, refused) = started(data.path(), remote(&url, pinned), None).await;
    assert_eq!(refused, None);
    assert_eq!(std::fs::read(&kept).unwrap(), echo());
    server.stop().await;
}

fn rand_name() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_an_address_that_is_not_public_is_not_followed() {
    let shelf = shelf(echo(), None).await;
    let data = tempfile::tempdir().unwrap();
    let url = format!("{}/moved.wasm", shelf.url);
    let pinned = Some(sha256(&echo()));
    let (server, refused) = started(data.path(), remote(&url, pinned), None).await;
    assert!(refused.unwrap().contains("not public"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publishers_signature_holds_over_what_is_loaded_each_time() {
    let (ours, others) = (keys(), keys());
    let folder = tempfile::tempdir().unwrap();
    let (data, component) = (folder.path().join("data"), folder.path().join("echo.wasm"));
    let signature = folder.path().join("echo.wasm.minisig");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(&component, echo()).unwrap();
    let plugin = || Plugin {
        publisher: Some("acme".to_owned()),
        ..Plugin::of(Source::File(component.clone()))
    };
    let refused = async |publisher: Option<&KeyPair>| {
        let (server, refused) = started(&data, plugin(), publisher).await;
        server.stop().await;
        refused
    };
    // Unsigned; a publisher that nobody knows.
    assert!(refused(Some(&ours)).await.unwrap().contains("minisig"));
    assert!(refused(None).await.unwrap().contains("publishers.acme"));
    std::fs::write(&signature, signed(&ours, &echo())).unwrap();
    assert_eq!(refused(Some(&ours)).await, None);
    // It is compiled by now, and still has to be signed.
    assert!(refused(Some(&others)).await.unwrap().contains("signature"));
    std::fs::write(&signature, signed(&ours, b"another file")).unwrap();
    assert!(refused(Some(&ours)).await.unwrap().contains("signature"));
    std::fs::remove_file(&signature).unwrap();
    assert!(refused(Some(&ours)).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signature_of_a_download_stands_beside_it() {
    let ours = keys();
    let shelf = shelf(echo(), Some(signed(&ours, &echo()))).await;
    let data = tempfile::tempdir().unwrap();
    let plugin = || Plugin {
        publisher: Some("acme".to_owned()),
        ..remote(&format!("{}/echo.wasm", shelf.url), Some(sha256(&echo())))
    };
    let (server, refused) = started(data.path(), plugin(), Some(&ours)).await;
    assert_eq!(refused, None);
    let loaded = server.application.host.about("echo").unwrap();
    let publisher = loaded.about.publisher.clone().unwrap();
    assert_eq!(publisher, format!("acme {}", ours.pk.to_base64()));
    server.stop().await;
    let (server, refused) = started(data.path(), plugin(), Some(&keys())).await;
    assert!(refused.unwrap().contains("signature"));
    server.stop().await;
}
