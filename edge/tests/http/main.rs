//! The edge as a client sees it: over a real listener, with an S3 and a key server in this process.

mod support;

mod abuse;
mod access;
mod aws_signer;
mod canary;
mod cli;
mod http2;
mod lambda;
mod limits;
mod manifest;
mod observed;
mod pages;
mod playback;
mod policies;
mod pool_keys;
mod preview;
mod rotation;
mod signatures;
mod smuggling;
mod tokens;
mod vectors;
