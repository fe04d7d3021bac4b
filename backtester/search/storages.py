"""Where a search is kept: a file, PostgreSQL, or a server that several machines reach (Optuna's storages)."""

from __future__ import annotations

from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from shared.src.domain.errors import ConfigurationError

POSTGRESQL = ("postgresql://", "postgres://")
GRPC = "grpc://"


def storage_of(place: str) -> BaseStorage:
    """``place``: a file, ``postgresql://...``, or ``grpc://HOST:PORT`` of an `optuna` storage server.

    Raises:
        ConfigurationError: it cannot be reached, or is none of these.
    """
    if place.startswith(GRPC):
        return _server(place.removeprefix(GRPC))
    if place.startswith(POSTGRESQL):
        return _database(place)
    if "://" in place:
        raise ConfigurationError(f"--storage {place}: a file, postgresql://... or grpc://HOST:PORT")
    path = Path(place).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except OSError as error:
        raise ConfigurationError(f"--storage {place}: {error}") from error


def _database(url: str) -> BaseStorage:
    from sqlalchemy.exc import SQLAlchemyError

    _, _, rest = url.partition("://")
    try:
        return RDBStorage(f"postgresql+psycopg://{rest}")
    except SQLAlchemyError as error:
        failure = type(error).__name__  # its words hold the password
    raise ConfigurationError(f"--storage: the database cannot be reached ({failure})")


def _server(address: str) -> BaseStorage:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"--storage grpc://{address}: not HOST:PORT")
    try:
        from optuna.storages import GrpcStorageProxy

        return GrpcStorageProxy(host=host, port=int(port))
    except ImportError as error:
        raise ConfigurationError("--storage grpc://...: needs grpcio (pip install grpcio protobuf)") from error
