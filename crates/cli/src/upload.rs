//! `upload`: an episode into the bucket, by the multipart API as every large upload.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use flodrama_asset::document::JobState;
use flodrama_asset::{AssetId, UPLOADS_PREFIX, is_sidecar, shortest_stem};
use flodrama_store::{AssetStatus, Store, asset_status};

use crate::bar::Bar;
use crate::clients;
use crate::config::Config;
use crate::status::remarks;

const POLL: Duration = Duration::from_millis(300);

pub async fn run(config: &Config, file: &Path, asset: Option<&AssetId>, wait: bool) -> anyhow::Result<()> {
    readable(file)?;
    let key = key(file, asset)?;
    if wait && is_sidecar(&key) {
        bail!("a subtitle file is taken along with its episode: upload it without --wait.");
    }
    let store = clients::store(config).await;
    let asset = send(&store, file, &key).await?;
    if !wait {
        println!("{asset}  {key}");
        return Ok(());
    }
    let status = watch(&store, &asset, |_| {}).await?;
    match status.state {
        JobState::Published => {
            println!("{asset}  published");
            Ok(())
        }
        _ => bail!("{}", status.reason.unwrap_or_else(|| "it failed without a reason".into())),
    }
}

/// The object key of a file: its own name, or the asset's with the file's extension. A subtitle file's language goes with
/// its extension.
pub fn key(file: &Path, asset: Option<&AssetId>) -> anyhow::Result<String> {
    let name = file.file_name().and_then(|n| n.to_str()).context("the file's name is not UTF-8")?;
    Ok(match asset {
        None => format!("{UPLOADS_PREFIX}{name}"),
        Some(asset) if is_sidecar(name) => {
            let stem = shortest_stem(name).unwrap_or(name);
            format!("{UPLOADS_PREFIX}{asset}{}", &name[stem.len()..])
        }
        Some(asset) => match file.extension().and_then(|e| e.to_str()) {
            Some(extension) => format!("{UPLOADS_PREFIX}{asset}.{extension}"),
            None => format!("{UPLOADS_PREFIX}{asset}"),
        },
    })
}

/// One sentence for what is the user's to mend.
pub fn readable(file: &Path) -> anyhow::Result<()> {
    match std::fs::File::open(file).and_then(|f| f.metadata()) {
        Ok(found) if !found.is_file() => bail!("{}: this is not a file.", file.display()),
        Ok(found) if found.len() == 0 => bail!("{}: the file is empty.", file.display()),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            bail!("{}: there is no such file.", file.display())
        }
        Err(e) => bail!("{}: the file cannot be read: {e}.", file.display()),
    }
}

/// Uploads a file to `key` and gives the asset that it becomes, or that a subtitle file belongs to.
pub async fn send(store: &Store, file: &Path, key: &str) -> anyhow::Result<AssetId> {
    let asset = match shortest_stem(key) {
        // Any extension: it does not count.
        Some(stem) => AssetId::from_upload_key(&format!("{stem}.srt"))?,
        None => AssetId::from_upload_key(key)?,
    };
    let total = std::fs::metadata(file)?.len().max(1);
    let bar = Mutex::new(Bar::new(&format!("upload {asset}")));
    let sent = |bytes: u64| {
        // A bar that panicked elsewhere is no reason to stop an upload.
        if let Ok(mut bar) = bar.lock() {
            bar.set(bytes as f64 * 100.0 / total as f64, "");
        }
    };
    let uploaded = store.upload(key, file, sent).await;
    if let Ok(bar) = bar.into_inner() {
        bar.finish();
    }
    uploaded.with_context(|| format!("{} could not be uploaded.", file.display()))?;
    Ok(asset)
}

/// Waits until an asset is published or has failed, with a bar. `plays` is told once, when a preview does.
pub async fn watch(
    store: &Store,
    asset: &AssetId,
    plays: impl FnOnce(&AssetStatus),
) -> anyhow::Result<AssetStatus> {
    let mut bar = Bar::new(&format!("publish {asset}"));
    let mut plays = Some(plays);
    loop {
        let status = asset_status(store, asset).await?.context("the upload is gone")?;
        if status.preview.is_some()
            && let Some(plays) = plays.take()
        {
            bar.aside(|| plays(&status));
        }
        match status.state {
            JobState::Published | JobState::Failed => {
                bar.finish();
                return Ok(status);
            }
            JobState::Queued => bar.set(0.0, "queued"),
            // A reason while it runs: the worker will try again.
            JobState::Running => bar.set(status.percent, &remarks(&status)),
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_the_name_or_from_the_asset() {
        let file = Path::new("/videos/Pilot (final).mov");
        assert_eq!(key(file, None).expect("key"), "uploads/Pilot (final).mov");
        let asset = "pilot".parse().expect("id");
        assert_eq!(key(file, Some(&asset)).expect("key"), "uploads/pilot.mov");
        let subtitles = Path::new("/videos/Pilot (final).pt-BR.forced.srt");
        assert_eq!(key(subtitles, Some(&asset)).expect("key"), "uploads/pilot.pt-BR.forced.srt");
    }
}
