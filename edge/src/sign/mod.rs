//! CloudFront signatures: what a policy says, how it is signed, and whether a request carries a good one.
//! (AWS: CloudFront Developer Guide, "Serve private content with signed URLs and signed cookies".)

mod alphabet;
mod cloudfront;
mod gate;
mod key;
mod policy;
mod scope;

pub use cloudfront::{SignError, Signed, Signer};
pub use gate::{Gate, Narrow, Pass, Refusal, TrustedKey};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use policy::{BadCdn, Cdn, expires_at, ttl_s};
pub(crate) use scope::view_parameter;
pub use scope::{Folder, Scope};
