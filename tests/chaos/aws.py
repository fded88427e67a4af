"""S3 and SQS as a client of nobody's library sees them: signed requests, and what is in the bucket."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import urllib.parse
import xml.etree.ElementTree as xml
import zlib

REGION = "eu-west-3"
BUCKET = "flodrama-media-prod"
QUEUE = "flodrama-uploads"
ACCOUNT = "000000000000"
XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
TIMEOUT_S = 30


class Refused(Exception):
    """S3 or SQS answered with an error."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:200]!r}")
        self.status = status


def split(endpoint):
    """`http://127.0.0.1:1234` as host and port."""
    parts = urllib.parse.urlsplit(endpoint)
    return parts.hostname, parts.port


def send(address, method, target, headers, body=b""):
    """One request on a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class S3:
    """The bucket. `address` gives host and port at the moment of asking: a stack that starts again has others."""

    def __init__(self, address, key_id, secret):
        self.address, self.key_id, self.secret = address, key_id, secret

    def ask(self, method, key="", query=None, body=b"", more=None):
        """One signed request, path style.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        """
        host, port = self.address()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        path = urllib.parse.quote(f"/{BUCKET}/{key}" if key else f"/{BUCKET}")
        query = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in sorted((query or {}).items()))
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": f"{host}:{port}", **(more or {}), "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key_bytes = b"AWS4" + self.secret.encode()
        for part in (now[:8], REGION, "s3", "aws4_request"):
            key_bytes = hmac.new(key_bytes, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key_bytes, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        target = path + (f"?{query}" if query else "")
        return send((host, port), method, target, headers, body)

    def get(self, key):
        """The object's bytes, or None where there is none."""
        status, _, body = self.ask("GET", key)
        if status == 404:
            return None
        if status != 200:
            raise Refused(status, body)
        return body

    def document(self, key):
        """The object as JSON, or None."""
        body = self.get(key)
        return None if body is None else json.loads(body)

    def put(self, key, body):
        """Writes an object with a checksum that S3 keeps; gives its entity tag."""
        checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        status, headers, said = self.ask("PUT", key, body=body, more={"x-amz-checksum-crc32": checksum})
        if status != 200:
            raise Refused(status, said)
        return headers["etag"].strip('"')

    def hold_to(self, policy):
        """Puts a policy on the bucket."""
        status, _, said = self.ask("PUT", query={"policy": ""}, body=policy)
        if status not in (200, 204):
            raise Refused(status, said)

    def list(self, prefix):
        """Sizes by key of everything below `prefix`."""
        found, token = {}, None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            status, _, body = self.ask("GET", query=query)
            if status != 200:
                raise Refused(status, body)
            page = xml.fromstring(body)
            for entry in page.iter(f"{XMLNS}Contents"):
                found[entry.find(f"{XMLNS}Key").text] = int(entry.find(f"{XMLNS}Size").text)
            token = page.findtext(f"{XMLNS}NextContinuationToken")
            if not token:
                return found


class Sqs:
    """The queue of uploads and its dead letters."""

    def __init__(self, address):
        self.address = address

    def ask(self, operation, queue=QUEUE, **fields):
        """One call by AWS JSON 1.0."""
        host, port = self.address()
        body = json.dumps({"QueueUrl": f"http://{host}:{port}/{ACCOUNT}/{queue}", **fields}).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{operation}"}
        status, _, said = send((host, port), "POST", "/", headers, body)
        if status != 200:
            raise Refused(status, said)
        return json.loads(said or b"{}")

    def count(self, queue=QUEUE):
        """Messages that wait, are held or delayed."""
        names = ["ApproximateNumberOfMessages" + state for state in ("", "NotVisible", "Delayed")]
        found = self.ask("GetQueueAttributes", queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def allow_receives(self, count):
        """How often a message may be received before it counts as dead: kills count as receives too."""
        dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}-dlq"
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": count})
        self.ask("SetQueueAttributes", Attributes={"RedrivePolicy": policy})
