//! Lines to paste: how to reach a running server from the usual clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};

/// The protocol revision that the curl lines speak.
const PROTOCOL: &str = "2026-07-28";

/// The Inspector whose command line is written below.
const INSPECTOR: &str = "@modelcontextprotocol/inspector@2.12.0";

/// The URL at which a server that listens on `address` is reached from this machine.
pub(crate) fn url(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/mcp", SocketAddr::new(host, address.port()))
}

/// Ready lines for Claude Code, the Inspector and curl.
pub(crate) fn lines(url: &str, key: &str) -> String {
    let list = curl(url, key, "tools/list", None);
    let call = curl(url, key, "tools/call", Some("orders_list"));
    format!(
        "Claude Code:\n  claude mcp add --transport http orderdesk {url} --header \"Authorization: Bearer {key}\"\n\
         Inspector (Node 22.19 or newer):\n  npx --yes --package {INSPECTOR} mcp-inspector --cli {url} --transport http \
         --protocol-era modern --method tools/list --header \"Authorization: Bearer {key}\"\n\
         curl, the tools and the latest orders:\n  {list}\n  {call}\n"
    )
}

fn curl(url: &str, key: &str, method: &str, tool: Option<&str>) -> String {
    let name = tool
        .map(|tool| format!("-H 'Mcp-Name: {tool}' "))
        .unwrap_or_default();
    format!(
        "curl -sS {url} -H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json' \
         -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: {PROTOCOL}' -H 'Mcp-Method: {method}' {name}\
         -d '{}'",
        request(method, tool)
    )
}

/// A request of the stateless revision: version and capabilities ride in `_meta`
/// (<https://modelcontextprotocol.io/specification/2026-07-28/basic>).
fn request(method: &str, tool: Option<&str>) -> Value {
    let mut params = json!({
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": PROTOCOL,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    });
    if let Some(tool) = tool {
        params["name"] = tool.into();
        params["arguments"] = json!({ "limit": 3 });
    }
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_reached_on_the_local_one() {
        assert_eq!(
            url("0.0.0.0:8080".parse().unwrap()),
            "http://127.0.0.1:8080/mcp"
        );
        assert_eq!(url("[::]:8080".parse().unwrap()), "http://[::1]:8080/mcp");
        assert_eq!(
            url("192.168.1.5:80".parse().unwrap()),
            "http://192.168.1.5:80/mcp"
        );
    }

    #[test]
    fn headers_and_body_of_the_curl_lines_agree() {
        let line = curl("http://h/mcp", "k", "tools/call", Some("orders_list"));
        assert!(
            line.contains("'Mcp-Method: tools/call'") && line.contains("'Mcp-Name: orders_list'")
        );
        let (_, quoted) = line.split_once("-d '").unwrap();
        let body: Value = serde_json::from_str(quoted.trim_end_matches('\'')).unwrap();
        assert_eq!(body["method"], "tools/call");
        assert_eq!(body["params"]["name"], "orders_list");
        assert_eq!(
            body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"],
            PROTOCOL
        );
        assert!(!curl("http://h/mcp", "k", "tools/list", None).contains("Mcp-Name"));
    }

    #[test]
    fn every_line_carries_the_key() {
        let text = lines("http://h/mcp", "secret-key");
        let commands: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(commands.len(), 4);
        assert!(
            commands
                .iter()
                .all(|line| line.contains("Bearer secret-key"))
        );
    }
}
