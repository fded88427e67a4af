//! The edge as a client sees it: over a real listener, with an S3 and a key server in this process.

mod support;

mod access;
mod aws_signer;
mod canary;
mod cli;
mod limits;
mod manifest;
mod pages;
mod playback;
mod policies;
mod pool_keys;
mod preview;
mod rotation;
mod signatures;
mod tokens;
mod vectors;
