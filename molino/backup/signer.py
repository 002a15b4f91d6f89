"""How manifests are authenticated: HMAC-SHA256 (RFC 2104), so that who may write into the store can't forge a set."""

import hmac


class Signer:
    """Signs manifests with one key.

    Args:
        key: of sets that are only authenticated, or that by which files are encrypted: what signs is derived from it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"molino backup manifest", "sha256")

    @property
    def key_id(self) -> str:
        """A name of the key, from which it can't be told."""
        return hmac.digest(self._key, b"molino backup signer", "sha256").hex()[:16]

    def sign(self, manifest: bytes) -> str:
        """Return the line that stands beside a manifest."""
        return f"{self.key_id} {hmac.digest(self._key, manifest, 'sha256').hex()}\n"

    def fault(self, manifest: bytes, line: str, trusted: bool) -> str | None:
        """Return why a manifest isn't what the key's owner wrote; none where it is.

        Args:
            manifest: its bytes.
            line: what stands beside it; empty where nothing does.
            trusted: whether no line, or that of another key, is a fault too.
        """
        key_id = line.partition(" ")[0]
        if key_id == self.key_id:
            if hmac.compare_digest(line.encode(), self.sign(manifest).encode()):
                return None
            return "its HMAC is wrong: it was altered by somebody without the key; take another set"
        if not trusted:
            return None
        told = (
            "it was altered, or encrypted with another key, or authenticated by one"
            if line
            else "it has no HMAC, as sets of earlier versions have none"
        )
        return f"{told}: take another set, its own key, or say --unsigned to trust it"
