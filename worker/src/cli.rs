//! Commands: `run`, `transcode`, `probe`, `plan`, `encoders`. Exit codes: 0 done, 1 the work failed, 2 wrong usage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use flodrama_media::child;

use crate::app::App;
use crate::config::{Config, Local, Log, LogFormat};
use crate::error::JobError;
use crate::family::FamilyError;
use crate::plan::PresetError;
use crate::spot::Notices;

mod inspect;
mod transcode;

/// The exit code of wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "flodrama-worker", version, about = "Turns uploaded episodes into published HLS.")]
struct Cli {
    /// Settings file; every field can be set by FLODRAMA_<SECTION>__<FIELD> as well.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take jobs from the queue until stopped.
    Run {
        /// Print the effective settings and end.
        #[arg(long)]
        print_config: bool,
    },
    /// Make the published tree of a local file in a folder. Needs no AWS.
    Transcode {
        /// The video.
        input: PathBuf,
        /// Folder that receives the tree; created if needed.
        out_dir: PathBuf,
        #[command(flatten)]
        preset: PresetArg,
        #[command(flatten)]
        family: FamilyArg,
        /// Media children at a time [default: one for each core].
        #[arg(long, value_name = "N")]
        jobs: Option<std::num::NonZeroUsize>,
        #[command(flatten)]
        json: Json,
    },
    /// Say what a file is.
    Probe {
        /// The video.
        input: PathBuf,
        #[command(flatten)]
        json: Json,
    },
    /// Say what would be done with a file, and why.
    Plan {
        /// The video.
        input: PathBuf,
        #[command(flatten)]
        preset: PresetArg,
        #[command(flatten)]
        family: FamilyArg,
        #[command(flatten)]
        json: Json,
    },
    /// Try every encoder of every family for real at 1080p.
    Encoders {
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Args)]
struct PresetArg {
    /// Name of a shipped preset, or a .toml file.
    #[arg(long, default_value = crate::plan::preset::DEFAULT, value_name = "NAME|FILE")]
    preset: String,
}

#[derive(Args)]
struct FamilyArg {
    /// Encoder family to try alone; where it does not work here, the preset's own encoder is taken
    /// [default: nvenc, vaapi, qsv, in this order].
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
}

#[derive(Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(code) = media_child() {
        return code;
    }
    end_with_the_reader();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("cannot start: {e}"), ""),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => match e.downcast_ref::<JobError>() {
            Some(job) => fail(&job.message, &job.detail),
            None if e.is::<PresetError>() || e.is::<FamilyError>() => {
                fail(&e.to_string(), "");
                ExitCode::from(WRONG_USAGE)
            }
            None => fail(&e.to_string(), ""),
        },
    }
}

/// Ends this process in silence, with the shell's code for it, where nobody reads what it prints any more (`… | head`).
/// Rust would panic.
pub fn end_with_the_reader() {
    const SIGPIPE: i32 = 13;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(128 + SIGPIPE);
        }
        usual(panic);
    }));
}

/// Where this process was started as a media child: runs it and gives its exit code. Every binary that runs the
/// worker calls this before anything else.
pub fn media_child() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != child::ARGUMENT {
        return None;
    }
    let task = args.next().unwrap_or_default();
    Some(ExitCode::from(child::main(Path::new(&task)) as u8))
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Run { print_config } => {
            let config = Config::load(cli.config.as_deref())?;
            if print_config {
                print!("{}", toml::to_string(&config)?);
                return Ok(());
            }
            log(&config.log)?;
            say_confined(&config).await?;
            let notices = config.spot.endpoint_url.as_deref().map(Notices::of).transpose()?;
            let app = App::load(config).await?;
            tracing::info!("waiting for uploads");
            app.run(stop(notices)).await;
            Ok(())
        }
        Command::Transcode { input, out_dir, preset, family, jobs, json } => {
            let asked = inspect::Asked { preset: preset.preset, family: family.family };
            let local = Local::load(cli.config.as_deref())?;
            transcode::run(&input, &out_dir, &asked, jobs.map(usize::from), &local, json.json).await
        }
        Command::Probe { input, json } => {
            inspect::probe(&input, &Local::load(cli.config.as_deref())?, json.json).await
        }
        Command::Plan { input, preset, family, json } => {
            let asked = inspect::Asked { preset: preset.preset, family: family.family };
            inspect::plan(&input, &asked, &Local::load(cli.config.as_deref())?, json.json).await
        }
        Command::Encoders { json } => {
            inspect::encoders(&Local::load(cli.config.as_deref())?, json.json).await
        }
    }
}

/// Says what holds media children here. Where that is less than the settings ask for, the worker does not start.
async fn say_confined(config: &Config) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let confined = config.work.children(scratch.path())?.confined().await?;
    tracing::info!(enforced = confined.enforced.join("; "), "media children are confined");
    for what in &confined.missing {
        tracing::warn!(what, "media children are confined less than this could be");
    }
    Ok(())
}

fn log(log: &Log) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&log.level)?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}

/// Ends with a signal, or with a notice that this machine is about to be taken away.
async fn stop(notices: Option<Notices>) {
    let Some(notices) = notices else { return stop_signal().await };
    tokio::select! {
        () = stop_signal() => {}
        () = notices.first() => {}
    }
}

/// Ends with SIGTERM or Ctrl-C, for every program that runs the worker.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        // Without the handler, Ctrl-C still works.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn fail(message: &str, detail: &str) -> ExitCode {
    eprintln!("{message}");
    if !detail.is_empty() {
        eprintln!("  {detail}");
    }
    ExitCode::FAILURE
}
