"""Just enough of S3 to publish with: PutObject, signed by SigV4 (AWS: "Create a signed AWS API request")."""

import datetime
import hashlib
import hmac
import http.client

from engine.tools import Failed


class Bucket:
    """One bucket of an S3 that is addressed path-style; one connection."""

    def __init__(self, access):
        """`access`: what the stack's example prints."""
        self.access = access
        self.host = access["s3"].removeprefix("http://")
        self.connection = http.client.HTTPConnection(self.host, timeout=30)

    def put(self, key, body):
        """Writes an object."""
        path = f"/{self.access['bucket']}/{key}"
        now = datetime.datetime.now(datetime.timezone.utc)
        headers = self.signed("PUT", path, hashlib.sha256(body).hexdigest(), now.strftime("%Y%m%dT%H%M%SZ"))
        try:
            self.connection.request("PUT", path, body, headers)
            answer = self.connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            # S3 hangs up on who was silent for long; the next request opens another connection.
            self.connection.close()
            self.connection.request("PUT", path, body, headers)
            answer = self.connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise Failed(f"S3 does not take {key}: {answer.status} {said[:500]!r}")

    def signed(self, method, path, payload_hash, at):
        """The headers of a request that is made at `at` (`YYYYMMDDTHHMMSSZ`); the path needs no escapes."""
        scope = f"{at[:8]}/{self.access['region']}/s3/aws4_request"
        signed = {"host": self.host, "x-amz-content-sha256": payload_hash, "x-amz-date": at}
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{payload_hash}"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = signing_key(self.access["secret_access_key"], scope)
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        credential = f"{self.access['access_key_id']}/{scope}"
        return signed | {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        }


def signing_key(secret, scope):
    """The key of a day, region and service.

    AWS's own example ("Signature calculation"):

    >>> signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215/us-east-1/iam/aws4_request").hex()
    'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d'
    """
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
