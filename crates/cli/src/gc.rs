//! `gc`: what is left of versions that nobody needs, listed or removed.

use std::time::Duration;

use flodrama_store::garbage::{self, Swept};
use time::OffsetDateTime;

use crate::clients;
use crate::config::Config;

const DAY_S: u64 = 24 * 3600;

pub async fn run(config: &Config, older_than_days: u32, delete: bool) -> anyhow::Result<()> {
    let store = clients::store(config).await;
    let age = Duration::from_secs(u64::from(older_than_days) * DAY_S);
    let now = OffsetDateTime::now_utc();
    let found = garbage::garbage(&store, age, now).await?;
    let (mut objects, mut bytes) = (0, 0);
    for left in &found {
        let what =
            format!("{}  {}  {} objects, {}", left.asset, left.version, left.keys.len(), mib(left.bytes));
        if delete && garbage::sweep(&store, left, age, now).await? == Swept::InUse {
            println!("{what}: in use again, left alone");
            continue;
        }
        println!("{what}");
        (objects, bytes) = (objects + left.keys.len(), bytes + left.bytes);
    }
    let outcome = if delete { "removed" } else { "to be removed; `--delete` does it" };
    println!("{objects} objects, {}: {outcome}", mib(bytes));
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}
