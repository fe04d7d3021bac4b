"""What a person should look at, told to whoever listens; a notice may be lost, so it is logged too."""

from __future__ import annotations

import logging

from shared.src.bus.ports import Notices
from shared.src.contracts.alerts import Alert, AlertLevel
from shared.src.contracts.topics import ALERT
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.domain.ids import derived_id

logger = logging.getLogger(__name__)


async def alert(notices: Notices, clock: Clock, *, source: str, level: AlertLevel, title: str, detail: str) -> None:
    """Tell once, now. ``source``: the service that noticed."""
    now = clock.now()
    message = Alert(
        message_id=derived_id("al", title, detail, now),
        occurred_at=now,
        level=level,
        source=source,
        title=title,
        detail=detail,
    )
    logger.log(logging.ERROR if level is AlertLevel.ERROR else logging.WARNING, title, extra={"reason": detail})
    try:
        await notices.notify(ALERT.name, ALERT.encode(message))
    except TransientError as error:
        logger.warning("alert not told", extra={"reason": str(error)})
