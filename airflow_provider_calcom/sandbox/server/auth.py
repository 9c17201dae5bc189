"""Authentication and authorization of a request, in the order of the real server's guards."""

from dataclasses import dataclass

from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.throttle import Limit
from airflow_provider_calcom.sandbox.world import Client, Key, Token, User, World

_NOTHING = (
    "PermissionsGuard - no authentication provided. Provide either authorization bearer token containing managed "
    "user access token or oAuth client id in 'x-cal-client-id' header."
)
_LACKS = (
    "PermissionsGuard - oAuth client with id={client} does not have the required permissions={wanted}. Go to platform "
    "dashboard settings and add the required permissions to the oAuth client."
)
_EXPIRED = "ACCESS_TOKEN_IS_EXPIRED"
_NO_METHOD = (
    "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client "
    "credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers"
)


@dataclass(frozen=True)
class Caller:
    """The sender of a request; `token` is the Authorization header without a leading "Bearer "."""

    token: str
    client_id: str
    address: str
    key: Key | None
    access: Token | None = None
    client: Client | None = None
    secret: str = ""

    @classmethod
    def of(cls, headers: dict[str, str], address: str, world: World) -> "Caller":
        """Read the headers. Only the exact prefix "Bearer " is removed, once: other spellings stay in the token."""
        token = headers.get("authorization", "").replace("Bearer ", "", 1)
        client_id, access = headers.get("x-cal-client-id", ""), world.tokens.get(token)
        client = world.clients.get(access.client if access else client_id)
        secret = headers.get("x-cal-secret-key", "")
        return cls(token, client_id, address, world.keys.get(token), access, client, secret)

    @property
    def has_key_form(self) -> bool:
        """True if the token looks like an API key."""
        return self.token.startswith("cal_")

    def limits(self, default: Limit) -> tuple[str, tuple[Limit, ...]]:
        """Return the name of the counter for this caller's requests, and its limits; raise 401 for an unknown key."""
        if self.has_key_form:
            if self.key is None:
                raise ApiError(401, "CustomThrottlerGuard - Invalid API Key")
            return f"key {self.key.value}", self.key.limits or (default,)
        if self.token:
            return f"token {self.token}", (Limit(500),)
        if self.client_id:
            return f"client {self.client_id}", (Limit(500),)
        return f"address {self.address}", (default,)

    def check_permissions(self, wanted: str) -> None:
        """Raise 403, as the guard of the booking routes, unless the caller has an API key or the OAuth permission."""
        if self.has_key_form:
            return
        if self.client and (self.access or not self.token):
            if wanted and wanted not in self.client.permissions:
                raise ApiError(403, _LACKS.format(client=self.client.id, wanted=wanted))
            return
        if self.token:
            raise ApiError(403, f"PermissionsGuard - no oAuth client found for access token={self.token}")
        if self.client_id:
            raise ApiError(403, f"PermissionsGuard - no oAuth client found for client id={self.client_id}")
        raise ApiError(403, _NOTHING)

    def user(self) -> User:
        """Return the user of the key or token, or the client's owner; raise 401 or, for an expired token, 498."""
        if self.access is not None:
            if self.access.expired:
                raise ApiError(498, _EXPIRED, "TokenExpiredException", _EXPIRED)
            return self.access.user
        if self.key is None:
            if self.client_id and not self.token:
                return self._client_owner()
            raise ApiError(401, "Invalid Access Token." if self.token else _NO_METHOD)
        if self.key.expired:
            raise ApiError(401, "ApiAuthStrategy - api key - Your api key is expired")
        return self.key.user

    def _client_owner(self) -> User:
        if self.client is None:
            raise ApiError(401, "ApiAuthStrategy - oAuth client - Invalid client credentials")
        if self.secret != self.client.secret:
            raise ApiError(401, "ApiAuthStrategy - oAuth client - Invalid client secret")
        if self.client.owner is None:
            raise ApiError(401, "ApiAuthStrategy - oAuth client - No owner ID found for this OAuth client")
        return self.client.owner

    def user_if_any(self) -> User | None:
        """Return the user, or None without authentication: for routes where it is optional but must be valid."""
        return self.user() if self.token or self.client_id else None
