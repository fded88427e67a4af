//! The edge as a client sees it: over a real listener, with an S3 and a key server in this process.

mod support;

mod access;
mod cli;
mod limits;
mod manifest;
mod pages;
mod playback;
mod preview;
mod signatures;
mod tokens;
