//! `flodrama-local-aws DATA [EDGE_URL [KEY_ID PUBLIC_KEY_FILE]]`: one stack in a process that tests can kill.
//!
//! It prints one line of JSON that says where it listens; the credentials are in `DATA/identity.json`. Lines on standard
//! input move it, and its end is the program's: `advance SECONDS` moves the clock forwards, `stale ignore` and
//! `stale refuse` choose the answer to receipts that are no longer good. A second start finds everything again.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::{CloudFrontPublicKey, StackError, StackOptions, StaleHandles};

const USAGE: &str = "usage: flodrama-local-aws DATA [EDGE_URL [KEY_ID PUBLIC_KEY_FILE]]";

/// Runs the command line of this process. Exit codes: 0 done, 1 it could not start, 2 wrong usage.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("cannot start: {e}")),
    };
    match runtime.block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e.to_string()),
    }
}

/// The names of production, as `flodrama up` has them.
fn options(args: &[String]) -> Option<StackOptions> {
    let (data, edge, key) = match args {
        [data] => (data, None, None),
        [data, edge] => (data, Some(edge), None),
        [data, edge, id, file] => (data, Some(edge), Some((id, std::fs::read_to_string(file).ok()?))),
        _ => return None,
    };
    let key = key.map(|(id, pem)| CloudFrontPublicKey { key_id: id.clone(), public_key_pem: pem });
    Some(StackOptions {
        data: PathBuf::from(data),
        region: "eu-west-3".to_owned(),
        bucket: "flodrama-media-prod".to_owned(),
        queue: "flodrama-uploads".to_owned(),
        edge_origin: edge.map_or("http://127.0.0.1:1", String::as_str).to_owned(),
        cloudfront_keys: key.into_iter().collect(),
    })
}

async fn run(options: StackOptions) -> Result<(), StackError> {
    let stack = crate::Stack::start(options).await?;
    let (sender, mut lines) = mpsc::channel(1);
    // Not a task of the runtime: a blocking read would hold up its end.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let at = json!({
        "s3": stack.s3_endpoint(),
        "sqs": stack.sqs_endpoint(),
        "cdn": stack.cdn_url(),
        "cognito": stack.cognito_endpoint(),
        "issuer": stack.issuer(),
        "jwks": stack.jwks_url(),
    });
    println!("{at}");
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["advance", seconds] => match seconds.parse() {
                Ok(seconds) => stack.advance(Duration::from_secs(seconds)),
                Err(_) => eprintln!("not a number of seconds: {seconds}"),
            },
            ["stale", "ignore"] => stack.set_stale_handles(StaleHandles::Ignore),
            ["stale", "refuse"] => stack.set_stale_handles(StaleHandles::Refuse),
            _ => eprintln!("not understood: {line}"),
        }
    }
    stack.shutdown().await;
    Ok(())
}

fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(1)
}
