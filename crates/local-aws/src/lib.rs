//! S3, SQS, CloudFront and Cognito on loopback, speaking the real wire protocols, all kept in one data folder.
//!
//! For development and tests: no production crate depends on this. What runs against it sees an endpoint URL, which is
//! an ordinary setting of the AWS SDKs.
//!
//! | part | protocol | what is verified |
//! |---|---|---|
//! | S3 | REST-XML | SigV4, checksums, conditions (atomically), bucket policies that demand conditions |
//! | SQS | AWS JSON 1.0 | limits and receipts; signatures are not |
//! | CloudFront, data | HTTP | signed URLs and cookies, with OpenSSL: apart from the edge's signer |
//! | CloudFront, control | REST-XML | distribution and batch; signatures are not |
//! | Cognito | AWS JSON 1.1 | passwords and refresh tokens; administrators are not |
//!
//! Everything survives the death of the process at any moment; nothing is promised for a loss of power.

mod aws_json;
mod cdn;
mod clock;
mod cloudfront;
mod cognito;
mod disk;
mod error;
mod identity;
pub mod program;
mod random;
mod s3;
mod server;
mod sqs;
mod stack;
mod sync;
mod wildcard;

pub use cdn::CloudFrontPublicKey;
pub use cloudfront::Invalidation;
pub use error::{DiskError, StackError};
pub use identity::EDITORS;
pub use sqs::StaleHandles;
pub use stack::{Stack, StackOptions};
