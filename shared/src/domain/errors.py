"""The errors of the platform, named by what the caller does next.

    RootTradingError
    ├── TransientError        try again, with a bounded backoff
    ├── RejectedError         the other side said no: publish the refusal, do not retry
    ├── OutcomeUnknownError   it may have happened: ask by id, never resend blindly
    ├── ContractError         the message breaks its contract: dead letter
    ├── ConfigurationError    refuse to start, name the variable
    ├── LeaseLostError        another replica took over: drop the work, it is done there
    └── InvariantError        money would not add up: stop the service
        └── UnstorableError   a value has no place in the database: refuse the call that holds it

Adapters translate every library's exceptions into these; nothing else crosses a port.
"""


class RootTradingError(Exception):
    """Base of everything the platform raises on purpose."""


class TransientError(RootTradingError):
    """A dependency failed in a way that may pass; retrying the same call is safe."""


class RejectedError(RootTradingError):
    """The exchange or a service refused. ``code`` is the other side's own code, if it gave one."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class OutcomeUnknownError(RootTradingError):
    """No answer that proves anything: the order may exist. Reconcile by client order id."""


class ContractError(RootTradingError):
    """A message that its contract does not allow; it goes to the dead letters with this reason."""


class ConfigurationError(RootTradingError):
    """A setting is missing or makes no sense; the message names the variable."""


class LeaseLostError(RootTradingError):
    """The partition belongs to another replica now; what was about to happen did not."""


class InvariantError(RootTradingError):
    """A rule about money that must hold does not; continuing could lose money."""


class UnstorableError(InvariantError):
    """The database has no place for a value (NUL in a text, a number out of range): a call that holds it is wrong."""
