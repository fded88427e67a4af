//! Lambda's side of its runtime API, on loopback, as AWS documents it: one event at a time, answers by id.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(30);
const VERSION: &str = "/2018-06-01/runtime";

/// What the function posted.
#[derive(Debug)]
pub struct Posted {
    /// Below `/2018-06-01/runtime/`.
    pub path: String,
    pub error_type: Option<String>,
    pub body: Value,
}

struct Api {
    events: Mutex<mpsc::Receiver<Event>>,
    posted: mpsc::Sender<Posted>,
}

struct Event {
    id: String,
    json: String,
    time_ms: i64,
}

/// A function in its execution environment.
pub struct Lambda {
    child: Child,
    log: JoinHandle<String>,
    events: mpsc::Sender<Event>,
    posted: Mutex<mpsc::Receiver<Posted>>,
    invoked: std::sync::atomic::AtomicUsize,
}

impl Lambda {
    /// Starts `command` as Lambda would.
    pub async fn start(command: &mut Command) -> Lambda {
        let (events, received) = mpsc::channel(1);
        let (post_to, posted) = mpsc::channel(8);
        let api = Arc::new(Api { events: Mutex::new(received), posted: post_to });
        let router = Router::new()
            .route(&format!("{VERSION}/invocation/next"), get(next))
            .route(&format!("{VERSION}/{{*path}}"), post(take))
            .with_state(api)
            // Lambda's own limit is just above 6 MB.
            .layer(axum::extract::DefaultBodyLimit::max(6_291_556));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let command = command.arg("serve").env("AWS_LAMBDA_RUNTIME_API", address);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stderr = child.stderr.take().expect("stderr");
        let log = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.expect("text");
            text
        });
        let invoked = Default::default();
        Lambda { child, log, events, posted: Mutex::new(posted), invoked }
    }

    /// Sends an event and waits for what comes of it.
    pub async fn invoke(&self, event: &Value) -> Posted {
        self.invoke_within(event, Duration::from_secs(10)).await
    }

    /// The same, with so much time before the deadline.
    pub async fn invoke_within(&self, event: &Value, time: Duration) -> Posted {
        let n = self.invoked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let id = format!("8476a536-e9f4-11e8-9739-{n:012}");
        let event = Event { id: id.clone(), json: event.to_string(), time_ms: time.as_millis() as i64 };
        self.events.send(event).await.expect("the API runs");
        let posted = self.posted().await;
        assert!(posted.path.starts_with(&format!("invocation/{id}/")), "{}", posted.path);
        posted
    }

    /// The next thing that the function posts.
    pub async fn posted(&self) -> Posted {
        let posted = tokio::time::timeout(PATIENCE, async { self.posted.lock().await.recv().await }).await;
        posted.expect("the function answers").expect("the API runs")
    }

    /// Tells the process to end; how it ended, and what it logged.
    pub async fn stop(self) -> (Option<i32>, String) {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await.expect("kill");
        }
        self.ended().await
    }

    /// Waits for the process to end by itself; how it ended, and what it logged.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status");
        (status.code(), self.log.await.expect("the log"))
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(Event { id, json, time_ms }) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline_ms = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000 + i128::from(time_ms);
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-3:123456789012:function:edge".into()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1".into(),
        ),
        ("content-type", "application/json".into()),
    ];
    (axum::response::AppendHeaders(headers), json).into_response()
}

async fn take(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error_type = headers.get("lambda-runtime-function-error-type");
    let error_type = error_type.map(|value| value.to_str().expect("text").to_owned());
    let body = serde_json::from_slice(&body).expect("JSON");
    api.posted.send(Posted { path, error_type, body }).await.expect("somebody waits");
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}
