//! Talks with a browser script while it watches: it asks for the clock to be put forwards, or for a fresh sign-in, by a
//! line of JSON, and waits for the answer.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::premises::Premises;
use crate::support::programs;

/// No script takes longer.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs a script over the episode's page to its end, and holds it to its own report.
pub async fn converse(premises: &Premises, script: &str, more: &[&str]) {
    let page = premises.page().await;
    let mut browser = Command::new("node")
        .arg(programs::browser_script().with_file_name(script))
        .args(["--url", &page])
        .arg("--out")
        .arg(programs::artifacts().join("browser"))
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node runs");
    let mut answers = browser.stdin.take().expect("piped");
    let mut lines = BufReader::new(browser.stdout.take().expect("piped")).lines();
    let report = tokio::time::timeout(LIMIT, async {
        let mut report = Value::Null;
        while let Some(line) = lines.next_line().await.expect("text") {
            let said: Value = serde_json::from_str(&line).expect("a line of JSON");
            let answer = match (said["advance_s"].as_u64(), said["sign_in"].as_bool()) {
                (Some(seconds), _) => {
                    premises.advance(seconds);
                    Value::Null
                }
                (_, Some(true)) => json!(premises.page().await),
                _ => {
                    report = said;
                    continue;
                }
            };
            answers.write_all(format!("{answer}\n").as_bytes()).await.expect("the script reads");
        }
        report
    });
    let report = report.await.expect("the script ends in time");
    let status = browser.wait().await.expect("it ends");
    assert!(status.success() && report["ok"] == true, "{status}: {report:#}");
    println!("{report:#}");
}
