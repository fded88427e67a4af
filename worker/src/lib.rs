//! flodrama-worker: from queue message to published HLS.
//!
//! `intake` holds a message, `job` is the story, `plan` decides (purely), `family` says which encoders work here, `child` runs libav in processes of its own,
//! `publish` moves the pointer, `spot` hears that the machine is about to go, `failure` says what an error means to the queue.

pub mod app;
mod child;
pub mod cli;
mod compiled;
pub mod config;
pub mod error;
pub mod failure;
pub mod family;
pub mod folder;
pub mod intake;
pub mod job;
pub mod plan;
pub mod publish;
mod scratch;
pub mod spot;
mod title;
