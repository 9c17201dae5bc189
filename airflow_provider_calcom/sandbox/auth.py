"""Who is calling, in the order in which the real server's guards ask."""

from dataclasses import dataclass

from airflow_provider_calcom.sandbox.errors import ApiError
from airflow_provider_calcom.sandbox.throttle import Limit
from airflow_provider_calcom.sandbox.world import Key, User, World

_NOTHING = (
    "PermissionsGuard - no authentication provided. Provide either authorization bearer token containing managed "
    "user access token or oAuth client id in 'x-cal-client-id' header."
)
_NO_METHOD = (
    "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client "
    "credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers"
)


@dataclass(frozen=True)
class Caller:
    """What a request says about its sender. `token` is the Authorization header without a leading "Bearer "."""

    token: str
    client_id: str
    address: str
    key: Key | None

    @classmethod
    def of(cls, headers: dict[str, str], address: str, world: World) -> "Caller":
        """Read the headers. Only the exact word "Bearer " is cut off, once, so other spellings stay in the token."""
        token = headers.get("authorization", "").replace("Bearer ", "", 1)
        return cls(token, headers.get("x-cal-client-id", ""), address, world.keys.get(token))

    @property
    def has_key_form(self) -> bool:
        return self.token.startswith("cal_")

    def limits(self, default: Limit) -> tuple[str, tuple[Limit, ...]]:
        """The tracker that counts this caller's requests, and its limits. 401 for a key that doesn't exist."""
        if self.has_key_form:
            if self.key is None:
                raise ApiError(401, "CustomThrottlerGuard - Invalid API Key")
            return f"key {self.key.value}", self.key.limits or (default,)
        if self.token:
            return f"token {self.token}", (Limit(500),)
        if self.client_id:
            return f"client {self.client_id}", (Limit(500),)
        return f"address {self.address}", (default,)

    def check_permissions(self) -> None:
        """The guard of the booking routes, which lets keys pass and knows no token or client of this sandbox."""
        if self.has_key_form:
            return
        if self.token:
            raise ApiError(403, f"PermissionsGuard - no oAuth client found for access token={self.token}")
        if self.client_id:
            raise ApiError(403, f"PermissionsGuard - no oAuth client found for client id={self.client_id}")
        raise ApiError(403, _NOTHING)

    def user(self) -> User:
        """The user of the key; 401 without a valid one."""
        if self.key is None:
            if self.client_id and not self.token:
                raise ApiError(401, "ApiAuthStrategy - oAuth client - Invalid client credentials")
            raise ApiError(401, "Invalid Access Token." if self.token else _NO_METHOD)
        if self.key.expired:
            raise ApiError(401, "ApiAuthStrategy - api key - Your api key is expired")
        return self.key.user

    def user_if_any(self) -> User | None:
        """For GET of one booking, where no authentication is fine but a bad one isn't."""
        return self.user() if self.token or self.client_id else None
