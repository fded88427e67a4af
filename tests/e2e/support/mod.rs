//! What the scenarios share.

pub mod aws;
pub mod clip;
pub mod ffmpeg;
pub mod hls;
pub mod moto;
pub mod process;
pub mod programs;
pub mod stack;
pub mod viewer;
pub mod web;

use std::time::{Duration, Instant};

/// Asks again until there is an answer; a failure names what was waited for.
pub async fn until<T>(what: &str, patience: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < patience, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
