//! Conditional requests, as S3 answers them.

use http::{HeaderMap, HeaderValue};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::record::Record;

/// Conditions on a write.
#[derive(Default)]
pub(super) struct WriteConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Whether the write may replace `current`. Call it with the bucket's writes locked.
    pub fn check(&self, current: Option<&Record>) -> S3Result<()> {
        match (&self.if_none_match, current) {
            (Some(ETagCondition::Any), Some(_)) => return Err(failed("If-None-Match")),
            (Some(ETagCondition::ETag(_)), _) => {
                return Err(s3_error!(NotImplemented, "If-None-Match takes only * on a write."));
            }
            _ => {}
        }
        match (&self.if_match, current) {
            // Documented by S3: a match against nothing is 404, not 412.
            (Some(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(ETagCondition::ETag(tag)), Some(record)) if !record.e_tag().strong_cmp(tag) => {
                Err(failed("If-Match"))
            }
            _ => Ok(()),
        }
    }
}

/// Conditions on a read, or on the source of a copy.
#[derive(Default)]
pub(super) struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

/// What a read's conditions came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    NotModified,
    Failed(&'static str),
}

impl ReadConditions {
    /// RFC 9110 §13.2.2: an ETag condition makes the date condition beside it void.
    pub fn judge(&self, record: &Record) -> Verdict {
        let tag_is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => record.e_tag().weak_cmp(tag),
        };
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !tag_is(condition) => return Verdict::Failed("If-Match"),
            (None, Some(since)) if record.modified() > *since => {
                return Verdict::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if tag_is(condition) => Verdict::NotModified,
            (None, Some(since)) if record.modified() <= *since => Verdict::NotModified,
            _ => Verdict::Send,
        }
    }

    /// For GET and HEAD: 304 or 412 as an error, the former with the headers that a cache needs.
    pub fn check(&self, record: &Record) -> S3Result<()> {
        match self.judge(record) {
            Verdict::Send => Ok(()),
            Verdict::Failed(condition) => Err(failed(condition)),
            Verdict::NotModified => {
                let mut error = s3_error!(NotModified);
                let mut headers = HeaderMap::new();
                headers.extend(record.e_tag().to_http_header().map(|value| (http::header::ETAG, value)));
                let cache_control = record.headers.cache_control.as_deref();
                headers.extend(
                    cache_control
                        .and_then(|value| HeaderValue::from_str(value).ok())
                        .map(|value| (http::header::CACHE_CONTROL, value)),
                );
                error.set_headers(headers);
                Err(error)
            }
        }
    }

    /// For the source of a copy: whatever does not hold is 412.
    pub fn check_source(&self, record: &Record) -> S3Result<()> {
        match self.judge(record) {
            Verdict::Send => Ok(()),
            Verdict::NotModified => Err(failed("x-amz-copy-source-if-none-match")),
            Verdict::Failed(condition) => Err(failed(condition)),
        }
    }
}

fn failed(condition: &str) -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold: {condition}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn record() -> Record {
        serde_json::from_value(serde_json::json!({
            "key": "k", "size": 1, "etag": "aa", "modified_s": 1000, "sequencer": "00",
            "headers": {}, "checksums": {}, "pieces": [],
        }))
        .expect("record")
    }

    fn condition(text: &str) -> Option<ETagCondition> {
        Some(text.parse().expect("condition"))
    }

    fn code(result: S3Result<()>) -> String {
        result.map_or_else(|e| e.code().as_str().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn writes() {
        let none = |text| WriteConditions { if_none_match: condition(text), ..Default::default() };
        let matching = |text| WriteConditions { if_match: condition(text), ..Default::default() };
        let table = [
            (none("*"), None, "ok"),
            (none("*"), Some(record()), "PreconditionFailed"),
            (none("\"aa\""), None, "NotImplemented"),
            (matching("\"aa\""), Some(record()), "ok"),
            (matching("\"bb\""), Some(record()), "PreconditionFailed"),
            (matching("\"aa\""), None, "NoSuchKey"),
            (WriteConditions::default(), Some(record()), "ok"),
        ];
        for (conditions, current, expected) in table {
            assert_eq!(code(conditions.check(current.as_ref())), expected);
        }
    }

    #[test]
    fn reads() {
        let at = |s: i64| Some(Timestamp::from(clock::date(s * 1000)));
        let table = [
            (
                ReadConditions { if_none_match: condition("\"aa\""), ..Default::default() },
                Verdict::NotModified,
            ),
            (ReadConditions { if_none_match: condition("\"bb\""), ..Default::default() }, Verdict::Send),
            (
                ReadConditions { if_match: condition("\"bb\""), ..Default::default() },
                Verdict::Failed("If-Match"),
            ),
            (ReadConditions { if_modified_since: at(1000), ..Default::default() }, Verdict::NotModified),
            (ReadConditions { if_modified_since: at(999), ..Default::default() }, Verdict::Send),
            (
                ReadConditions { if_unmodified_since: at(999), ..Default::default() },
                Verdict::Failed("If-Unmodified-Since"),
            ),
            // The tag decides; the date beside it is void.
            (
                ReadConditions {
                    if_none_match: condition("\"bb\""),
                    if_modified_since: at(1000),
                    ..Default::default()
                },
                Verdict::Send,
            ),
        ];
        for (conditions, expected) in table {
            assert_eq!(conditions.judge(&record()), expected);
        }
    }
}
