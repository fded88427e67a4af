//! Signatures and tokens that end while somebody watches.
//!
//! Unlike the other scenarios these link the edge and the local stack, and run them in this process: both live by one
//! clock, which the scenarios put forwards, so that nobody waits for hours. What is seen is judged by headless Chromium.

#![allow(clippy::unwrap_used)]

mod dialogue;
mod premises;
#[path = "../e2e/support/mod.rs"]
#[allow(dead_code, reason = "shared with the other scenarios, which use the rest")]
mod support;

use dialogue::converse;
use premises::Premises;

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_does_not_notice_that_links_end() {
    let premises = Premises::start().await;
    converse(&premises, "expiry.mjs", &["--engine", "hls.js"]).await;
    premises.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn native_hls_goes_on_where_links_ended() {
    let premises = Premises::start().await;
    converse(&premises, "expiry.mjs", &["--engine", "native"]).await;
    premises.close().await;
}
