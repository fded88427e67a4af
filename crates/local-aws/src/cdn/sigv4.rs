//! Signature Version 4 of a request without a body, as CloudFront's origin access control makes it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;
use time::OffsetDateTime;

use crate::identity::Credentials;

/// The headers to add to a request.
pub(super) struct Signed {
    /// `x-amz-date`.
    pub date: String,
    /// `x-amz-content-sha256`.
    pub content_sha256: &'static str,
    /// `authorization`.
    pub authorization: String,
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";

/// Signs `method` of `path` at `host` for S3. The path must need no further encoding, and there is no query.
pub(super) fn sign(
    credentials: &Credentials,
    region: &str,
    at: OffsetDateTime,
    method: &str,
    host: &str,
    path: &str,
) -> Result<Signed, ErrorStack> {
    let day = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
    let date = format!("{day}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    let canonical = format!(
        "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{UNSIGNED}\nx-amz-date:{date}\n\n{HEADERS}\n{UNSIGNED}"
    );
    let scope = format!("{day}/{region}/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(sha256(canonical.as_bytes())));
    let mut key = format!("AWS4{}", credentials.secret_key).into_bytes();
    for part in [day.as_str(), region, "s3", "aws4_request"] {
        key = hmac(&key, part.as_bytes())?;
    }
    let signature = hex::encode(hmac(&key, to_sign.as_bytes())?);
    Ok(Signed {
        date,
        content_sha256: UNSIGNED,
        authorization: format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={HEADERS},Signature={signature}",
            credentials.access_key
        ),
    })
}

fn hmac(key: &[u8], message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    Signer::new(MessageDigest::sha256(), &*PKey::hmac(key)?)?.sign_oneshot_to_vec(message)
}
