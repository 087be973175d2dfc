//! `cargo xtask run`: everything built, a tenant with a store, the server in the foreground.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret as _, SecretString};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::account::{self, Access, Server, Store};
use crate::artefacts::{self, Optimisation};
use crate::connect;
use crate::process::Service;
use crate::project::{self, Project};
use crate::simulator::{Ready, Simulator};
use crate::steps::Steps;

/// How long the server may take to finish what is under way: its own `shutdown_grace` is 30 s.
const SERVER_GRACE: Duration = Duration::from_secs(40);

/// How long the server may take to answer after its start; plugins compile in it the first time.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// How often the children and the signals are looked at.
const POLL: Duration = Duration::from_millis(50);

/// `cargo xtask run`.
pub(crate) fn run(
    project: &Project,
    listen: SocketAddr,
    fresh: bool,
    config: Option<PathBuf>,
    arguments: &[String],
) -> Result<ExitCode> {
    let own_store = Store::from_environment(|name| std::env::var(name).ok())?;
    let known_key = std::env::var("ORDERDESK_MCP_MASTER_KEY").ok();
    let users_base_url = std::env::var("ORDERDESK_BASE_URL").ok();
    check_address(listen)?;
    let config = match config {
        Some(file) => std::path::absolute(file)?,
        None => project.root.join("orderdesk.toml"),
    };

    let mut steps = Steps::default();
    artefacts::components(project, &mut steps)?;
    let packages: &[&str] = match own_store {
        Some(_) => &[project::SERVER],
        None => &[project::SERVER, project::SIMULATOR_PACKAGE],
    };
    let built = artefacts::binaries(project, &mut steps, packages, Optimisation::None)?;

    // From here on children run, so Ctrl-C is for us to pass on.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let kind = if own_store.is_some() {
        "account"
    } else {
        "sandbox"
    };
    let data_directory = project.target_directory.join("run-data").join(kind);
    account::prepare_directory(&data_directory, fresh)?;

    let simulator = match own_store {
        Some(_) => None,
        None => {
            let last = account::last_base_url(&data_directory)?;
            let address = last.as_deref().and_then(Ready::address);
            let program = artefacts::binary(&built, project::SIMULATOR)?;
            Some(Simulator::start(program, address)?)
        }
    };
    let server = Server {
        program: artefacts::binary(&built, project::SERVER)?,
        root: &project.root,
        config: &config,
        data_directory: &data_directory,
        base_url: simulator
            .as_ref()
            .map(|simulator| simulator.ready.base_url.as_str())
            .or(users_base_url.as_deref()),
    };
    let (store, description) = served_store(own_store, simulator.as_ref())?;
    let access = steps.run("prepare the tenant", || {
        let known_key = known_key.map(SecretString::from);
        account::open(&server, &store, simulator.is_some(), known_key)
    })?;

    let address = listen.to_string();
    let mut command = server.command(&["serve", "--listen", &address]);
    let mut running = Running {
        server: Service::start("server", SERVER_GRACE, command.args(arguments))?,
        simulator,
    };
    let text = announcement(
        &connect::url(listen),
        &description,
        &store.store_id,
        &access,
    );
    running.serve(listen, &mut signals, &text)
}

/// Refuses an address that cannot work before minutes are spent on building.
fn check_address(listen: SocketAddr) -> Result<()> {
    if listen.port() == 0 {
        bail!(
            "--listen {listen} names no port, so no URL could be printed: give one, such as 127.0.0.1:8080"
        );
    }
    TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: give another address with --listen, such as --listen 127.0.0.1:8090")
    })?;
    Ok(())
}

/// The store to register, and how to speak of it.
fn served_store(own: Option<Store>, simulator: Option<&Simulator>) -> Result<(Store, String)> {
    if let Some(store) = own {
        let description = format!("your Order Desk store {}", store.store_id);
        return Ok((store, description));
    }
    let sample = simulator
        .and_then(|simulator| simulator.ready.stores.first())
        .context("the simulator has no store")?;
    let store = Store {
        store_id: sample.id.clone(),
        api_key: sample.key.clone().into(),
    };
    let description = format!(
        "a sandbox: the simulator with sample orders of store {} ({}), not Order Desk.\n  \
         Set ORDERDESK_STORE_ID and ORDERDESK_API_KEY to serve your own store",
        sample.id, sample.name
    );
    Ok((store, description))
}

