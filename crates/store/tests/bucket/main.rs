//! The store over the real SDK, against an S3 in this process.

mod s3;

mod catalogue;
mod download;
mod objects;
