"""Request parameters as text, read one by one with Binance's errors for what is missing or malformed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from simulator.engine.errors import ApiError
from simulator.engine.orders import Ref

DECIMAL_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER_RANGE = r"^[0-9]{1,20}$"
CLIENT_ID_RANGE = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
LONG_MAX = 2**63 - 1
# A time above this is in microseconds: in milliseconds it would lie beyond the year 5000.
MICROSECONDS_FROM = 10**14

_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_INTEGER = re.compile(r"[0-9]{1,20}")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_SYMBOL = re.compile(r"[\w\-.]{1,50}")

Choice = TypeVar("Choice", bound=StrEnum)


def illegal(name: str, legal: str) -> ApiError:
    """-1100: characters that do not belong there."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def missing(name: str) -> ApiError:
    """-1102: a mandatory parameter is not there."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> ApiError:
    """-1106: a parameter that does not go with the others."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def invalid(name: str) -> ApiError:
    """-1130: a value that is not one of those allowed."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


class Params(Mapping[str, str]):
    """The parameters of one request. Every reader raises ApiError for what it cannot accept."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def expect_only(self, allowed: Iterable[str]) -> None:
        """Raises -1104 when parameters were sent that the endpoint does not read."""
        sent = len(self._values)
        read = len(self._values.keys() & set(allowed))
        if read == sent:
            return
        if read == 0 and not set(allowed):
            raise ApiError(-1101, f"Too many parameters; expected '0' and received '{sent}'.")
        raise ApiError(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")

    def text(self, name: str) -> str | None:
        """An optional text; empty is an error."""
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def symbol(self, name: str = "symbol") -> str:
        """A symbol; lower case is not a symbol here."""
        return check_symbol(self.required(name), name)

    def optional_symbol(self, name: str = "symbol") -> str | None:
        value = self.text(name)
        return None if value is None else check_symbol(value, name)

    def decimal(self, name: str) -> Decimal | None:
        """An amount in plain digits: no sign, no exponent."""
        value = self.text(name)
        if value is None:
            return None
        if _DECIMAL.fullmatch(value) is None:
            raise illegal(name, DECIMAL_RANGE)
        return Decimal(value)

    def required_decimal(self, name: str) -> Decimal:
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise illegal(name, INTEGER_RANGE)
        number = int(value)
        if number > LONG_MAX:
            raise ApiError(-1108, f"Parameter '{name}' overflowed.")
        return number

    def required_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise missing(name)
        return value

    def time(self, name: str) -> int | None:
        """Milliseconds; microseconds are told by their size."""
        value = self.integer(name)
        return value // 1000 if value is not None and value >= MICROSECONDS_FROM else value

    def limit(self, default: int = 500, most: int = 1000) -> int:
        """``limit``, cut to the most; 0 is not valid."""
        value = self.integer("limit")
        if value == 0:
            raise invalid("limit")
        return default if value is None else min(value, most)

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in {"true", "false"}:
            raise illegal(name, "^(true|false)$") if value else missing(name)
        return value.lower() == "true"

    def choice(self, name: str, kind: type[Choice], error: tuple[int, str] | None = None) -> Choice | None:
        """One of an enum's values; ``error`` is the code and message of the refusal, -1130 without."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError:
            raise (ApiError(*error) if error is not None else invalid(name)) from None

    def client_id(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and _CLIENT_ID.fullmatch(value) is None:
            raise illegal(name, CLIENT_ID_RANGE)
        return value

    def ref(self, number: str, text: str) -> Ref:
        """An id, a client id or both; at least one must be there (-1102)."""
        found, client = self.integer(number), self.client_id(text)
        if found is None and client is None:
            # in this order, as the exchange itself words it
            raise ApiError(-1102, f"Param '{text}' or '{number}' must be sent, but both were empty/null!")
        return Ref(found, client)

    def json_list(self, name: str) -> list[str] | None:
        """A JSON array of texts, like ``symbols=["BTCUSDT","BNBUSDT"]``."""
        value = self.text(name)
        if value is None:
            return None
        try:
            items = json.loads(value)
        except (ValueError, RecursionError):
            raise illegal(name, r"^\[(\"[\w\-._&&[^a-z]]{1,50}\"(,\"[\w\-._&&[^a-z]]{1,50}\"){0,}){0,1}\]$") from None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ApiError(-1135, f"JSON sent for parameter '{name}' is not valid")
        if len(set(items)) != len(items):
            raise ApiError(-1151, "Symbol is present multiple times in the list.")
        return items


def check_symbol(value: str, name: str = "symbol") -> str:
    """Raises -1100 for characters no symbol has."""
    if _SYMBOL.fullmatch(value) is None or re.search("[a-z]", value) is not None:
        raise illegal(name, SYMBOL_RANGE)
    return value
