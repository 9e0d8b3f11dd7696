#!/usr/bin/python3
"""How many URLs botocore presigns in a second: the median of five runs.

Says nothing where it is not installed.
"""
import statistics
import time

try:
    import botocore.session
    from botocore.config import Config
except ImportError:
    raise SystemExit(0)

COUNT = 400
KEY = "nar/1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0.nar.zst"

client = botocore.session.get_session().create_client(
    "s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:9000",
    aws_access_key_id="K0123456789abcdef01234567",
    aws_secret_access_key="of no account",
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def rate():
    began = time.perf_counter()
    for _ in range(COUNT):
        client.generate_presigned_url(
            "put_object", Params={"Bucket": "bucket", "Key": KEY,
                                  "ContentLength": 123456},
            ExpiresIn=300)
    return COUNT / (time.perf_counter() - began)


rate()
print(round(statistics.median(rate() for _ in range(5))))
