//! The command line: `serve` and `sign URL`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, StartError, signer};
use crate::config::{self, Config, ConfigError};
use crate::lambda::Runtime;
use crate::log;
use crate::sign::expires_at;
use crate::telemetry::Telemetry;

/// From viewer request to signed manifest.
#[derive(Parser)]
#[command(name = "flodrama-edge", version, arg_required_else_help = true)]
struct Arguments {
    /// Settings file (TOML); every field also by FLODRAMA_<SECTION>__<FIELD>.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective settings, secrets masked, and end.
    #[arg(long)]
    print_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve viewers until told to stop: on a socket, or as Lambda where AWS_LAMBDA_RUNTIME_API is set.
    Serve,
    /// Print a URL signed with the configured key: all of the version where it is a playlist of one, else the one file.
    Sign {
        /// The file's address on the distribution.
        url: String,
        /// Seconds that it lasts at least, on to the next step of ten minutes; the configured least time by default.
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
        ttl: Option<u64>,
        /// Sign as this key pair instead of the configured one, such as to try a new key before it is switched to.
        #[arg(long, value_name = "ID", requires = "private_key_file")]
        key_id: Option<String>,
        /// The private key of --key-id: a PEM file.
        #[arg(long, value_name = "FILE", requires = "key_id")]
        private_key_file: Option<PathBuf>,
    },
}

type Failure = Box<dyn std::error::Error>;

/// Runs the command line of this process. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flodrama-edge: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprintln!("  because: {inner}");
                cause = inner.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = config::load(arguments.config.as_deref(), config::variables());
    match arguments.command {
        _ if arguments.print_config => show(&settings?),
        Some(Command::Serve) => serve(settings),
        Some(Command::Sign { url, ttl, key_id, private_key_file }) => {
            sign(settings?, &url, ttl, key_id.zip(private_key_file))
        }
        None => {
            Arguments::command().error(ErrorKind::MissingSubcommand, "give a command: serve or sign").exit()
        }
    }
}

fn show(settings: &Config) -> Result<(), Failure> {
    print!("{}", settings.to_masked_toml()?);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn sign(
    Config { mut cdn, playback, .. }: Config,
    url: &str,
    ttl_s: Option<u64>,
    other_key: Option<(String, PathBuf)>,
) -> Result<(), Failure> {
    if let Some((key_pair_id, file)) = other_key {
        (cdn.key_pair_id, cdn.private_key_file) = (key_pair_id, Some(file));
        (cdn.private_key, cdn.private_key_secret) = (None, None);
    }
    let until = expires_at(OffsetDateTime::now_utc(), ttl_s.unwrap_or(playback.min_ttl_s));
    println!("{}", signer(&cdn).await?.url(url, until)?);
    Ok(())
}

#[tokio::main]
async fn serve(settings: Result<Config, ConfigError>) -> Result<(), Failure> {
    match config::lambda_runtime(config::variables()) {
        Some(address) => serve_events(settings, &Runtime::at(&address)?).await,
        None => serve_sockets(settings?).await,
    }
}

async fn serve_sockets(settings: Config) -> Result<(), Failure> {
    let (address, (app, telemetry)) = (settings.server.listen, start(settings).await?);
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    app.run(listener, told_to_stop()?).await;
    telemetry.end().await;
    tracing::info!("stopped");
    Ok(())
}

async fn serve_events(settings: Result<Config, ConfigError>, runtime: &Runtime) -> Result<(), Failure> {
    let started = match settings {
        Ok(settings) => start(settings).await.map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    let (app, telemetry) = match started {
        Ok(started) => started,
        Err(error) => {
            // Lambda shows this to whoever deployed it. It names a setting, never its value.
            runtime.cannot_start(&error.to_string()).await?;
            return Err(error);
        }
    };
    tracing::info!("serving Lambda");
    let served = app.run_in_lambda(runtime, &telemetry, told_to_stop()?).await;
    telemetry.end().await;
    tracing::info!("stopped");
    Ok(served?)
}

async fn start(settings: Config) -> Result<(App, Telemetry), StartError> {
    let telemetry = Telemetry::start(&settings.traces)?;
    log::start(&settings.log, &telemetry);
    Ok((App::load(settings).await?, telemetry))
}

/// Ends when the process is told to.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
