//! moto: an AWS that others wrote.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::process::Process;
use super::programs;

pub const REGION: &str = "eu-west-3";
/// It is Python and starts slowly on a busy machine.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// A running server. It ends with this value.
pub struct Moto {
    _process: Process,
    pub endpoint: String,
}

impl Moto {
    pub fn start() -> Moto {
        let process = Process::start(&programs::moto_server(), |command| {
            command.args(["-H", "127.0.0.1", "-p", "0"]);
        });
        let endpoint = process.line("address", STARTED_WITHIN, |line| {
            line.split_once("Running on ").map(|(_, url)| url.trim().to_owned())
        });
        Moto { _process: process, endpoint }
    }

    /// An operation of a service that speaks AWS JSON 1.1, such as `secretsmanager.CreateSecret`; `service` is its name in
    /// signatures, by which moto knows the region.
    pub async fn call(&self, http: &Client, service: &str, target: &str, input: Value) -> Value {
        let scope = format!("peer/20260101/{REGION}/{service}/aws4_request");
        let answer = http
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
            )
            .body(input.to_string())
            .send()
            .await
            .expect("moto");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{target}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }
}
