//! Lambda's runtime API, version 2018-06-01 (AWS: "Using the Lambda runtime API for custom runtimes").

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
/// The API is on this machine.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The runtime API does not do what it says. Lambda starts another process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    #[error("Lambda's runtime API does not answer")]
    Http(#[from] reqwest::Error),
    #[error("Lambda's runtime API answered {0}")]
    Status(StatusCode),
    #[error("Lambda's runtime API sent no {0}")]
    Header(&'static str),
}

/// One event.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The id that Lambda's own log lines carry.
    pub(super) id: String,
    /// When Lambda ends this process unless it answered, milliseconds since 1970.
    pub(super) deadline_ms: i128,
    /// `X-Amzn-Trace-Id` of the function's segment.
    pub(super) trace: Option<String>,
    /// JSON.
    pub(super) event: Bytes,
}

/// A client of the API.
#[derive(Debug)]
pub(crate) struct Runtime {
    http: reqwest::Client,
    /// Of everything, up to the last `/`.
    base: String,
}

impl Runtime {
    /// `address`: host and port.
    pub(crate) fn at(address: &str) -> Result<Runtime, RuntimeError> {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Runtime { http, base: format!("http://{address}/2018-06-01/runtime") })
    }

    /// Waits for the next event, as long as it takes: meanwhile the process is frozen.
    pub(super) async fn next(&self) -> Result<Invocation, RuntimeError> {
        let answer = self.http.get(format!("{}/invocation/next", self.base)).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(RuntimeError::Status(answer.status()));
        }
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let needed = |name| text(name).ok_or(RuntimeError::Header(name));
        let deadline = "lambda-runtime-deadline-ms";
        Ok(Invocation {
            id: needed("lambda-runtime-aws-request-id")?,
            deadline_ms: needed(deadline)?.parse().map_err(|_| RuntimeError::Header(deadline))?,
            trace: text("lambda-runtime-trace-id"),
            event: answer.bytes().await?,
        })
    }

    /// The answer to an event, as JSON.
    pub(super) async fn answer(&self, id: &str, answer: Vec<u8>) -> Result<(), RuntimeError> {
        let sent = self.http.post(format!("{}/invocation/{id}/response", self.base)).body(answer);
        send(sent.header(CONTENT_TYPE, "application/json")).await
    }

    /// An event cannot be answered.
    pub(super) async fn failed(&self, id: &str, sentence: &str) -> Result<(), RuntimeError> {
        self.report(&format!("invocation/{id}/error"), "Runtime.InvalidEvent", sentence).await
    }

    /// The service cannot start: Lambda fails the event that it was started for, and tells why.
    pub(crate) async fn cannot_start(&self, sentence: &str) -> Result<(), RuntimeError> {
        self.report("init/error", "Runtime.ConfigInvalid", sentence).await
    }

    async fn report(&self, path: &str, error_type: &str, sentence: &str) -> Result<(), RuntimeError> {
        let body = json!({ "errorMessage": sentence, "errorType": error_type, "stackTrace": [] });
        let sent = self.http.post(format!("{}/{path}", self.base)).header(ERROR_TYPE, error_type);
        send(sent.json(&body)).await
    }
}

/// 202 is the good answer. What is wrong with one event (it took too long, its answer is too large) is that event's
/// affair; 500 means that the environment is beyond repair.
async fn send(request: RequestBuilder) -> Result<(), RuntimeError> {
    let status = request.timeout(TIMEOUT).send().await?.status();
    if status.is_server_error() {
        return Err(RuntimeError::Status(status));
    }
    if status != StatusCode::ACCEPTED {
        tracing::error!(status = status.as_u16(), "Lambda did not take an answer");
    }
    Ok(())
}
