//! A key server that counts how often it is asked and can go away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;

pub struct KeyServer {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    document: Mutex<String>,
    asked: AtomicUsize,
    down: AtomicBool,
}

impl KeyServer {
    pub async fn start(document: Value) -> KeyServer {
        let document = Mutex::new(document.to_string());
        let shared = Arc::new(Shared { document, asked: AtomicUsize::new(0), down: AtomicBool::new(false) });
        let state = Arc::clone(&shared);
        let answer = move || {
            state.asked.fetch_add(1, Ordering::SeqCst);
            let document = state.document.lock().expect("lock").clone();
            let down = state.down.load(Ordering::SeqCst);
            async move { if down { StatusCode::BAD_GATEWAY.into_response() } else { document.into_response() } }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
        tokio::spawn(
            async move { axum::serve(listener, Router::new().route("/jwks.json", get(answer))).await },
        );
        KeyServer { url, shared }
    }

    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub fn go_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    pub fn serve(&self, document: Value) {
        *self.shared.document.lock().expect("lock") = document.to_string();
    }
}
