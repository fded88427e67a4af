//! A key server that counts how often it is asked and can answer badly in each way that servers do.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;

pub struct KeyServer {
    pub url: String,
    shared: Arc<Shared>,
}

/// What it does when it is asked.
#[derive(Clone, Debug)]
pub enum Answer {
    Document(String),
    /// This body with this status.
    Status(u16, String),
    /// To an address that has this document.
    Redirect(String),
    /// None, ever.
    Silence,
    /// White space without end, as fast as it is taken.
    Endless,
}

struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

impl KeyServer {
    pub async fn start(document: Value) -> KeyServer {
        let answer = Mutex::new(Answer::Document(document.to_string()));
        let shared = Arc::new(Shared { answer, asked: AtomicUsize::new(0) });
        let (state, elsewhere) = (Arc::clone(&shared), Arc::clone(&shared));
        let answer = move || {
            state.asked.fetch_add(1, Ordering::SeqCst);
            let answer = state.answer.lock().expect("lock").clone();
            async move { answer.respond().await }
        };
        let moved = move || {
            let answer = elsewhere.answer.lock().expect("lock").clone();
            async move { if let Answer::Redirect(document) = answer { document } else { String::new() } }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
        let router = Router::new().route("/jwks.json", get(answer)).route("/moved.json", get(moved));
        tokio::spawn(async move { axum::serve(listener, router).await });
        KeyServer { url, shared }
    }

    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub fn go_down(&self) {
        self.answer(Answer::Status(502, String::new()));
    }

    pub fn serve(&self, document: Value) {
        self.answer(Answer::Document(document.to_string()));
    }

    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().expect("lock") = answer;
    }
}

impl Answer {
    async fn respond(self) -> Response {
        match self {
            Answer::Document(document) => document.into_response(),
            Answer::Status(status, body) => {
                (StatusCode::from_u16(status).expect("a status"), body).into_response()
            }
            // With the document in its body too: neither way leads to keys.
            Answer::Redirect(document) => {
                (StatusCode::FOUND, [(header::LOCATION, "/moved.json")], document).into_response()
            }
            Answer::Silence => std::future::pending().await,
            Answer::Endless => {
                let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b' '; 4096]));
                let chunks = futures::stream::repeat_with(chunk);
                Body::from_stream(chunks).into_response()
            }
        }
    }
}
