//! `access`: prints the document that says who may watch an asset, or writes it with one conditional write.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use flodrama_asset::access::{Access, Viewers};
use flodrama_asset::{AssetId, ObjectKey};
use flodrama_store::{Condition, Put};

use crate::clients;
use crate::config::Config;

/// What to write; nothing prints what there is.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub struct Change {
    /// Replace the whole document with FILE's.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    /// Let everybody watch, without a token too; when, where and how much stay as they are.
    #[arg(long)]
    public: bool,
    /// Let whoever is signed in watch; when, where and how much stay as they are.
    #[arg(long)]
    signed_in: bool,
    /// Let members of any of these Cognito groups watch; when, where and how much stay as they are.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    groups: Option<Vec<String>>,
}

pub async fn run(config: &Config, asset: &AssetId, change: &Change) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let key = ObjectKey::Access(asset.clone());
    let stored = store.get(&key).await?;
    let when = stored.as_ref().map_or(Condition::IfAbsent, |object| Condition::IfMatch(object.etag.clone()));
    let current = || {
        match &stored {
        Some(object) => Access::parse(&object.bytes).with_context(|| {
            format!("the access document of {asset} is not understood, so nobody may watch it; --set FILE replaces it")
        }),
        None => Ok(Access::default()),
    }
    };
    let Some(access) = change.applied(current)? else {
        if stored.is_none() {
            eprintln!("{asset} has no access document; this is what holds without one");
        }
        println!("{}", serde_json::to_string_pretty(&current()?)?);
        return Ok(());
    };
    let mut text = serde_json::to_vec_pretty(&access)?;
    text.push(b'\n');
    if let Put::Refused = store.put(&key, text.clone(), when).await? {
        // A write whose answer was lost is repeated, and then refused for its own sake.
        let stands = store.get(&key).await?.is_some_and(|object| object.bytes == text);
        if !stands {
            bail!("somebody else changed the access of {asset} at the same moment: look at it and try again");
        }
    }
    println!("{asset}  {}", said(&access));
    Ok(())
}

impl Change {
    /// The document to write; none where nothing is to be changed.
    fn applied(&self, current: impl FnOnce() -> anyhow::Result<Access>) -> anyhow::Result<Option<Access>> {
        if let Some(file) = &self.set {
            return read(file).map(Some);
        }
        let viewers = match (self.public, self.signed_in, &self.groups) {
            (true, ..) => Viewers::Public,
            (_, true, _) => Viewers::SignedIn,
            (.., Some(groups)) => Viewers::Groups(groups.clone()),
            _ => return Ok(None),
        };
        let mut access = current()?;
        access.viewers = viewers;
        access.check()?;
        Ok(Some(access))
    }
}

fn read(file: &Path) -> anyhow::Result<Access> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Access::parse(&text).with_context(|| format!("{} is no access document", file.display()))
}

/// In one line, so that a slip shows.
fn said(access: &Access) -> String {
    let mut said = match &access.viewers {
        Viewers::Public => "is for everybody".to_owned(),
        Viewers::SignedIn => "is for whoever is signed in".to_owned(),
        Viewers::Groups(groups) => format!("is for members of {}", groups.join(", ")),
    };
    if access.not_before.is_some() || access.not_after.is_some() {
        said.push_str(", in its time");
    }
    if access.countries.is_some() {
        said.push_str(", in some countries");
    }
    if !access.classes.is_empty() || !access.default_caps.are_none() {
        said.push_str(", with caps");
    }
    said
}
