"""Git repositories in an S3 bucket, through the program git-remote-s3 that git calls for `s3://bucket/prefix`.

It keeps each branch as one object, `<prefix>/refs/heads/<branch>/<commit>.bundle`, and a push locks the branch by an
object beside it, writes the new bundle, removes the old one, and unlocks. It knows the AWS variables alone.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from molino.contracts.settings import Settings

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
LEFT_SECONDS = 10.0
"""A lock that is older is spoken of: a push to a repository of this size is done before."""


class Bundles(Protocol):
    """The objects below a repository's address."""

    def written(self, prefix: str) -> dict[str, datetime]:
        """Return when each object below a prefix was written."""

    def delete(self, key: str) -> None:
        """Remove an object."""

    def uri(self, key: str) -> str:
        """Return the address for people."""


def environment(settings: Settings, scratch: Path) -> dict[str, str]:
    """Return the variables that lead git-remote-s3 to the settings' S3; its temporary files go to `scratch`."""
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


def recover(objects: Bundles, branch: str) -> None:
    """Take away the old bundle of a push that was killed between writing the new one and removing the old one.

    git-remote-s3 refuses every push to a branch with two bundles. The newer one is the one to keep: it was written
    under the lock, and descends from the older one. While the lock is held nothing is touched.

    Raises:
        StoreError: the bucket can't be reached.
    """
    written = objects.written(f"refs/heads/{branch}/")
    bundles = sorted((key for key in written if key.endswith(".bundle")), key=lambda key: written[key])
    locks = [written[key] for key in written if key.endswith(".lock")]
    if len(bundles) > 1 and not any(map(_is_held, locks)):
        for key in bundles[:-1]:
            objects.delete(key)


def left_lock(objects: Bundles, branch: str) -> str | None:
    """Return what tells of the lock on a branch: held by a push that is at work, or left by one that was killed."""
    for key, locked in objects.written(f"refs/heads/{branch}/").items():
        if key.endswith(".lock") and _age(locked) > LEFT_SECONDS:
            return (
                f"{objects.uri(key)} is {_age(locked):.0f} s old: one that was killed has left it where no push "
                f"is at work; remove it, or wait until it is taken away after {LOCK_SECONDS} s"
            )
    return None


def _is_held(locked: datetime) -> bool:
    return _age(locked) < LOCK_SECONDS


def _age(locked: datetime) -> float:
    return (datetime.now(UTC) - locked).total_seconds()
