"""The app behind a page that uploads to S3 from the browser: it signs what the page may do, as Uppy's documentation shows.

Prints its port; answers /put, /create, /part, /complete, /abort, /parts and /form with JSON.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.config import Config

endpoint, bucket, version = sys.argv[1:]
settings = {"endpoint_url": endpoint, "region_name": "us-east-1"}
s3 = boto3.client("s3", config=Config(signature_version=version), **settings)


class App(BaseHTTPRequestHandler):
    """One answer for each thing that a page asks."""

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        given = dict(parse_qsl(asked.query))
        at = {"Bucket": bucket, "Key": given["key"]}
        upload = {**at, "UploadId": given.get("upload")}
        match asked.path:
            case "/put":
                parameters = {**at, "ContentType": given["type"]} if "type" in given else at
                said = {"url": s3.generate_presigned_url("put_object", Params=parameters)}
            case "/get":
                said = {"url": s3.generate_presigned_url("get_object", Params=at)}
            case "/create":
                said = {"upload": s3.create_multipart_upload(**at)["UploadId"]}
            case "/part":
                parameters = {**upload, "PartNumber": int(given["part"])}
                said = {"url": s3.generate_presigned_url("upload_part", Params=parameters)}
            case "/parts":
                parts = s3.list_parts(**upload).get("Parts", [])
                said = {"parts": [{name: part[name] for name in ("PartNumber", "Size", "ETag")} for part in parts]}
            case "/complete":
                # Uppy adds the headers of the responses
                told = json.loads(given["parts"])
                parts = {"Parts": [{name: part[name] for name in ("PartNumber", "ETag")} for part in told]}
                said = {"etag": s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"]}
            case "/abort":
                s3.abort_multipart_upload(**upload)
                said = {}
            case "/form":
                said = s3.generate_presigned_post(bucket, given["key"])
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test reads no log."""


server = ThreadingHTTPServer(("127.0.0.1", 0), App)
print(server.server_port, flush=True)
server.serve_forever()
