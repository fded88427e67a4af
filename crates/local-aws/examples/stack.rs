//! The stack by itself, for programs that are not written in Rust, such as `benches/edge`: starts it below a folder and
//! prints one JSON object that says how to reach its S3. Ends when standard input does.
//!
//! `cargo run --package flodrama-local-aws --example stack -- FOLDER`

use std::io::Read;
use std::path::PathBuf;

use flodrama_local_aws::{Stack, StackOptions};
use serde_json::json;

const BUCKET: &str = "media";
const REGION: &str = "eu-west-3";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: stack FOLDER")?;
    let stack = Stack::start(StackOptions {
        data: PathBuf::from(folder),
        region: REGION.to_owned(),
        bucket: BUCKET.to_owned(),
        queue: "uploads".to_owned(),
        // Nothing listens there: who starts the stack alone asks its CDN for no playlists.
        edge_origin: "http://127.0.0.1:9".to_owned(),
        cloudfront_keys: Vec::new(),
    })
    .await?;
    let (access_key_id, secret_access_key) = stack.credentials();
    println!(
        "{}",
        json!({
            "s3": stack.s3_endpoint(), "bucket": BUCKET, "region": REGION,
            "access_key_id": access_key_id, "secret_access_key": secret_access_key,
        })
    );
    // Ends with whoever holds the other end.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    stack.shutdown().await;
    Ok(())
}
