//! The command line of `orderdesk-mcp`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::{Args, CommandFactory, Parser, Subcommand};
use orderdesk_mcp::application::{ACCESS_KEY, Application};
use orderdesk_mcp::capabilities::http::CollectorClient;
use orderdesk_mcp::config::{self, Config, ConfigError, DATA_DIR, Environment, StartedBy};
use orderdesk_mcp::mcp::{self, Choice, FirstCalls, McpServer, StdioCaller};
use orderdesk_mcp::observe::{Collector, Traces};
use orderdesk_mcp::{check, observe};
use secrecy::SecretString;
use tokio::runtime::{Handle, Runtime};

mod commands;

/// A call makes and drops thousands of small values on whichever thread it is: the system's allocator took a tenth of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use commands::{
    audit, backup, call, connect, keys, plugins, print, server_key, shell, tenants, watch, webhooks,
};

/// An MCP server that hosts sandboxed WebAssembly plugins; ships with tools for Order Desk.
#[derive(Parser)]
#[command(name = "orderdesk-mcp", version, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Global {
    /// The configuration. Default: orderdesk.toml in the working directory (not for `stdio`, which clients start anywhere), else
    /// beside this program, else in ~/.config/orderdesk-mcp
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database, server key and compiled plugins [env: ORDERDESK_MCP_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve MCP over HTTP until Ctrl-C
    Serve {
        /// Address and port [env: ORDERDESK_MCP_LISTEN] [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Serve the conformance suite of MCP: every request without a key is the local tenant's; on loopback only
        #[cfg(feature = "conformance")]
        #[arg(long)]
        conformance: bool,
    },
    /// Serve MCP over stdin and stdout, for one client on this machine
    ///
    /// A client starts this in a folder of its own choice, so an orderdesk.toml there is not read: name it by --config.
    ///
    /// With ORDERDESK_MCP_MASTER_KEY the calls are those of that key's tenant; without, they are those of a local tenant that is
    /// made by itself, and the [local] rules of the configuration set it up from the environment.
    Stdio {
        /// Sets of tools, such as orders,shipments; the tools without a set are always there. Default: [mcp] toolsets, else what
        /// plugins list by default
        #[arg(long, value_name = "SETS")]
        toolsets: Option<String>,
        /// No tool that writes is listed or callable
        #[arg(long)]
        read_only: bool,
    },
    /// Say in words what is wrong with config, plugins, database and endpoints; exit 1 if anything is
    Check,
    /// Say how a client reaches this server: its link, line or file, without any secret in it
    Connect(connect::Connect),
    /// Print the completions of this program for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print this program's manual page
    Man,
    /// Make, list, suspend and delete tenants, and let them agree to plugins
    #[command(subcommand)]
    Tenants(tenants::Tenants),
    /// Make, list, rotate and revoke a tenant's access keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Change the key around everything
    #[command(subcommand)]
    ServerKey(server_key::ServerKeyCommand),
    /// Make, list, renew and delete hooks: URLs at which other programs tell that something happened
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// Who did what: show, export and verify the audit trail
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Copy the database into a new file while servers use it
    ///
    /// The copy is what the database was at one moment, checked page by page. The server key is not in it, nor anything that opens
    /// without that key: keep the key elsewhere.
    Backup {
        /// A new file; only this user can read it
        file: PathBuf,
    },
    /// Put a backup in the place of the database, while nothing uses it
    ///
    /// Nothing is changed unless the backup is whole, not of a newer version, and opens with the server key of this installation: for
    /// a new data directory, put server.key there first or set ORDERDESK_MCP_SERVER_KEY.
    Restore {
        /// What 'backup' wrote
        file: PathBuf,
        /// Over a data directory that holds data; what was there is kept beside
        #[arg(long)]
        replace: bool,
    },
    /// Make, build, try and examine plugins
    #[command(subcommand)]
    Plugins(plugins::Plugins),
    /// Call a tool from the terminal, without an agent
    ///
    /// Arguments that are secret are asked for without echo, or read from stdin, one line each, where it is not a terminal. A
    /// tool that asks whether it may do something asks you, in a terminal; elsewhere give it a preview's token: first
    /// {"dry_run": true, …}, then the same arguments with {"confirm_token": "odc_…"}.
    Call {
        /// The tool's name
        tool: String,
        /// Its arguments
        #[arg(value_name = "JSON", default_value = "{}")]
        arguments: String,
        /// The tenant; its key is taken from ORDERDESK_MCP_MASTER_KEY. Default: that key's tenant, or the local one
        #[arg(long)]
        tenant: Option<String>,
    },
}

