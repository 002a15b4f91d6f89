"""Git repositories in an S3 bucket, through the program git-remote-s3 that git calls for `s3://bucket/prefix`.

It keeps each branch as one object, `<prefix>/refs/heads/<branch>/<commit>.bundle`, and a push locks the branch by an
object beside it, writes the new bundle, removes the old one, and unlocks. It knows the AWS variables alone.
"""

from datetime import UTC, datetime
from pathlib import Path

from molino.contracts.errors import StoreError, VersionError
from molino.contracts.settings import Settings
from training.stores.s3 import S3Store

SCHEME = "s3://"
TOO_LATE = (
    "is not ancestor of",
    "stale remote",
    "failed to acquire ref lock",
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "HeadObject operation: Not Found",
    "multiple bundles",
    "matches more than one",
)
"""What git-remote-s3, and git by it, say when another push was quicker, or is at work."""
LOCK_SECONDS = 60
"""A lock that is older was left by a push that was killed; the next push takes it away."""


def environment(settings: Settings, scratch: Path) -> dict[str, str]:
    """Return the variables that lead git-remote-s3 to the settings' S3; its passing files go to `scratch`."""
    secret = settings.s3_secret_key
    pairs = {
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else None,
        "AWS_DEFAULT_REGION": settings.s3_region,
        "AWS_MAX_ATTEMPTS": "3",
        # Stores other than AWS don't know the newer checksums.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "GIT_REMOTE_S3_LOCK_TTL_SECONDS": str(LOCK_SECONDS),
        "TMPDIR": str(scratch),
    }
    return {name: value for name, value in pairs.items() if value}


def open_prefix(url: str, settings: Settings) -> S3Store:
    """Return the objects below an `s3://bucket/prefix`."""
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    return S3Store(bucket, prefix, settings)


def recover(remote: str, branch: str, settings: Settings) -> None:
    """Take away the old bundle of a push that was killed between writing the new one and removing the old one.

    git-remote-s3 refuses every push to a branch with two bundles. The newer one is the one to keep: it was written
    under the lock, and descends from the older one. While the lock is held nothing is touched.

    Raises:
        VersionError: the bucket can't be reached.
    """
    objects = open_prefix(remote, settings)
    try:
        written = objects.written(f"refs/heads/{branch}/")
        bundles = sorted((key for key in written if key.endswith(".bundle")), key=lambda key: written[key])
        locks = [written[key] for key in written if key.endswith(".lock")]
        if len(bundles) > 1 and not any(map(_is_held, locks)):
            for key in bundles[:-1]:
                objects.delete(key)
    except StoreError as error:
        raise VersionError(f"MOLINO_GIT_REMOTE: {error}") from error


def _is_held(locked: datetime) -> bool:
    return (datetime.now(UTC) - locked).total_seconds() < LOCK_SECONDS
