"""Keep web pages out: whoever runs a sandbox also runs a browser, and a page may call whatever listens on the machine.

The real server answers any page with a key. The sandbox's keys are known to everybody, and its admin routes need none.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from airflow_provider_calcom.sandbox.responses import Answer

ADMIN = "/_sandbox/"


def refusal(method: str, path: str, headers: Mapping[str, str], content: bytes, hosts: frozenset[str]) -> Answer | None:
    """The answer to a request that may be a page's; None for one that may pass.

    Any other Host than an address, localhost or one of `hosts` is refused, as a page's own name may be made to lead
    here; so are an Origin that isn't this server, what a browser says comes from another site, and, on the admin
    routes, a body of another type than JSON, which a page may send without asking first.

    :param headers: names in lower case.
    :param hosts: further names that this server is called by.
    """
    host = headers.get("host", "")  # a browser always sends one
    if "host" in headers and not _is_own(host, hosts):
        text = f"Host {host!r} is not this sandbox: call it by address, as localhost, or allow the name (--allow-host)"
        return Answer({"message": text}, 403)
    origin = headers.get("origin")
    if method == "OPTIONS":
        return Answer("", 204, text=True)  # without the headers that would let a page go on
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        return Answer({"message": f"Origin {origin!r} is a web page's: no page may call the sandbox"}, 403)
    if headers.get("sec-fetch-site", "none").lower() not in ("none", "same-origin"):
        return Answer({"message": "Sec-Fetch-Site is another site's: no page may call the sandbox"}, 403)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if path.startswith(ADMIN) and (content or kind) and kind != "application/json":
        return Answer({"message": f"Content-Type {kind!r} is not application/json"}, 415)
    return None


@lru_cache(256)
def _is_own(host: str, hosts: frozenset[str]) -> bool:
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if colon and port and not (port.isascii() and port.isdigit()):
        return False
    name = (name if colon else host).removesuffix(".").lower()
    if name in ("localhost", *hosts) or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
