"""What a request of a worker is for, by the layout of the bucket."""

import re
import urllib.parse

#: Kinds of requests, in the order of a job.
KINDS = (
    "receive", "sidecars", "download", "heartbeat", "commits", "restore", "segment", "commit", "preview", "progress",
    "text", "plan", "report", "pointer-read", "pointer", "failure", "give-back", "delete", "other",
)

#: The first pattern that fits `METHOD key` names the kind.
PATTERNS = [(re.compile(pattern), kind) for pattern, kind in (
    (r"GET uploads/", "download"),
    (r"LIST uploads/", "sidecars"),
    (r"LIST jobs/.*/commits/", "commits"),
    (r"(GET|HEAD) jobs/.*/commits/", "commits"),
    (r"PUT jobs/.*/commits/", "commit"),
    (r"PUT jobs/.*/progress\.json", "progress"),
    (r"PUT jobs/.*/plan\.json", "plan"),
    (r"PUT jobs/.*/report\.json", "report"),
    (r"PUT jobs/.*/failure\.json", "failure"),
    (r"GET vod/[^/]*/current\.json", "pointer-read"),
    (r"PUT vod/[^/]*/current\.json", "pointer"),
    (r"(PUT|DELETE) vod/.*/preview/", "preview"),
    (r"PUT vod/.*\.(m4s|mp4)$", "segment"),
    (r"GET vod/.*\.(m4s|mp4|vtt|jpg)$", "restore"),
    (r"PUT vod/", "text"),
)]

SQS = {"ReceiveMessage": "receive", "DeleteMessage": "delete"}


def of_s3(method, target, bucket):
    """Kind and key of a request to S3."""
    parts = urllib.parse.urlsplit(target)
    key = urllib.parse.unquote(parts.path)[1:].partition("/")[2] if parts.path.startswith(f"/{bucket}") else ""
    query = urllib.parse.parse_qs(parts.query)
    if not key:
        method, key = "LIST", query.get("prefix", [""])[0]
    said = f"{method} {key}"
    return next((kind for pattern, kind in PATTERNS if pattern.match(said)), "other"), key


def of_sqs(operation, document):
    """Kind of a call to SQS: a hidden time that is renewed is a heartbeat, any other gives the message back."""
    if operation == "ChangeMessageVisibility":
        return "heartbeat" if document.get("VisibilityTimeout") == VISIBILITY_S else "give-back"
    return SQS.get(operation, "other")


#: The least that the worker takes.
VISIBILITY_S = 10
