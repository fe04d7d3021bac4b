"""Sessions of the WebSocket API: who a connection is signed in as, and the calls that change it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.api.auth import ApiKey, verify
from simulator.api.calls import check_timing
from simulator.api.errors import bad_key, bad_key_format, bad_signature
from simulator.api.json_object import JsonObject
from simulator.api.params import Params, missing
from simulator.api.state import TwinState
from simulator.api.streams.hub import Connection, render
from simulator.api.streams.user_stream import UserStreams
from simulator.api.ws_api.request import Request, signing_payload
from simulator.engine.errors import ApiError


@dataclass
class Session:
    """What the twin knows of one connection."""

    connection: Connection
    address: str
    connected_ms: int
    return_limits: bool = True
    key: ApiKey | None = None
    authorized_ms: int | None = None
    logon_subscription: int | None = None


class Sessions:
    """What sessions may do. ``calls`` are the methods that no REST path has; each returns its result or raises
    ApiError."""

    def __init__(self, state: TwinState, users: UserStreams) -> None:
        self._state = state
        self._users = users
        self.calls: dict[str, Callable[[Session, Request], Any]] = {
            "session.logon": self._logon,
            "session.status": self._status,
            "session.logout": self._logout,
            "session.subscriptions": self._subscriptions,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

    def signer(self, session: Session, request: Request) -> ApiKey:
        """Whose request this is. Raises ApiError when its key, time or signature is not right."""
        values = request.values
        if "apiKey" not in values and session.key is not None:
            check_timing(self._state, Params(dict(values)))
            return session.key
        return self._verified(values)

    def _verified(self, values: Mapping[str, str]) -> ApiKey:
        for name in ("apiKey", "signature"):
            if not values.get(name):
                raise missing(name)
        if len(values["apiKey"]) != 64:
            raise bad_key_format()
        key = self._state.keys.get(values["apiKey"])
        if key is None:
            raise bad_key()
        check_timing(self._state, Params(dict(values)))
        if not verify(key, signing_payload(values), values["signature"]):
            raise bad_signature()
        return key

    def revoke(self, session: Session) -> None:
        """The key of a session does not exist any more: the client is told once."""
        if session.key is None:
            return
        session.key, session.authorized_ms, session.logon_subscription = None, None, None
        answer = {"id": None, "status": 401, "error": bad_key().body()}
        session.connection.put(render(answer))

    def _logon(self, session: Session, request: Request) -> JsonObject:
        key = self._state.keys.get(request.values.get("apiKey", ""))
        if key is not None and key.key_type != "ED25519":
            raise ApiError(
                -4056, f"{'HMAC_SHA256' if key.key_type == 'HMAC' else key.key_type} API key is not supported."
            )
        session.key = self._verified(request.values)
        session.authorized_ms = self._state.clock.now_ms()
        return self._status(session, request)

    def _status(self, session: Session, request: Request) -> JsonObject:
        return {
            "apiKey": session.key.api_key if session.key is not None else None,
            "authorizedSince": session.authorized_ms,
            "connectedSince": session.connected_ms,
            "returnRateLimits": session.return_limits,
            "serverTime": self._state.clock.now_ms(),
            "userDataStream": bool(self._users.subscriptions(session.connection)),
        }

    def _logout(self, session: Session, request: Request) -> JsonObject:
        if session.logon_subscription is not None:
            self._users.end(session.connection, session.logon_subscription)
        session.key, session.authorized_ms, session.logon_subscription = None, None, None
        return self._status(session, request)

    def _subscriptions(self, session: Session, request: Request) -> list[JsonObject]:
        return [{"subscriptionId": number} for number in self._users.subscriptions(session.connection)]

    def _subscribe(self, session: Session, request: Request) -> JsonObject:
        if session.key is None:
            raise bad_key()
        session.logon_subscription = self._users.subscribe(session.connection, session.key.account)
        return {"subscriptionId": session.logon_subscription}

    def _subscribe_signed(self, session: Session, request: Request) -> JsonObject:
        key = self._verified(request.values)
        return {"subscriptionId": self._users.subscribe(session.connection, key.account)}

    def _unsubscribe(self, session: Session, request: Request) -> JsonObject:
        number = request.params.integer("subscriptionId")
        self._users.unsubscribe(session.connection, number)
        if number is None or number == session.logon_subscription:
            session.logon_subscription = None
        return {}
