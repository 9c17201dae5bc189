"""Mail addresses as platforms on Cal.com write them."""

from __future__ import annotations

import re

_CLIENT_SUFFIX = re.compile(r"\+c[a-z0-9]{24}(?=@)", re.IGNORECASE)


def without_client_suffix(address: str) -> str:
    """Return an address without the ``+`` and client id that a platform adds for its managed users.

    Cal.com's ``displayEmail`` is that address; servers of 2025 do not send it.

    :param address: as Cal.com stores it.
    """
    return _CLIENT_SUFFIX.sub("", address)
