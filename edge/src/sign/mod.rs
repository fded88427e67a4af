//! CloudFront signatures: what a policy says, how it is signed, and whether a request carries a good one.
//! (AWS: CloudFront Developer Guide, "Serve private content with signed URLs and signed cookies".)

mod alphabet;
mod cloudfront;
mod gate;
mod key;
mod policy;

pub use cloudfront::{SignError, Signed, Signer};
pub use gate::{Gate, Pass, Refusal, TrustedKey};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use policy::{BadCdn, Cdn, expires_at, ttl_s};
