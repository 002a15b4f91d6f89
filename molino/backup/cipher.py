"""How the files of an encrypted set are written: AES-256-GCM in pieces, so that memory stays bounded.

Each file has a key of its own, by HKDF (RFC 5869) from the set's key and a random salt. Pieces are chained as the
STREAM construction has it (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, 2015): the nonce is the number of the piece and whether it is the last, so that none can be left
out, doubled, moved or cut off.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from molino.contracts.errors import BackupError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE_BYTES = 2**20
SALT_BYTES = 16
TAG_BYTES = 16
MAGIC = b"molino-backup-1\n"


class Cipher:
    """Encrypts and decrypts files with one key.

    Raises:
        BackupError: the package cryptography isn't installed.
    """

    def __init__(self, key: bytes) -> None:
        try:
            import cryptography  # noqa: F401
        except ImportError as error:
            raise BackupError("MOLINO_BACKUP_KEY: the package cryptography isn't installed; install it") from error
        self._key = key

    @property
    def key_id(self) -> str:
        """A name of the key, from which it can't be told."""
        return hmac.digest(self._key, b"molino backup key", "sha256").hex()[:16]

    def name(self, sha256: str) -> str:
        """Return a name for the bytes of a SHA-256 that tells nothing of them without the key."""
        return hmac.digest(self._key, sha256.encode(), "sha256").hex()

    def encrypt(self, source: Path, target: Path) -> None:
        """Write a file encrypted."""
        salt = os.urandom(SALT_BYTES)
        with source.open("rb") as plain, target.open("wb") as hidden:
            hidden.write(MAGIC + salt)
            seal = self._sealer(salt)
            for number, (piece, last) in enumerate(_pieces(plain, PIECE_BYTES)):
                hidden.write(seal.encrypt(_nonce(number, last), piece, None))

    def decrypt(self, source: Path, target: Path) -> None:
        """Write an encrypted file as it was.

        Raises:
            BackupError: it was altered, or encrypted with another key.
        """
        from cryptography.exceptions import InvalidTag

        with source.open("rb") as hidden, target.open("wb") as plain:
            head = hidden.read(len(MAGIC) + SALT_BYTES)
            if not head.startswith(MAGIC) or len(head) < len(MAGIC) + SALT_BYTES:
                raise BackupError("it is no encrypted file of a backup")
            seal = self._sealer(head[len(MAGIC) :])
            try:
                for number, (piece, last) in enumerate(_pieces(hidden, PIECE_BYTES + TAG_BYTES)):
                    plain.write(seal.decrypt(_nonce(number, last), piece, None))
            except InvalidTag as error:
                raise BackupError("it was altered, or encrypted with another key") from error

    def _sealer(self, salt: bytes) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        extracted = hmac.digest(salt, self._key, hashlib.sha256)
        return AESGCM(hmac.digest(extracted, b"file\x01", hashlib.sha256))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield a file's pieces, each with whether it is the last; an empty file has one, which is empty."""
    piece = file.read(size)
    while True:
        following = file.read(size)
        yield piece, not following
        if not following:
            return
        piece = following
