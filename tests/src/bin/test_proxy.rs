//! `test-proxy ORIGIN…`: the tests' proxy in front of these servers, for clients that are not written in Rust. Prints the URL of the
//! MCP endpoint, and runs until it is ended. With `ORDERDESK_TEST_KEY` it adds that key to requests without one.

use end_to_end::Proxy;

#[tokio::main]
async fn main() {
    let origins: Vec<String> = std::env::args().skip(1).collect();
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    let key = std::env::var("ORDERDESK_TEST_KEY").ok();
    let proxy = Proxy::start(&origins, key.as_deref()).await;
    #[allow(
        clippy::print_stdout,
        reason = "whoever started it reads the URL there"
    )]
    {
        println!("{}", proxy.mcp());
    }
    std::future::pending::<()>().await;
}
