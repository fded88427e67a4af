//! `rollback`: one conditional write of the pointer.

use flodrama_asset::{AssetId, Version};
use flodrama_store::roll_back;
use time::OffsetDateTime;

use crate::clients;
use crate::config::Config;

pub async fn run(config: &Config, asset: &AssetId, to: Option<Version>) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let at = OffsetDateTime::now_utc();
    let pointer = roll_back(&store, asset, to, at).await?;
    if pointer.published_at != at {
        println!("{asset}  {} is live already", pointer.version);
        return Ok(());
    }
    println!("{asset}  {} is live", pointer.version);
    let client = clients::cloudfront(config).await;
    let distribution = &config.cloudfront.distribution_id;
    if let Err(cause) = flodrama_worker::publish::invalidate(&client, distribution, asset, at).await {
        eprintln!("the rollback holds, but CloudFront did not take the invalidation of its pointer: {cause}");
    }
    Ok(())
}
