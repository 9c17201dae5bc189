"""How a ledger names people: by their address, or by a keyed hash of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import string

from airflow_provider_calcom.attendance.errors import AttendanceError

_SHORTEST_SECRET = 16
_HASH = re.compile("[0-9a-f]{8}-[0-9a-f]{64}")
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class LedgerSecretWrong(AttendanceError):
    """The ledger names people by a hash whose secret is missing or another. Give the connection the right one."""


def folded(email: str) -> str:
    """Fold an address to find it: tables may spell it otherwise than Cal.com, which the ledger follows.

    Only ASCII letters are folded, so that no look-alike becomes somebody else.
    """
    return email.translate(_TO_LOWER)


class Addresses:
    """Makes and finds the names of people in a ledger.

    A plain hash would not do: whoever has a list of addresses could hash them all and look them up. So it is keyed
    (HMAC-SHA256), and carries a mark of its key, so that another key is noticed in place of finding nobody.

    :param secret: the key of hashes, at least 16 characters; not shown in the repr. Without it hashes can't be read.
    :param are_hashed: whether addresses are written as hashes.
    :raises LedgerSecretWrong: if hashes are to be written, and there is no secret, or a short one.
    """

    def __init__(self, secret: str | None = None, *, are_hashed: bool = False) -> None:
        if are_hashed and not secret:
            raise LedgerSecretWrong(
                "ledger_addresses is 'hashed', which needs a secret: put ledger_secret, at least"
                f" {_SHORTEST_SECRET} characters, into the connection's extra fields"
            )
        if secret and len(secret) < _SHORTEST_SECRET:
            raise LedgerSecretWrong(
                f"The connection's extra field ledger_secret has {len(secret)} characters; at least {_SHORTEST_SECRET}"
                " are needed"
            )
        self.are_hashed = are_hashed
        self._key = secret.encode() if secret else None
        self._mark = hashlib.sha256(b"mark of " + self._key).hexdigest()[:8] if self._key else ""

    def named(self, email: str) -> tuple[str | None, str | None]:
        """Give the fields ``email`` and ``email_hash`` of a record."""
        return (None, self.hashed(email)) if self.are_hashed else (email, None)

    def names(self, email: str) -> tuple[str, ...]:
        """Give all names that somebody may have in a ledger: it may have been kept both ways over the years."""
        plain = folded(email)
        return (plain, self.hashed(plain)) if self._key else (plain,)

    def check(self, email_hash: str) -> None:
        """See that a hash is one of ours.

        :raises LedgerSecretWrong: if not.
        """
        if not self._key:
            raise LedgerSecretWrong(
                "The ledger names people by hashes: put the secret that they were made with into the connection's extra"
                " field ledger_secret"
            )
        if not email_hash.startswith(f"{self._mark}-"):
            raise LedgerSecretWrong(
                "The ledger's hashes were made with another secret than the connection's extra field ledger_secret."
                " Give that one, or begin another ledger"
            )

    def hashed(self, email: str) -> str:
        """Return the hash that stands for an address.

        :raises LedgerSecretWrong: if there is no secret.
        """
        if self._key is None:
            raise LedgerSecretWrong(
                "Hashing addresses needs a secret: put ledger_secret, at least"
                f" {_SHORTEST_SECRET} characters, into the connection's extra fields"
            )
        plain = folded(email).encode(errors="replace")
        return f"{self._mark}-{hmac.new(self._key, plain, hashlib.sha256).hexdigest()}"


def is_hash(name: str) -> bool:
    """Return whether a name that stands where an address does is a hash of one."""
    return _HASH.fullmatch(name) is not None