/// What is printed once the server answers.
fn announcement(url: &str, description: &str, store_id: &str, access: &Access) -> String {
    let key = access
        .key
        .as_ref()
        .map_or("YOUR-KEY", |key| key.expose_secret());
    let note = match (&access.key, access.key_is_kept) {
        (None, _) => {
            "  (the key was shown on the first run and is not kept; `--fresh` makes a new one)"
        }
        (Some(_), false) => "  (keep it now: it is not kept here and not shown again)",
        (Some(_), true) => "",
    };
    let unregistered = if access.registered {
        String::new()
    } else {
        format!(
            "\nThe store is not registered with its present key: call stores_register for {store_id}, \
             or set ORDERDESK_MCP_MASTER_KEY and run again.\n"
        )
    };
    format!(
        "\nServing {description}.\n\nURL  {url}\nKey  {key}{note}\n{unregistered}\n{}\nCtrl-C ends it.\n",
        connect::lines(url, key)
    )
}

/// The children while the server runs. On any way out the server ends first, then the simulator
/// that it may still be talking to (fields are dropped in this order).
struct Running {
    server: Service,
    simulator: Option<Simulator>,
}

impl Running {
    fn serve(&mut self, listen: SocketAddr, signals: &mut Signals, text: &str) -> Result<ExitCode> {
        let deadline = Instant::now() + READY_LIMIT;
        let mut announced = false;
        loop {
            if signals.pending().next().is_some() {
                eprintln!("\nending (once more: at once)");
                let mut impatient = || signals.pending().next().is_some();
                self.server.stop(&mut impatient)?;
                if let Some(simulator) = &mut self.simulator {
                    simulator.service.stop(&mut impatient)?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            if let Some(status) = self.server.ended()? {
                bail!("the server ended by itself ({status})");
            }
            if let Some(simulator) = &mut self.simulator
                && let Some(status) = simulator.service.ended()?
            {
                bail!("the simulator ended by itself ({status})");
            }
            if !announced {
                if is_ready(listen) {
                    announced = true;
                    write!(std::io::stdout(), "{text}")?;
                } else if Instant::now() >= deadline {
                    bail!("the server was not ready after {} s", READY_LIMIT.as_secs());
                }
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Whether `GET /health/ready` answers 200.
fn is_ready(listen: SocketAddr) -> bool {
    let url = connect::url(listen);
    let authority = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let ask = || -> Result<bool> {
        let address: SocketAddr = authority.parse()?;
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET /health/ready HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /health/ready HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_server_is_ready_when_it_says_so() {
        assert!(is_ready(answering("HTTP/1.1 200 OK\r\n\r\nready")));
        assert!(!is_ready(answering(
            "HTTP/1.1 503 Service Unavailable\r\n\r\n"
        )));
    }

    #[test]
    fn an_address_in_use_is_told_before_anything_is_built() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = check_address(taken.local_addr().unwrap()).unwrap_err();
        assert!(error.to_string().contains("--listen"), "{error}");
        assert!(check_address("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn a_real_accounts_key_comes_with_a_warning_and_a_forgotten_one_with_a_placeholder() {
        let access = |key: Option<&str>, key_is_kept| Access {
            key: key.map(SecretString::from),
            key_is_kept,
            registered: true,
        };
        let first = announcement(
            "u",
            "your Order Desk store 1",
            "1",
            &access(Some("abc"), false),
        );
        assert!(first.contains("Key  abc  (keep it now"));
        let later = announcement("u", "your Order Desk store 1", "1", &access(None, false));
        assert!(later.contains("Key  YOUR-KEY") && later.contains("Bearer YOUR-KEY"));
        let sandbox = announcement("u", "a sandbox: sample", "1", &access(Some("abc"), true));
        assert!(sandbox.contains("Key  abc\n"));
    }
}
