//! Jobs that are never lost: workers in this process over our own stand-ins, whose clock can be moved and whose answers
//! can be chosen. Tests are named after the requirements of docs/RELIABILITY.md; what ends a worker's process is in
//! tests/e2e/jobs.rs.

#![allow(clippy::unwrap_used)]

mod bench;
mod dead_letters;
mod garbage;
mod holding;
mod intake;
mod publishing;
mod reuse;
