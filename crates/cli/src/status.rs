//! `status`: where assets stand, from the documents in the bucket.

use anyhow::bail;
use flodrama_asset::AssetId;
use flodrama_store::{AssetStatus, asset_status, catalogue};

use crate::clients;
use crate::config::Config;

pub async fn run(config: &Config, asset: Option<&AssetId>, json: bool) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let found = match asset {
        None => catalogue(&store).await?,
        Some(asset) => match asset_status(&store, asset).await? {
            Some(status) => vec![status],
            None => bail!("there is no asset '{asset}'"),
        },
    };
    for status in &found {
        if json {
            println!("{}", serde_json::to_string(status)?);
        } else {
            println!("{}", line(status));
        }
    }
    if found.is_empty() && !json {
        println!("nothing has been uploaded yet");
    }
    Ok(())
}

fn line(status: &AssetStatus) -> String {
    let state = serde_json::to_value(status.state)
        .map_or_else(|_| String::new(), |v| v.as_str().unwrap_or("").into());
    let version = status.version.as_ref().map_or("-", |v| v.as_str());
    let reason = status.reason.as_deref().unwrap_or("");
    format!("{:32} {state:10} {:>5.1} %  {version:18} {reason}", status.asset, status.percent)
        .trim_end()
        .to_owned()
}