impl Command {
    /// Whether it runs tools.
    fn serves(&self) -> bool {
        matches!(
            self,
            Self::Serve { .. } | Self::Stdio { .. } | Self::Call { .. }
        )
    }

    /// Who starts it.
    fn started_by(&self) -> StartedBy {
        match self {
            Self::Stdio { .. } => StartedBy::Client,
            _ => StartedBy::Operator,
        }
    }
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let environment = Environment::of_process();
    let layers = layers(&command_line);
    let config = config::load(layers.0.as_deref(), &environment, &layers.1);
    let ran = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let traces = match &config {
            Ok(config) if command_line.command.serves() => {
                traces(config, &environment, runtime.handle())?
            }
            _ => None,
        };
        observe::start(traces.as_ref());
        let ran = runtime.block_on(run(command_line, config, environment, layers));
        if !traces.is_none_or(Traces::finish) {
            tracing::warn!("the last spans did not reach the collector");
        }
        // Reading stdin cannot be cancelled: waiting for it would last until the client closes it.
        runtime.shutdown_background();
        ran
    });
    match ran {
        Ok(code) => code,
        Err(error) => {
            eprintln!("orderdesk-mcp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where spans go, if the configuration says so.
fn traces(
    config: &Config,
    environment: &Environment,
    runtime: &Handle,
) -> anyhow::Result<Option<Traces>> {
    let Some(base) = config.traces.otlp.clone() else {
        return Ok(None);
    };
    let wrong = |what| anyhow!("[traces] {what}");
    let headers = config.traces.headers(environment).map_err(wrong)?;
    let client = CollectorClient::new(&base, &headers, runtime.clone()).map_err(wrong)?;
    let traces = Traces::start(Collector {
        base,
        sample: config.traces.sample,
        client: Arc::new(client),
    })?;
    Ok(Some(traces))
}

async fn run(
    command_line: CommandLine,
    config: Result<Config, ConfigError>,
    environment: Environment,
    layers: Layers,
) -> anyhow::Result<ExitCode> {
    match command_line.command {
        Command::Completions { shell } => {
            shell::completions(CommandLine::command(), shell)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man => {
            shell::manual(CommandLine::command())?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let json = command_line.global.json;
    let file = layers.0.clone();
    if let Command::Check = command_line.command {
        let report = match &config {
            Ok(config) => check::check(config, &environment).await,
            Err(error) => check::Report::unreadable(error),
        };
        print::report(&report, json)?;
        return Ok(if report.ok {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    if let Command::Plugins(command) = command_line.command {
        let own_data =
            command_line.global.data_dir.is_some() || environment.get(DATA_DIR).is_some();
        return plugins::run(
            command,
            config,
            file.as_deref(),
            own_data,
            &environment,
            json,
        )
        .await;
    }
    let config = config?;
    match command_line.command {
        #[cfg(feature = "conformance")]
        Command::Serve {
            conformance: true, ..
        } => {
            if !config.server.listen.ip().is_loopback() {
                bail!("--conformance serves without keys, and listens on loopback only");
            }
            let mut config = config;
            config.mcp.conformance = true;
            serve(&config, &environment, layers).await?;
        }
        Command::Check | Command::Plugins(_) | Command::Completions { .. } | Command::Man => {}
        Command::Connect(arguments) => connect::connect(
            arguments,
            &config,
            file.as_deref(),
            command_line.global.data_dir.as_deref(),
            json,
        )?,
        Command::Serve { .. } => serve(&config, &environment, layers).await?,
        Command::Stdio {
            toolsets,
            read_only,
        } => {
            let choice = Choice {
                toolsets: mcp::named(&toolsets.unwrap_or_default()).collect(),
                read_only,
            };
            stdio(&config, &environment, choice, layers).await?;
        }
        Command::Tenants(command) => tenants::run(&config, &environment, command, json).await?,
        Command::Keys(command) => keys::run(&config, &environment, command, json).await?,
        Command::ServerKey(command) => {
            server_key::run(&config, &environment, command, json).await?;
        }
        Command::Webhooks(command) => webhooks::run(&config, &environment, command, json).await?,
        Command::Audit(command) => {
            return audit::run(&config, &environment, command, json).await;
        }
        Command::Backup { file } => backup::backup(&config, &environment, &file, json).await?,
        Command::Restore { file, replace } => {
            backup::restore(&config, &environment, &file, replace, json).await?;
        }
        Command::Call {
            tool,
            arguments,
            tenant,
        } => {
            return call::call(
                &config,
                &environment,
                &tool,
                &arguments,
                tenant.as_deref(),
                json,
            )
            .await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration's file, and what the command line says instead of it.
type Layers = (Option<PathBuf>, Vec<(&'static str, String)>);

fn layers(command_line: &CommandLine) -> Layers {
    let mut settings = Vec::new();
    if let Some(folder) = &command_line.global.data_dir {
        settings.push(("server.data_dir", folder.display().to_string()));
    }
    if let Command::Serve {
        listen: Some(listen),
        ..
    } = &command_line.command
    {
        settings.push(("server.listen", listen.clone()));
    }
    let file = command_line
        .global
        .config
        .clone()
        .or_else(|| config::find_config(command_line.command.started_by()));
    (file, settings)
}

/// Lets the host follow its configuration.
fn follow(
    application: &Application,
    config: &Config,
    environment: &Environment,
    (file, settings): Layers,
) -> anyhow::Result<()> {
    let (environment, path) = (environment.clone(), file.clone());
    let read = move || config::load(path.as_deref(), &environment, &settings);
    watch::start(application.host.clone(), file, config, read)
}

async fn serve(config: &Config, environment: &Environment, layers: Layers) -> anyhow::Result<()> {
    let application = Application::start(config, environment).await?;
    follow(&application, config, environment, layers)?;
    mcp::serve(
        config,
        application.host,
        application.services,
        asked_to_stop()?,
    )
    .await?;
    Ok(())
}

async fn stdio(
    config: &Config,
    environment: &Environment,
    choice: Choice,
    layers: Layers,
) -> anyhow::Result<()> {
    let application = Application::start(config, environment).await?;
    follow(&application, config, environment, layers)?;
    let mut caller = stdio_caller(config, environment, &application, None).await?;
    caller.choice = choice;
    let server = McpServer::new(application.host.clone(), config, Some(caller));
    let (asked, host) = (asked_to_stop()?, application.host);
    tokio::spawn(host.clone().follow(host.seen().await?));
    let grace = config.server.shutdown_grace;
    // The answers of writes that finish within the grace still reach the client.
    let stop = async {
        asked.await;
        host.shut_down(grace).await;
    };
    let served = mcp::serve_stdio(server, stop).await;
    host.shut_down(grace).await;
    served.context("MCP over stdio failed")
}

/// The caller of a process that serves one person: the key's in the environment, or the local tenant.
async fn stdio_caller(
    config: &Config,
    environment: &Environment,
    application: &Application,
    tenant: Option<&str>,
) -> anyhow::Result<StdioCaller> {
    let Some(key) = environment.get(ACCESS_KEY) else {
        if let Some(tenant) = tenant {
            bail!("the key of '{tenant}' is needed: set {ACCESS_KEY}");
        }
        application.data.tenancy.local_principal().await?;
        let first_calls = FirstCalls::prepare(&config.local.first_calls, environment);
        return Ok(StdioCaller::local(
            application.services.clone(),
            first_calls,
        ));
    };
    let caller = StdioCaller::with_key(SecretString::from(key), application.services.clone());
    let who = caller
        .caller()
        .await
        .with_context(|| format!("the key in {ACCESS_KEY} is not accepted"))?;
    if let Some(tenant) = tenant
        && !who.principal.tenant_name.eq_ignore_ascii_case(tenant)
        && who.principal.tenant.as_str() != tenant
    {
        bail!(
            "the key in {ACCESS_KEY} belongs to the tenant '{}', not to '{tenant}'",
            who.principal.tenant_name
        );
    }
    Ok(caller)
}

/// Resolves on Ctrl-C or SIGTERM.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
