//! `play`: signs in and asks the edge, as a player would.

use std::error::Error;
use std::fmt;

use anyhow::{Context, bail};
use flodrama_asset::AssetId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clients;
use crate::config::Config;

/// Which version to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that viewers get.
    Live,
    /// What is encoded so far of the one that is being made.
    Preview,
}

pub async fn run(config: &Config, asset: &AssetId, version: Version, page: bool) -> anyhow::Result<()> {
    let http = clients::http()?;
    let token = clients::sign_in(&http, &config.cognito).await?;
    if page {
        println!("{}", page_url(config, asset, version, &token));
    } else {
        println!("{}", manifest_url(config, asset, version, &http, &token).await?);
    }
    Ok(())
}

/// The edge does not let this viewer watch; its sentence says why.
#[derive(Debug)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}

impl Version {
    /// As the edge and its page are asked for it.
    fn query(self) -> &'static str {
        match self {
            Version::Live => "",
            Version::Preview => "?preview=true",
        }
    }
}

/// The player page; the token is in the fragment, which browsers keep to themselves.
pub fn page_url(config: &Config, asset: &AssetId, version: Version, token: &SecretString) -> String {
    format!("{}/watch/{asset}{}#token={}", config.edge.url, version.query(), token.expose_secret())
}

/// The signed URL of the multivariant playlist.
pub async fn manifest_url(
    config: &Config,
    asset: &AssetId,
    version: Version,
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
        .post(format!("{}/v1/assets/{asset}/playback{}", config.edge.url, version.query()))
        .bearer_auth(token.expose_secret())
        .send()
        .await
        .context("cannot reach the edge: is the stack running?")?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.json::<Playback>().await?.manifest_url);
    }
    match answer.json::<Problem>().await {
        Ok(problem) => {
            let sentence = problem.detail.unwrap_or(problem.title);
            // 451: not in this country.
            let is_refusal = matches!(status.as_u16(), 401 | 403 | 451);
            if is_refusal { Err(Refused(sentence).into()) } else { bail!("{sentence}") }
        }
        Err(_) => bail!("the edge answered {status}"),
    }
}
