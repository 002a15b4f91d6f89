"""Keeps a folder equal to a prefix of a bucket: `sync.py s3://bucket/prefix FOLDER SECONDS`.

TensorBoard reads local folders only well; this brings it its logs. Changed objects (by size and ETag) are fetched
whole and put in place by a rename; files whose object is gone are removed.
"""

import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.credentials.providers import IamAwsProvider
from minio.error import MinioException

CONNECT_SECONDS, READ_SECONDS = 5, 60
"""A server that doesn't answer is given up, and named, before the liveness probe loses its patience."""
ALIVE = Path("/tmp/alive")  # noqa: S108  # the pod's own emptyDir
"""Touched after each look at the store, for the liveness probe."""


def say(event: str, **more: object) -> None:
    """Write one JSON line to stderr."""
    print(json.dumps({"event": event, **more}), file=sys.stderr, flush=True)


def sync(client: Minio, bucket: str, prefix: str, folder: Path, known: dict[str, str]) -> int:
    """Bring the folder up to date; return how many files changed. `known` maps keys to the ETags on disk."""
    changed = 0
    found = {
        item.object_name: item.etag
        for item in client.list_objects(bucket, prefix, recursive=True)
        if item.object_name and item.etag and not item.is_dir
    }
    for key, etag in found.items():
        if known.get(key) != etag:
            client.fget_object(bucket, key, str(_path(folder, prefix, key)))
            known[key] = etag
            changed += 1
    for key in set(known) - set(found):
        _path(folder, prefix, key).unlink(missing_ok=True)
        del known[key]
        changed += 1
    return changed


def _path(folder: Path, prefix: str, key: str) -> Path:
    path = (folder / key.removeprefix(prefix)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise SystemExit(f"the key {key!r} leads out of {folder}")
    return path


def main() -> None:
    """Sync for ever; a store that can't be reached is said once and tried again."""
    address, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    endpoint = urlsplit(os.environ["MOLINO_S3_ENDPOINT"])
    region = os.environ.get("MOLINO_S3_REGION", "us-east-1")
    client = Minio(
        endpoint=endpoint.netloc,
        access_key=os.environ.get("MOLINO_S3_ACCESS_KEY"),
        secret_key=os.environ.get("MOLINO_S3_SECRET_KEY"),
        region=region,
        credentials=IamAwsProvider(region=region) if os.environ.get("MOLINO_S3_IDENTITY") == "true" else None,
        secure=endpoint.scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False
        ),
    )
    known: dict[str, str] = {}
    trouble = ""
    while True:
        try:
            changed = sync(client, bucket, prefix, folder, known)
            if changed or trouble:
                say("synced", changed=changed, files=len(known))
            trouble = ""
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            if str(error) != trouble:
                say("can't sync", address=address, cause=str(error))
            trouble = str(error)
        ALIVE.touch()
        time.sleep(seconds)


if __name__ == "__main__":
    main()
