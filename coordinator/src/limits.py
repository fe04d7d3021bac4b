"""The settings that bound entries, as the pure rules read them."""

from coordinator.src.pocket_checker import Limits
from core.risk.sizing import SizingRules
from shared.src.config import Settings


def limits_of(settings: Settings) -> Limits:
    """Pick the limits out of the settings."""
    return Limits(
        entries_enabled=settings.entries_enabled,
        signal_max_age_s=settings.signal_max_age_s,
        max_concurrent_positions=settings.max_concurrent_positions,
        max_daily_loss=settings.max_daily_loss,
        sizing=SizingRules(
            risk_percentage=settings.risk_percentage,
            max_position_size=settings.max_position_size,
            max_exposure_percent=settings.max_exposure_percent,
            stop_loss_percent=settings.stop_loss_percent,
            take_profit_percent=settings.take_profit_percent,
            drift_percent=settings.max_price_drift_percent,
            trade_quantity=settings.trade_quantity,
        ),
    )
