"""Where PostgreSQL, Redis and Kafka are."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from shared.src.contracts.topics import PARTITIONS
from shared.src.settings.fields import setting


class StorageSettings(BaseModel):
    """The connections that every service opens."""

    pghost: str = setting("127.0.0.1", "PGHOST", "DB_HOST", description="PostgreSQL host")
    pgport: int = setting(5432, "PGPORT", "DB_PORT", description="PostgreSQL port", gt=0, lt=65536)
    pguser: str = setting("roottrading", "PGUSER", "DB_USER", description="PostgreSQL user")
    pgpassword: SecretStr = setting(SecretStr(""), "PGPASSWORD", "DB_PASSWORD", description="PostgreSQL password")
    pgdatabase: str = setting("trading", "PGDATABASE", "DB_NAME", description="database")
    db_max_connections: int = setting(
        8, "DB_MAX_CONNECTIONS", description="pooled connections of a service at most", ge=1
    )
    redis_host: str = setting("127.0.0.1", "REDIS_HOST", description="Redis host")
    redis_port: int = setting(6379, "REDIS_PORT", description="Redis port", gt=0, lt=65536)
    redis_password: SecretStr = setting(SecretStr(""), "REDIS_PASSWORD", description="Redis password")
    redis_db: int = setting(0, "REDIS_DB", description="Redis database number", ge=0)
    bus_partitions: int = setting(
        PARTITIONS,
        "BUS_PARTITIONS",
        description="streams of a topic, as many replicas can share it; Redis keeps the first number it gets",
        ge=1,
        le=256,
    )
    kafka_broker: str = setting("127.0.0.1:9092", "KAFKA_BROKER", description="Kafka bootstrap servers")
    kafka_group_id: str = setting("roottrading", "KAFKA_GROUP_ID", description="prefix of consumer groups")
    kafka_embedded: bool = setting(
        False,
        "KAFKA_EMBEDDED",
        description="the broker is librdkafka's own (development): poll without waiting",
    )

    @property
    def database_url(self) -> str:
        """DSN in libpq's form."""
        password = quote(self.pgpassword.get_secret_value(), safe="")
        secret = f":{password}" if password else ""
        host = f"[{self.pghost}]" if ":" in self.pghost else self.pghost
        return f"postgresql://{quote(self.pguser, safe='')}{secret}@{host}:{self.pgport}/{self.pgdatabase}"
