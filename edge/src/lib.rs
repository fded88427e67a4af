//! From viewer request to signed manifest.
//!
//! A request's way: `http` (axum) → [`route`] (typed, no escapes) → `auth` (Cognito token → viewer) →
//! `entitlement` → `manifest` (the stored playlist, cached) → [`sign`] (one signature per version and expiry) →
//! answer. Media bytes never pass here: CloudFront serves them from S3.
//!
//! A program of its own by [`cli`], or part of another process by [`App`].

mod app;
mod assets;
mod auth;
pub mod cli;
mod clock;
pub mod config;
mod document;
mod entitlement;
pub mod error;
mod health;
mod http;
mod listen;
mod log;
mod manifest;
mod metrics;
mod pages;
mod playback;
mod pointer;
pub mod route;
pub mod sign;

pub use app::{App, StartError};
pub use clock::Clock;
pub use config::Config;
