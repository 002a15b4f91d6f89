"""Sets up MinIO: its buckets, and one key per service with only the rights it needs. Safe to run again.

Usage: storage.py STORAGE_YAML KEYS_FOLDER, with the root key in MOLINO_S3_ACCESS_KEY and MOLINO_S3_SECRET_KEY.
STORAGE_YAML lists `buckets` and, per service, its rights: `actions` (read or readwrite), `bucket`, `prefix`.
KEYS_FOLDER holds `<service>-access-key` and `<service>-secret-key`, as a mounted Secret does.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from minio import Minio
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, MinioException
from minio.minioadmin import MinioAdmin

READ = ["s3:GetObject"]
WRITE = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
LIST = ["s3:ListBucket"]
OF_BUCKET = ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
"""What a writer asks of the whole bucket, with the names in it: who may not list is told of what isn't there that it is
forbidden."""
PATIENCE_SECONDS = 120


def policy(rights: list[dict[str, str]]) -> dict[str, Any]:
    """Return the S3 policy document of a service's rights."""
    statements = []
    for right in rights:
        prefix, writes = right.get("prefix", ""), right["actions"] == "readwrite"
        bucket, objects = f"arn:aws:s3:::{right['bucket']}", f"arn:aws:s3:::{right['bucket']}/{prefix}*"
        below = {"Condition": {"StringLike": {"s3:prefix": [f"{prefix}*"]}}} if prefix and not writes else {}
        statements += [
            _allowed(OF_BUCKET + LIST if writes else LIST, bucket) | below,
            _allowed(READ + WRITE if writes else READ, objects),
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _allowed(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": [resource]}


def set_up(client: Minio, admin: MinioAdmin, storage: dict[str, Any], keys: Path) -> None:
    """Make what is missing, and set every service's key and rights to what the file says."""
    for bucket in storage["buckets"]:
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
            print(f"made bucket {bucket}")
    for service, rights in storage["services"].items():
        access_key = (keys / f"{service}-access-key").read_text()
        admin.user_add(access_key, (keys / f"{service}-secret-key").read_text())
        admin.policy_add(f"molino-{service}", policy=policy(rights))
        _attach(admin, f"molino-{service}", access_key)
        print(f"set the key and rights of {service}")


def _attach(admin: MinioAdmin, name: str, access_key: str) -> None:
    try:
        admin.attach_policy([name], user=access_key)
    except MinioAdminException as error:
        if "already in effect" not in str(error):
            raise


def wait_until_ready(endpoint: str) -> None:
    """Wait for the server's own readiness check.

    Raises:
        SystemExit: it didn't answer in two minutes; the message names the endpoint.
    """
    pool = urllib3.PoolManager(timeout=5, retries=False)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if pool.request("GET", f"{endpoint}/minio/health/ready").status == 200:
                return
            cause = "it isn't ready"
        except urllib3.exceptions.HTTPError as error:
            cause = str(error)
        if time.monotonic() > deadline:
            raise SystemExit(f"no MinIO at {endpoint} after {PATIENCE_SECONDS} s: {cause}")
        time.sleep(1)


def main() -> None:
    """Read the arguments and the environment, and set the storage up."""
    storage_file, keys = Path(sys.argv[1]), Path(sys.argv[2])
    endpoint = os.environ["MOLINO_S3_ENDPOINT"]
    access_key, secret_key = os.environ["MOLINO_S3_ACCESS_KEY"], os.environ["MOLINO_S3_SECRET_KEY"]
    wait_until_ready(endpoint)
    url = urlsplit(endpoint)
    secure = url.scheme == "https"
    client = Minio(endpoint=url.netloc, access_key=access_key, secret_key=secret_key, secure=secure)
    admin = MinioAdmin(endpoint=url.netloc, credentials=StaticProvider(access_key, secret_key), secure=secure)
    try:
        set_up(client, admin, yaml.safe_load(storage_file.read_text()), keys)
    except MinioException as error:
        raise SystemExit(f"MinIO at {endpoint} refused: {error}") from error


if __name__ == "__main__":
    main()
