//! What the bucket says: S3 notifications, straight or through EventBridge, become uploads.

use flodrama_asset::{SourceRef, UPLOADS_PREFIX};
use serde::Deserialize;

/// Within a major version S3 only adds fields (S3 user guide, "Event message structure").
const EVENT_MAJOR: &str = "2";

/// The message is no event of a bucket.
#[derive(Debug, thiserror::Error)]
#[error("the message is no S3 event: {0}")]
pub struct BadEvent(String);

/// Every upload that a message announces, episodes and subtitle files. Test events and deletions announce none.
pub fn uploads(body: &str) -> Result<Vec<SourceRef>, BadEvent> {
    let envelope: Envelope = serde_json::from_str(body).map_err(|e| BadEvent(e.to_string()))?;
    let found = match envelope {
        Envelope { event: Some(event), .. } if event == "s3:TestEvent" => Vec::new(),
        Envelope { records: Some(records), .. } => {
            if let Some(other) =
                records.iter().find(|r| r.event_version.split('.').next() != Some(EVENT_MAJOR))
            {
                return Err(BadEvent(format!("of version {}, which is not known", other.event_version)));
            }
            let created = records.into_iter().filter(|r| r.event_name.starts_with("ObjectCreated:"));
            created.map(Record::into_source).collect::<Result<_, _>>()?
        }
        Envelope { detail: Some(detail), source: Some(source), .. } if source == "aws.s3" => {
            vec![detail.into_source()?]
        }
        _ => return Err(BadEvent("neither Records nor an EventBridge detail".into())),
    };
    Ok(found.into_iter().filter(is_upload).collect())
}

/// The S3 console makes empty objects for folders.
fn is_upload(source: &SourceRef) -> bool {
    source.key.starts_with(UPLOADS_PREFIX) && !source.key.ends_with('/')
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    source: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventVersion")]
    event_version: String,
    #[serde(rename = "eventName")]
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

/// S3 says `eTag` and `versionId`, EventBridge `etag` and `version-id`.
#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(alias = "eTag")]
    etag: Option<String>,
    #[serde(rename = "versionId", alias = "version-id")]
    version_id: Option<String>,
    sequencer: Option<String>,
}

impl Record {
    /// Keys of S3 notifications are form-encoded: `a+b` is `a b`.
    fn into_source(self) -> Result<SourceRef, BadEvent> {
        let key = form_decode(&self.s3.object.key)?;
        self.s3.object.into_source(self.s3.bucket, key)
    }
}

impl Detail {
    /// Keys of EventBridge events are as they are.
    fn into_source(self) -> Result<SourceRef, BadEvent> {
        let key = self.object.key.clone();
        self.object.into_source(self.bucket, key)
    }
}

impl Object {
    fn into_source(self, bucket: Bucket, key: String) -> Result<SourceRef, BadEvent> {
        let etag = self.etag.ok_or_else(|| BadEvent(format!("no entity tag for {key:?}")))?;
        Ok(SourceRef {
            bucket: bucket.name,
            key,
            etag: etag.trim_matches('"').to_owned(),
            // Buckets without versions say "null".
            version_id: self.version_id.filter(|v| !v.is_empty() && v != "null"),
            sequencer: self.sequencer,
            sidecars: Vec::new(),
        })
    }
}

/// Decodes `+` and `%XX`, once.
fn form_decode(text: &str) -> Result<String, BadEvent> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => out.push((high * 16 + low) as u8),
                    _ => return Err(BadEvent(format!("a broken escape in the key {text:?}"))),
                }
            }
            _ => out.push(b),
        }
    }
    String::from_utf8(out).map_err(|_| BadEvent(format!("the key {text:?} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(key: &str) -> String {
        format!(
            r#"{{"Records":[{{"eventVersion":"2.1","eventName":"ObjectCreated:CompleteMultipartUpload","s3":{{
            "bucket":{{"name":"b"}},"object":{{"key":"{key}","size":1,"eTag":"e-2","sequencer":"0055"}}}}}}]}}"#
        )
    }

    fn keys(body: &str) -> Vec<String> {
        uploads(body).expect("event").into_iter().map(|s| s.key).collect()
    }

    #[test]
    fn keys_of_notifications_are_decoded_once() {
        assert_eq!(keys(&notification("uploads/a+b%2Bc+%C3%A9.mp4")), ["uploads/a b+c é.mp4"]);
        assert_eq!(keys(&notification("uploads%2Fdemo.mp4")), ["uploads/demo.mp4"]);
        assert_eq!(keys(&notification("uploads/100%2525.mp4")), ["uploads/100%25.mp4"]);
        assert!(uploads(&notification("uploads/%zz.mp4")).is_err());
    }

    #[test]
    fn keys_of_eventbridge_stay_as_they_are() {
        let body = r#"{"version":"0","source":"aws.s3","detail-type":"Object Created","detail":{"version":"0",
            "bucket":{"name":"b"},"object":{"key":"uploads/a+b%20c.mp4","size":5,"etag":"e","version-id":"v1",
            "sequencer":"00"},"reason":"PutObject"}}"#;
        let found = uploads(body).expect("event");
        assert_eq!(
            (found[0].key.as_str(), found[0].version_id.as_deref()),
            ("uploads/a+b%20c.mp4", Some("v1"))
        );
    }

    #[test]
    fn every_record_counts() {
        let one = notification("uploads/1.mp4");
        let record = &one[one.find('[').expect("[") + 1..one.rfind(']').expect("]")];
        let body = format!(r#"{{"Records":[{record},{}]}}"#, record.replace("1.mp4", "2.mp4"));
        assert_eq!(keys(&body), ["uploads/1.mp4", "uploads/2.mp4"]);
    }

    #[test]
    fn later_minor_versions_are_read_and_other_major_ones_are_not() {
        let event = notification("uploads/1.mp4");
        assert_eq!(keys(&event.replace(r#""2.1""#, r#""2.9""#)), ["uploads/1.mp4"]);
        assert!(uploads(&event.replace(r#""2.1""#, r#""3.0""#)).is_err());
    }

    #[test]
    fn subtitle_files_are_uploads_too() {
        assert_eq!(keys(&notification("uploads/demo.en.srt")), ["uploads/demo.en.srt"]);
    }

    #[test]
    fn test_events_deletions_folders_and_other_prefixes_announce_nothing() {
        assert!(keys(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#).is_empty());
        assert!(keys(&notification("uploads/season-1/")).is_empty());
        assert!(keys(&notification("vod/demo/current.json")).is_empty());
        assert!(keys(&notification("uploads/a.mp4").replace("ObjectCreated:", "ObjectRemoved:")).is_empty());
    }

    #[test]
    fn anything_else_is_said_to_be_no_event() {
        for body in ["", "{}", "[]", r#"{"Records":[{}]}"#, r#"{"source":"aws.ec2","detail":{}}"#] {
            assert!(uploads(body).is_err(), "{body}");
        }
    }
}
