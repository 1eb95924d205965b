"""Checksums in headers, in trailers and of parts; signed chunks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from rounds import Place, expect, refused, row
from rows_multipart import LEAST, Upload, content

BODY = b"123456789" * 1000


def reflected(polynomial: int, width: int) -> Callable[[bytes], bytes]:
    """A reflected CRC with all ones at the start and the end."""
    ones = (1 << width) - 1
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)

    def digest(data: bytes) -> bytes:
        crc = ones
        for byte in data:
            crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
        return (crc ^ ones).to_bytes(width // 8, "big")

    return digest


#: By the names that boto3 and the headers use.
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC32C": reflected(0x82F63B78, 32),
    "CRC64NVME": reflected(0x9A6C9329AC4BC9B5, 64),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}


def digest(algorithm: str, data: bytes) -> str:
    """A checksum as the headers have it."""
    return base64.b64encode(DIGESTS[algorithm](data)).decode()


@row("API_PutObject", *DIGESTS)
def checked(place: Place, algorithm: str) -> None:
    """a right checksum is stored and shown to those who ask for it."""
    name = f"Checksum{algorithm}"
    place.put("a", BODY, **{name: digest(algorithm, BODY)})
    found = place.head("a", ChecksumMode="ENABLED")
    expect((found.get(name), found.get("ChecksumType")), (digest(algorithm, BODY), "FULL_OBJECT"))
    expect(place.read("a", ChecksumMode="ENABLED") == BODY, True)


@row("API_PutObject", *DIGESTS)
def wrong(place: Place, algorithm: str) -> None:
    """a wrong checksum is BadDigest, and nothing is stored."""
    given = {f"Checksum{algorithm}": digest(algorithm, b"other")}
    refused("BadDigest", 400, place.put, name="a", body=BODY, **given)
    expect(place.keys(), [])


@row("API_PutObject")
def two(place: Place) -> None:
    """two checksums in one request are InvalidRequest."""
    given = {"ChecksumCRC32": digest("CRC32", BODY), "ChecksumSHA1": digest("SHA1", BODY)}
    refused("InvalidRequest", 400, place.put, name="a", body=BODY, **given)


@row("API_UploadPart", *DIGESTS)
def part_wrong(place: Place, algorithm: str) -> None:
    """a wrong checksum of a part is BadDigest."""
    upload = Upload(place, ChecksumAlgorithm=algorithm)
    given = {f"Checksum{algorithm}": digest(algorithm, b"other")}
    call = place.s3.upload_part
    refused("BadDigest", 400, call, **upload.at, UploadId=upload.id, PartNumber=1, Body=BODY, **given)
    upload.abort()


@row("API_CompleteMultipartUpload", "CRC32", "SHA256")
def composite(place: Place, algorithm: str) -> None:
    """an upload in parts has the checksum of its parts' checksums, and their number."""
    parts = [content(1, LEAST), b"last"]
    upload = Upload(place, ChecksumAlgorithm=algorithm)
    listed = []
    for number, body in enumerate(parts, 1):
        given = {f"Checksum{algorithm}": digest(algorithm, body)}
        call = place.s3.upload_part
        answer = call(**upload.at, UploadId=upload.id, PartNumber=number, Body=body, **given)
        listed.append({"PartNumber": number, "ETag": answer["ETag"], **given})
    call = place.s3.complete_multipart_upload
    call(**upload.at, UploadId=upload.id, MultipartUpload={"Parts": listed})
    of_parts = b"".join(DIGESTS[algorithm](body) for body in parts)
    found = place.head("a", ChecksumMode="ENABLED")
    expect(found.get(f"Checksum{algorithm}"), f"{digest(algorithm, of_parts)}-2")
    expect(found.get("ChecksumType"), "COMPOSITE")


class Signer(S3SigV4Auth):
    """Signature V4 with a payload hash of our choice."""

    def __init__(self, place: Place, hashed: str) -> None:
        credentials = place.s3._request_signer._credentials
        super().__init__(credentials, "s3", place.region)
        self.hashed = hashed

    def payload(self, request: AWSRequest) -> str:
        """What x-amz-content-sha256 says."""
        return self.hashed

    def chunk_key(self, date: str) -> bytes:
        """The signing key of the day."""
        key = b"AWS4" + self.credentials.secret_key.encode()
        for text in (date[:8], self._region_name, "s3", "aws4_request"):
            key = hmac.digest(key, text.encode(), "sha256")
        return key


def send(place: Place, hashed: str, body: Callable[[Signer, AWSRequest], bytes], **headers: str) -> Any:
    """A PUT of the key `a` with this x-amz-content-sha256; `body` is made when the head is signed."""
    request = AWSRequest("PUT", f"{place.endpoint}/{place.bucket}/{place.prefix}a")
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    signer = Signer(place, hashed)
    signer.add_auth(request)
    return place.http("PUT", request.url, dict(request.headers.items()), body(signer, request))


def plain_chunks(data: bytes, trailer: str = "") -> bytes:
    """The aws-chunked coding in two chunks without signatures."""
    half = len(data) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (data[:half], data[half:]))
    return chunks + f"0\r\n{trailer}\r\n".encode()


TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def trailed(place: Place, algorithm: str, value: str) -> Any:
    """A PUT in aws-chunked coding with a checksum in the trailer, as the JavaScript SDK sends it."""
    name = f"x-amz-checksum-{algorithm.lower()}"
    coded = plain_chunks(BODY, f"{name}:{value}\r\n")
    headers = {"Content_Encoding": "aws-chunked", "x_amz_decoded_content_length": str(len(BODY)), "x_amz_trailer": name}
    return send(place, TRAILER, lambda *_: coded, **headers)


@row("sigv4-streaming-trailers", *DIGESTS)
def trailer(place: Place, algorithm: str) -> None:
    """an unsigned trailer's checksum is checked, and the coding is not stored."""
    answer = trailed(place, algorithm, digest(algorithm, BODY))
    expect(answer.status, 200, answer.data.decode(errors="replace"))
    found = place.get("a")
    expect(found["Body"].read() == BODY, True, "the content is without the coding")
    expect(found.get("ContentEncoding"), None, "Content-Encoding")


@row("sigv4-streaming-trailers", *DIGESTS)
def wrong_trailer(place: Place, algorithm: str) -> None:
    """a wrong checksum in a trailer is BadDigest, and nothing is stored."""
    answer = trailed(place, algorithm, digest(algorithm, b"other"))
    expect((answer.status, b"BadDigest" in answer.data), (400, True))
    expect(place.keys(), [])


@row("sigv4-streaming")
def coding_kept(place: Place) -> None:
    """Content-Encoding aws-chunked,gzip is stored as gzip."""
    name = "x-amz-checksum-crc32"
    coded = plain_chunks(BODY, f"{name}:{digest('CRC32', BODY)}\r\n")
    headers = {"Content_Encoding": "aws-chunked,gzip", "x_amz_decoded_content_length": str(len(BODY))}
    answer = send(place, TRAILER, lambda *_: coded, x_amz_trailer=name, **headers)
    expect(answer.status, 200, answer.data.decode(errors="replace"))
    expect(place.head("a").get("ContentEncoding"), "gzip")


def signed_chunks(data: bytes, break_at: int = -1) -> Callable[[Signer, AWSRequest], bytes]:
    """The aws-chunked coding with a signature in each chunk; the one at `break_at` is wrong."""

    def code(signer: Signer, request: AWSRequest) -> bytes:
        date = request.context["timestamp"]
        key = signer.chunk_key(date)
        before = request.headers["Authorization"].rpartition("Signature=")[2]
        scope = f"{date[:8]}/{signer._region_name}/s3/aws4_request"
        coded = b""
        for number, part in enumerate((data[:8192], data[8192:], b"")):
            lines = ["AWS4-HMAC-SHA256-PAYLOAD", date, scope, before]
            lines += [hashlib.sha256(b"").hexdigest(), hashlib.sha256(part).hexdigest()]
            before = hmac.new(key, "\n".join(lines).encode(), "sha256").hexdigest()
            shown = "0" * 64 if number == break_at else before
            coded += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), shown.encode(), part)
        return coded

    return code


SIGNED = {"Content_Encoding": "aws-chunked", "x_amz_decoded_content_length": str(len(BODY))}


@row("sigv4-streaming")
def chunks(place: Place) -> None:
    """signed chunks are decoded."""
    answer = send(place, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", signed_chunks(BODY), **SIGNED)
    expect(answer.status, 200, answer.data.decode(errors="replace"))
    expect(place.read("a") == BODY, True, "the content is without the coding")


@row("sigv4-streaming", "the first chunk", "the second chunk", "the last, empty chunk")
def wrong_chunk(place: Place, case: str) -> None:
    """a chunk with a wrong signature is SignatureDoesNotMatch, and nothing is stored."""
    at = ["the first chunk", "the second chunk", "the last, empty chunk"].index(case)
    answer = send(place, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", signed_chunks(BODY, at), **SIGNED)
    expect((answer.status, b"SignatureDoesNotMatch" in answer.data), (403, True))
    expect(place.keys(), [])


@row("sigv4-streaming")
def cut(place: Place) -> None:
    """a body that ends before its last chunk is refused, and nothing is stored."""
    def code(signer: Signer, request: AWSRequest) -> bytes:
        return signed_chunks(BODY)(signer, request).rpartition(b"0;chunk")[0]

    answer = send(place, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", code, **SIGNED)
    expect(400 <= answer.status < 500, True, f"the status is {answer.status}; a refusal")
    expect(place.keys(), [])


@row("API_PutObject")
def payload_hash(place: Place) -> None:
    """another body than x-amz-content-sha256 says is XAmzContentSHA256Mismatch."""
    answer = send(place, hashlib.sha256(b"other").hexdigest(), lambda *_: BODY)
    expect((answer.status, b"XAmzContentSHA256Mismatch" in answer.data), (400, True))
    expect(place.keys(), [])


@row("API_PutObject")
def unsigned_payload(place: Place) -> None:
    """UNSIGNED-PAYLOAD in a signed request is accepted."""
    answer = send(place, "UNSIGNED-PAYLOAD", lambda *_: BODY, Content_Type="text/own; a=b")
    expect(answer.status, 200, answer.data.decode(errors="replace"))
    expect(place.read("a") == BODY, True)


@row("API_PutObject")
def http_chunked(place: Place) -> None:
    """a body whose length is not announced is MissingContentLength."""
    answer = send(place, "UNSIGNED-PAYLOAD", lambda *_: iter([BODY]))
    expect((answer.status, b"MissingContentLength" in answer.data), (411, True))
