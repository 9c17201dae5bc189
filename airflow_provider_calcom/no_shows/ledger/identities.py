"""How a ledger identifies people: by their address, or by a keyed hash of it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom.api.models import normalize_email
from airflow_provider_calcom.attendance.errors import AttendanceError

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

_MIN_SECRET_LENGTH = 16
_HASH = re.compile("[0-9a-f]{8}-[0-9a-f]{64}")


class LedgerSecretMismatch(AttendanceError):
    """The ledger has hashes of addresses, and the secret is missing or another. Set the connection's ledger_secret."""


class Identities:
    """Makes and finds the names by which a ledger identifies people.

    A plain hash would not hide anyone: with a list of addresses at hand, all of them could be hashed and looked up. So
    it is keyed (HMAC-SHA256), and begins with a mark of its key, so that another key is an error instead of finding
    nobody.

    :param secret: the key of hashes, at least 16 characters; not shown in the repr. Without it hashes can't be read.
    :param are_hashed: whether new records have hashes instead of addresses.
    :raises LedgerSecretMismatch: if hashes are to be written and the secret is missing, or if it is too short.
    """

    def __init__(self, secret: str | None = None, *, are_hashed: bool = False) -> None:
        if are_hashed and not secret:
            raise LedgerSecretMismatch(
                "ledger_addresses is 'hashed', which needs a secret: put ledger_secret, at least"
                f" {_MIN_SECRET_LENGTH} characters, into the connection's extra fields"
            )
        if secret and len(secret) < _MIN_SECRET_LENGTH:
            raise LedgerSecretMismatch(
                f"The connection's extra field ledger_secret has {len(secret)} characters; at least"
                f" {_MIN_SECRET_LENGTH} are needed"
            )
        self.are_hashed = are_hashed
        self._key = secret.encode() if secret else None
        self._mark = hashlib.sha256(b"mark of " + self._key).hexdigest()[:8] if self._key else ""

    def record_fields(self, email: str) -> tuple[str | None, str | None]:
        """Return the fields ``email`` and ``email_hash`` of a record."""
        return (None, self.hashed(email)) if self.are_hashed else (email, None)

    def names(self, email: str) -> tuple[str, ...]:
        """Return all names that a person may have in a ledger, whose records may have been written both ways."""
        plain = normalize_email(email)
        return (plain, self.hashed(plain)) if self._key else (plain,)

    def check_hash(self, email_hash: str) -> None:
        """Check that a hash was made with this secret.

        :raises LedgerSecretMismatch: if not, or if there is no secret.
        """
        if not self._key:
            raise LedgerSecretMismatch(
                "The ledger has hashes instead of addresses: put the secret that they were made with into the"
                " connection's extra field ledger_secret"
            )
        if not email_hash.startswith(f"{self._mark}-"):
            raise LedgerSecretMismatch(
                "The ledger's hashes were made with another secret than the connection's extra field ledger_secret."
                " Set that one, or begin another ledger"
            )

    def hashed(self, email: str) -> str:
        """Return the hash that represents an address.

        :raises LedgerSecretMismatch: if there is no secret.
        """
        if self._key is None:
            raise LedgerSecretMismatch(
                "Hashing addresses needs a secret: put ledger_secret, at least"
                f" {_MIN_SECRET_LENGTH} characters, into the connection's extra fields"
            )
        plain = normalize_email(email).encode(errors="replace")
        return f"{self._mark}-{hmac.new(self._key, plain, hashlib.sha256).hexdigest()}"


def is_hash(name: str) -> bool:
    """Return whether a name is the hash of an address, and not an address."""
    return _HASH.fullmatch(name) is not None
