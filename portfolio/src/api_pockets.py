"""What changes pockets and books over HTTP. Everything here needs a token."""

# No postponed annotations: the dependencies below are local names, which FastAPI could not look up from text.

from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.capital.pockets import Pocket, Reservation, ReservationRefused, availability
from portfolio.src.api import answer
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.models import SharedCache
from shared.src.contracts.portfolio import IntentId, Lifetime, ReservationRequest, ReservationsRequest
from shared.src.domain.errors import RejectedError
from shared.src.frame.auth import Authorizer, Principal, Scope


class ReserveRequest(ReservationRequest):
    """A single request, with its lifetime."""

    ttl_s: Lifetime = 60


class ReleaseRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    intent_id: IntentId
    reason: str = Field(default="released on request", max_length=200)


class AllocationRequest(BaseModel):
    """Percent of capital for each pocket; ``reserve`` is another name of ``buffer``."""

    model_config = ConfigDict(extra="forbid")

    active: Decimal = Field(ge=0, le=100)
    buffer: Decimal | None = Field(default=None, ge=0, le=100)
    reserve: Decimal | None = Field(default=None, ge=0, le=100)
    safety: Decimal = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.buffer is None) == (self.reserve is None):
            raise ValueError("give buffer (or its other name, reserve) once")
        if sum(self.shares().values()) != 100:
            raise ValueError("the shares must add up to 100")
        return self

    def shares(self) -> dict[str, Decimal]:
        buffer = self.buffer if self.buffer is not None else self.reserve
        assert buffer is not None
        return {"active": self.active, "buffer": buffer, "safety": self.safety}


class AdjustmentRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asset: str = Field(min_length=1, max_length=20)
    reason: str = Field(min_length=3, max_length=200)


def create_pocket_router(
    books: Bookkeeper, account: BinanceAccountManager, auth: Authorizer, cache: SharedCache
) -> APIRouter:
    """Reservations for services, allocation and write-offs for administrators."""
    router = APIRouter(tags=["pockets"])
    _add_reservations(router, books, auth, cache)
    _add_upkeep(router, books, account, auth, cache)
    return router


def _add_reservations(router: APIRouter, books: Bookkeeper, auth: Authorizer, cache: SharedCache) -> None:
    trader = Annotated[Principal, Depends(auth.require(Scope.TRADE))]

    @router.post("/pockets/reserve", responses={409: {"description": "refused, with the reason"}})
    async def reserve(request: ReserveRequest, _: trader) -> Response:
        """Set funds aside for an intent. Asked again for the same intent: the first lease, unchanged."""
        (result,) = await books.reserve([request], ttl_s=request.ttl_s)
        cache.clear()
        if isinstance(result, ReservationRefused):
            raise RejectedError(result.reason, code=409)
        return answer(_shown(result.lease))

    @router.post("/pockets/reservations")
    async def reservations(request: ReservationsRequest, _: trader) -> Response:
        """Set funds aside for several intents in one transaction. The answers end with the first refusal."""
        results = await books.reserve(request.wanted, ttl_s=request.ttl_s)
        cache.clear()
        return answer(
            {
                "results": [
                    {"refused": result.reason} if isinstance(result, ReservationRefused) else _shown(result.lease)
                    for result in results
                ]
            }
        )

    @router.post("/pockets/release")
    async def release(request: ReleaseRequest, _: trader) -> Response:
        """Give back what an intent did not spend."""
        released = await books.release(request.intent_id, request.reason)
        cache.clear()
        return answer({"intent_id": request.intent_id, "released": released})


def _shown(lease: Reservation) -> dict[str, Any]:
    return {
        "intent_id": lease.intent_id,
        "pocket": lease.pocket,
        "asset": lease.asset,
        "amount": lease.amount,
        "spent": lease.spent,
        "status": lease.status.value,
    }


def _add_upkeep(
    router: APIRouter, books: Bookkeeper, account: BinanceAccountManager, auth: Authorizer, cache: SharedCache
) -> None:
    trader = Annotated[Principal, Depends(auth.require(Scope.TRADE))]
    admin = Annotated[Principal, Depends(auth.require(Scope.ADMIN))]

    @router.put("/pockets/sync")
    async def sync(who: trader) -> Response:
        """Bring pockets and leases in line with orders, fills, cycles and balances now."""
        booked = await books.sweep(full=True)
        account.wake()
        pockets = await books.settle()
        cache.clear()
        await auth.record(who, "pockets.sync", {"booked": booked})
        return answer({"fills_booked": booked, "pockets": _pockets(pockets)})

    @router.put("/pockets/allocation")
    async def allocation(request: AllocationRequest, who: admin) -> Response:
        """Change the pockets' shares of the capital; leases stay."""
        pockets = await books.allocate(request.shares())
        cache.clear()
        await auth.record(who, "pockets.allocation", {name: str(share) for name, share in request.shares().items()})
        return answer({"pockets": _pockets(pockets)})

    @router.post("/ledger/adjust", tags=["ledger"])
    async def adjust(request: AdjustmentRequest, who: admin) -> Response:
        """Write off a difference that nobody can explain; it stays visible in the account ``difference``."""
        asset = request.asset.upper()
        amount = await account.accept_difference(asset, request.reason)
        cache.clear()
        await auth.record(who, "ledger.adjust", {"asset": asset, "amount": str(amount), "reason": request.reason})
        return answer({"asset": asset, "amount": amount})


def _pockets(pockets: dict[str, Pocket]) -> list[dict[str, Any]]:
    available = availability(pockets.values())
    return [
        {
            "name": pocket.name,
            "share_percent": pocket.share_percent,
            "total": pocket.total,
            "reserved": pocket.reserved,
            "used": pocket.used,
            "available": available[pocket.name],
        }
        for pocket in pockets.values()
    ]
