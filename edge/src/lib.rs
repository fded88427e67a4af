//! From viewer request to signed manifest.
//!
//! A request's way: `http` (what every answer has) → [`route`] (typed, no escapes) → `auth` (Cognito token → viewer) →
//! `entitlement` (by the asset's `rules`) → `manifest` (the stored playlist, cached, shaped) → [`sign`] (one signature
//! per version, part of it and expiry) → answer. Media bytes never pass here: CloudFront serves them from S3.
//!
//! Requests come in by `listen` (sockets) or by `lambda` (events of API Gateway); the service behind them is one.
//!
//! A program of its own by [`cli`], or part of another process by [`App`].

mod app;
mod assets;
mod auth;
pub mod cli;
mod clock;
pub mod config;
mod document;
mod emf;
mod entitlement;
pub mod error;
mod health;
mod http;
mod lambda;
mod limits;
mod listen;
mod log;
mod manifest;
mod metrics;
mod pages;
mod peer;
mod platform;
mod playback;
mod pointer;
pub mod route;
mod rules;
mod secret;
pub mod sign;
mod telemetry;
mod trace;
mod vitals;

pub use app::{App, StartError};
#[doc(hidden)]
pub use auth::token_holds;
pub use clock::Clock;
pub use config::Config;
