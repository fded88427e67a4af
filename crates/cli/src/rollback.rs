//! `rollback`: one conditional write of the pointer.

use anyhow::{Context, bail};
use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, ObjectKey, PublishedFile, Version};
use flodrama_store::{Condition, Put};
use time::OffsetDateTime;

use crate::clients;
use crate::config::Config;

pub async fn run(config: &Config, asset: &AssetId, to: Option<Version>) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let key = ObjectKey::Pointer(asset.clone());
    let (pointer, etag) =
        store.get_json::<Pointer>(&key).await?.context("nothing is published under this name")?;
    let version = match to.or_else(|| pointer.previous.clone()) {
        Some(version) => version,
        None => bail!("{asset} has no earlier version to go back to"),
    };
    if version == pointer.version {
        println!("{asset}  {version} is live already");
        return Ok(());
    }
    let main = ObjectKey::Published(asset.clone(), version.clone(), PublishedFile::Multivariant);
    if store.head(&main).await?.is_none() {
        bail!("{asset} has no version {version}");
    }
    // Back to where it was: nothing is undone any more.
    let undone = pointer.undone.or_else(|| Some(pointer.version.clone())).filter(|undone| *undone != version);
    let pointer = Pointer {
        version: version.clone(),
        previous: Some(pointer.version),
        published_at: OffsetDateTime::now_utc(),
        // The newest upload stays the measure: an older one that is delivered late must not come back by itself.
        source: pointer.source,
        undone,
    };
    match store.put_json(&key, &pointer, Condition::IfMatch(etag)).await? {
        Put::Written(_) => {}
        Put::Refused => {
            bail!("somebody else moved {asset} at the same moment: look at `flodrama status` and try again")
        }
    }
    println!("{asset}  {version} is live");
    let client = clients::cloudfront(config).await;
    let distribution = &config.cloudfront.distribution_id;
    if let Err(cause) = flodrama_worker::publish::invalidate(&client, distribution, asset, &version).await {
        eprintln!("the rollback holds, but CloudFront did not take the invalidation of its pointer: {cause}");
    }
    Ok(())
}
