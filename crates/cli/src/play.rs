//! `play`: signs in and asks the edge, as a player would.

use anyhow::{Context, bail};
use flodrama_asset::AssetId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clients;
use crate::config::Config;

pub async fn run(config: &Config, asset: &AssetId, page: bool) -> anyhow::Result<()> {
    let http = clients::http()?;
    let token = clients::sign_in(&http, &config.cognito).await?;
    if page {
        println!("{}", page_url(config, asset, &token));
    } else {
        println!("{}", manifest_url(config, asset, &http, &token).await?);
    }
    Ok(())
}

/// The player page; the token is in the fragment, which browsers keep to themselves.
pub fn page_url(config: &Config, asset: &AssetId, token: &SecretString) -> String {
    format!("{}/watch/{asset}#token={}", config.edge.url, token.expose_secret())
}

/// The signed URL of the multivariant playlist.
pub async fn manifest_url(
    config: &Config,
    asset: &AssetId,
    http: &reqwest::Client,
    token: &SecretString,
) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Playback {
        manifest_url: String,
    }
    #[derive(Deserialize)]
    struct Problem {
        title: String,
        detail: Option<String>,
    }
    let answer = http
        .post(format!("{}/v1/assets/{asset}/playback", config.edge.url))
        .bearer_auth(token.expose_secret())
        .send()
        .await
        .context("cannot reach the edge: is the stack running?")?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.json::<Playback>().await?.manifest_url);
    }
    match answer.json::<Problem>().await {
        Ok(problem) => bail!("{}", problem.detail.unwrap_or(problem.title)),
        Err(_) => bail!("the edge answered {status}"),
    }
}
