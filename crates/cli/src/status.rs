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
    format!(
        "{:32} {state:10} {:>5.1} %  {version:18} {}",
        status.asset.as_str(),
        status.percent,
        remarks(status)
    )
    .trim_end()
    .to_owned()
}

/// Why it failed or waits; and while it runs: how fast, how long still, what plays already, what each rung costs.
pub fn remarks(status: &AssetStatus) -> String {
    let preview = status.preview.as_ref().map(|p| format!("preview of {} s plays", p.playable_ms / 1000));
    let speed = status.speed.map(|speed| format!("{speed:.1}× real time"));
    let left = status.eta_s.map(|eta_s| format!("{eta_s:.0} s left"));
    let rungs = status.rungs.iter().map(|rung| format!("{} {:.0} kb/s", rung.name, rung.kbps));
    let all = status.reason.clone().into_iter().chain(preview).chain(speed).chain(left).chain(rungs);
    all.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_asset_says_how_far_it_is_and_what_plays() {
        let json = r#"{"asset":"pilot","state":"running","version":"v0123456789abcdef","percent":41.5,"reason":null,
            "speed":1.62,"eta_s":35.4,"rungs":[{"name":"720p","kbps":1834.2}],
            "preview":{"early_play":"editors","playable_ms":12000,"duration_ms":60000}}"#;
        let status: AssetStatus = serde_json::from_str(json).expect("a status");
        let line = line(&status);
        assert!(
            line.starts_with("pilot  ") && line.contains("running     41.5 %  v0123456789abcdef"),
            "{line}"
        );
        assert!(
            line.ends_with("preview of 12 s plays · 1.6× real time · 35 s left · 720p 1834 kb/s"),
            "{line}"
        );
    }
}
