//! `up`: the whole stack in one process on loopback, wired by endpoint URLs as in production.

mod keys;
mod space;
mod wiring;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use flodrama_asset::document::JobState;
use flodrama_asset::{AssetId, is_sidecar};
use flodrama_store::catalogue;
use flodrama_worker::cli::stop_signal;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::{clients, play, upload};

pub async fn run(data: &Path, port: u16, files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        upload::readable(file)?;
    }
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => listener,
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("port {port} is taken: name another with --port, or 0 for a free one.")
        }
        Err(e) => bail!("cannot listen on port {port}: {e}."),
    };
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot use the data folder {}", data.display()))?;
    space::check(data, files)?;
    let running = wiring::start(data, listener).await?;
    let settings = data.join("flodrama.toml");
    running.config.write(&settings)?;
    println!("ready        {}", running.config.edge.url);
    println!("settings     {}", settings.display());

    // One for the whole run: a signal that comes between two would be lost.
    let mut stopped = std::pin::pin!(stop_signal());
    let outcome = tokio::select! {
        outcome = publish(&running.config, files) => outcome,
        () = &mut stopped => {
            running.stop().await;
            return Ok(());
        }
    };
    if let Err(e) = outcome {
        running.stop().await;
        return Err(e);
    }
    println!("Ctrl-C ends it; the same --data finds everything again.");
    stopped.await;
    running.stop().await;
    Ok(())
}

/// Uploads and publishes the files, then says where everything plays.
async fn publish(config: &Config, files: &[PathBuf]) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let mut sent: Vec<AssetId> = Vec::new();
    // Subtitle files first: they are there then when the episode's turn comes.
    let is_subtitles = |file: &&PathBuf| file.to_str().is_some_and(is_sidecar);
    for file in files.iter().filter(is_subtitles) {
        upload::send(&store, file, &upload::key(file, None)?).await?;
    }
    for file in files.iter().filter(|file| !is_subtitles(file)) {
        sent.push(upload::send(&store, file, &upload::key(file, None)?).await?);
    }
    let http = clients::http()?;
    let token = clients::sign_in(&http, &config.cognito).await?;
    for asset in &sent {
        let page = play::page_url(config, asset, play::Version::Live, &token);
        // The page plays what is there, and goes on with the episode.
        let status = upload::watch(&store, asset, |_| println!("preview page {page}")).await?;
        if status.state == JobState::Failed {
            eprintln!("{asset}: {}", status.reason.unwrap_or_else(|| "it failed without a reason".into()));
        }
    }
    // It may have taken long: a fresh token lasts longer.
    let token = clients::sign_in(&http, &config.cognito).await?;
    for status in catalogue(&store).await?.into_iter().filter(|s| s.live.is_some()) {
        let manifest = play::manifest_url(config, &status.asset, play::Version::Live, &http, &token).await;
        // Its rules may keep it from the viewer of this stack, who is no reason to stop.
        if let Err(Some(refused)) = manifest.as_ref().map_err(|e| e.downcast_ref::<play::Refused>()) {
            println!("\n{}\nnot for you  {refused}", status.asset);
            continue;
        }
        let manifest =
            manifest.with_context(|| format!("{} is published but does not play", status.asset))?;
        println!("\n{}", status.asset);
        println!("player page  {}", play::page_url(config, &status.asset, play::Version::Live, &token));
        println!("manifest     {manifest}");
    }
    Ok(())
}
