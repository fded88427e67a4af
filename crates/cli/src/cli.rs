//! The command line. Exit codes: 0 done, 1 the work failed, 2 wrong usage.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flodrama_asset::{AssetId, Version};

use crate::config::Config;
use crate::{access, check, gc, play, redrive, rollback, status, up, upload};

#[derive(Parser)]
#[command(name = "flodrama", version, about = "Upload an episode; every screen plays it.")]
struct Cli {
    /// Settings of the stack to talk to; `up` writes them to `<data>/flodrama.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole stack on this machine, without an AWS account, and publish FILE… on it.
    Up {
        /// Folder that keeps everything; a second start finds it all again.
        #[arg(long, default_value = "flodrama-data", value_name = "DIR")]
        data: PathBuf,
        /// Port of the edge and its pages; 0 takes a free one. The other parts take free ports.
        #[arg(long, default_value_t = 8080, value_name = "N")]
        port: u16,
        /// Episodes to upload, and subtitle files beside them (`EPISODE.en.srt`).
        files: Vec<PathBuf>,
    },
    /// Upload an episode, or a subtitle file beside one (`EPISODE.en.srt`).
    Upload {
        /// The video, or the subtitle file.
        file: PathBuf,
        /// Asset to publish as [default: from the file's name].
        #[arg(long, value_name = "ID")]
        asset: Option<AssetId>,
        /// Wait until it is published (exit 0) or has failed (exit 1, the reason on stderr).
        #[arg(long)]
        wait: bool,
    },
    /// Say where assets stand.
    Status {
        /// One asset [default: all].
        asset: Option<AssetId>,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print a signed manifest URL.
    Play {
        /// The asset.
        asset: AssetId,
        /// What is encoded so far of an asset that is being made; for editors.
        #[arg(long)]
        preview: bool,
        /// Print the player page with its token instead.
        #[arg(long)]
        page: bool,
    },
    /// Check a presentation, anybody's, against the HLS rules (exit 1 where a MUST is broken).
    Check {
        /// Folder, playlist, or URL of a playlist.
        #[arg(required_unless_present = "rules")]
        target: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// List the rules instead, with who asks for them.
        #[arg(long, conflicts_with_all = ["target", "json"])]
        rules: bool,
    },
    /// Print who may watch an asset, or say it.
    Access {
        /// The asset; it need not be published yet.
        asset: AssetId,
        #[command(flatten)]
        change: access::Change,
    },
    /// Make the version before the live one live again, or VERSION.
    Rollback {
        /// The asset.
        asset: AssetId,
        /// The version [default: the one before].
        #[arg(long, value_name = "VERSION")]
        to: Option<Version>,
    },
    /// Give messages in the dead-letter queue back to the workers.
    Redrive,
    /// List what is left of versions that are neither live nor the one before, and that nobody works on.
    Gc {
        /// Only of versions that nothing was written of for so many days: more than messages are kept. 0 spares what was
        /// at work within the last hour.
        #[arg(long, default_value_t = 30, value_name = "DAYS")]
        older_than: u32,
        /// Remove it.
        #[arg(long)]
        delete: bool,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // The worker in this process starts this very binary for its media work.
    if let Some(code) = flodrama_worker::cli::media_child() {
        return code;
    }
    flodrama_worker::cli::end_with_the_reader();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("cannot start: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("{e}");
            for cause in e.chain().skip(1) {
                eprintln!("  {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref());
    match cli.command {
        Command::Up { data, port, files } => up::run(&data, port, &files).await?,
        Command::Upload { file, asset, wait } => upload::run(&config()?, &file, asset.as_ref(), wait).await?,
        Command::Status { asset, json } => status::run(&config()?, asset.as_ref(), json).await?,
        Command::Play { asset, preview, page } => {
            let version = if preview { play::Version::Preview } else { play::Version::Live };
            play::run(&config()?, &asset, version, page).await?
        }
        Command::Check { target: Some(target), json, .. } => return check::run(&target, json).await,
        Command::Check { target: None, .. } => check::rules(),
        Command::Access { asset, change } => access::run(&config()?, &asset, &change).await?,
        Command::Rollback { asset, to } => rollback::run(&config()?, &asset, to).await?,
        Command::Redrive => redrive::run(&config()?).await?,
        Command::Gc { older_than, delete } => gc::run(&config()?, older_than, delete).await?,
    }
    Ok(ExitCode::SUCCESS)
}
