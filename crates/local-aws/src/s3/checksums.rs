//! What a client says about the bytes that it sends, and what they turned out to be.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, ChecksumAlgorithm};
use s3s::{S3Result, TrailingHeaders, s3_error};
use serde::{Deserialize, Serialize};

/// The five checksums of S3, base64, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Checksums {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32c: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc64nvme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl From<Checksum> for Checksums {
    fn from(c: Checksum) -> Checksums {
        Checksums {
            crc32: c.checksum_crc32,
            crc32c: c.checksum_crc32c,
            crc64nvme: c.checksum_crc64nvme,
            sha1: c.checksum_sha1,
            sha256: c.checksum_sha256,
        }
    }
}

/// What the client declared before it sent the body; some of it follows in trailers, after the body.
#[derive(Default)]
pub(super) struct Declared {
    checksums: Checksums,
    content_md5: Option<Vec<u8>>,
    algorithm: Option<ChecksumAlgorithm>,
    trailer_names: String,
    trailers: Option<TrailingHeaders>,
}

impl Declared {
    pub fn new(
        checksums: Checksums,
        content_md5: Option<String>,
        algorithm: Option<ChecksumAlgorithm>,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Declared> {
        let content_md5 = match content_md5.map(|text| BASE64_STANDARD.decode(text)) {
            None => None,
            Some(Ok(md5)) if md5.len() == 16 => Some(md5),
            Some(_) => return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")),
        };
        let trailer_names = headers.get_all("x-amz-trailer").iter().filter_map(|v| v.to_str().ok());
        let trailer_names = trailer_names.collect::<Vec<_>>().join(",").to_ascii_lowercase();
        Ok(Declared { checksums, content_md5, algorithm, trailer_names, trailers })
    }

    /// A hasher for every algorithm that was named in any of the places that may name one.
    pub fn hasher(&self) -> ChecksumHasher {
        let algorithm = self.algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let wanted = |known: &Option<String>, name: &str, header: &str| {
            let trailing = self.trailer_names.split(',').any(|trailer| trailer.trim() == header);
            known.is_some() || algorithm == Some(name) || trailing
        };
        let c = &self.checksums;
        ChecksumHasher {
            crc32: wanted(&c.crc32, "CRC32", CRC32).then(Default::default),
            crc32c: wanted(&c.crc32c, "CRC32C", CRC32C).then(Default::default),
            crc64nvme: wanted(&c.crc64nvme, "CRC64NVME", CRC64NVME).then(Default::default),
            sha1: wanted(&c.sha1, "SHA1", SHA1).then(Default::default),
            sha256: wanted(&c.sha256, "SHA256", SHA256).then(Default::default),
        }
    }

    /// Compares, once the whole body is read. `BadDigest` where the bytes are not what was declared.
    pub fn check(mut self, md5: &[u8], computed: Checksums) -> S3Result<Checksums> {
        if self.content_md5.is_some_and(|declared| declared != md5) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        let trailers = self.trailers.and_then(|t| t.take()).unwrap_or_default();
        let c = &mut self.checksums;
        for (name, header, declared, computed) in [
            ("CRC32", CRC32, &mut c.crc32, &computed.crc32),
            ("CRC32C", CRC32C, &mut c.crc32c, &computed.crc32c),
            ("CRC64NVME", CRC64NVME, &mut c.crc64nvme, &computed.crc64nvme),
            ("SHA1", SHA1, &mut c.sha1, &computed.sha1),
            ("SHA256", SHA256, &mut c.sha256, &computed.sha256),
        ] {
            if let Some(value) = trailers.get(header).and_then(|v| v.to_str().ok()) {
                *declared = Some(value.to_owned());
            }
            if declared.is_some() && *declared != *computed {
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok(computed)
    }
}

const CRC32: &str = "x-amz-checksum-crc32";
const CRC32C: &str = "x-amz-checksum-crc32c";
const CRC64NVME: &str = "x-amz-checksum-crc64nvme";
const SHA1: &str = "x-amz-checksum-sha1";
const SHA256: &str = "x-amz-checksum-sha256";

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(crc32: &str) -> Declared {
        let checksums = Checksums { crc32: Some(crc32.to_owned()), ..Default::default() };
        Declared::new(checksums, None, None, &HeaderMap::new(), None).expect("declared")
    }

    fn compute(declared: &Declared, bytes: &[u8]) -> Checksums {
        let mut hasher = declared.hasher();
        hasher.update(bytes);
        hasher.finalize().into()
    }

    #[test]
    fn the_right_checksum_passes_and_a_wrong_one_does_not() {
        let right = declared("y/Q5Jg=="); // CRC-32 of "123456789" is cbf43926.
        let computed = compute(&right, b"123456789");
        assert_eq!(right.check(&[0; 16], computed.clone()).expect("right"), computed);

        let wrong = declared("y/Q5Jg==");
        let computed = compute(&wrong, b"12345678");
        assert_eq!(wrong.check(&[0; 16], computed).expect_err("wrong").code().as_str(), "BadDigest");
    }

    #[test]
    fn content_md5_must_be_sixteen_bytes() {
        let short = Declared::new(Checksums::default(), Some("AAAA".into()), None, &HeaderMap::new(), None);
        assert_eq!(short.err().expect("refused").code().as_str(), "InvalidDigest");
    }
}
