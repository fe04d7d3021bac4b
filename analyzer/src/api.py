"""What the analyzer answers over HTTP: strategies, their parameters, and changing them."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from analyzer.src.monitors import MonitorRunner
from analyzer.src.parameters import parameters_of
from analyzer.src.ports import ParameterStore
from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.src.strategy_runner import StrategyRunner
from shared.src.domain.errors import ConfigurationError
from shared.src.frame.auth import Principal, Scope
from shared.src.frame.service import Service


class ParameterChange(BaseModel):
    """Options by name; null gives one back to the environment and the default. Options not named stay."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, FiniteFloat | None] = Field(min_length=1, max_length=50)


def install(service: Service, runner: StrategyRunner, store: ParameterStore, monitors: MonitorRunner) -> None:
    """Register the routes."""
    reads = Depends(service.auth.require(Scope.READ))
    administers = service.auth.require(Scope.ADMIN)

    @service.app.get("/strategies", tags=["strategies"], dependencies=[reads])
    async def strategies() -> list[dict[str, Any]]:
        return [described(strategy) for strategy in runner.strategies]

    @service.app.get("/strategies/{name}", tags=["strategies"], dependencies=[reads])
    async def strategy(name: str) -> dict[str, Any]:
        return described(found(name)) | {"changes": await store.history(name)}

    @service.app.put("/strategies/{name}", tags=["strategies"])
    async def change(
        name: str, wanted: ParameterChange, who: Annotated[Principal, Depends(administers)]
    ) -> dict[str, Any]:
        try:
            await store.change(found(name), wanted.parameters, author=who.token_id)
        except ConfigurationError as error:
            raise HTTPException(422, str(error)) from error
        await service.auth.record(who, "strategy.parameters", {"strategy": name, "parameters": wanted.parameters})
        runner.apply(await store.current())
        return described(found(name)) | {"changes": await store.history(name)}

    @service.app.get("/monitors", tags=["monitors"], dependencies=[reads])
    async def monitored() -> list[dict[str, Any]]:
        return monitors.report

    def found(name: str) -> LoadedStrategy:
        loaded = next((one for one in runner.strategies if one.name == name), None)
        if loaded is None:
            raise HTTPException(404, f"there is no strategy {name}; GET /strategies lists them")
        return loaded


def described(strategy: LoadedStrategy) -> dict[str, Any]:
    """A strategy and its parameters as the API shows them."""
    return {
        "name": strategy.name,
        "family": strategy.family,
        "file": strategy.source.name,
        "parameters": [asdict(parameter) for parameter in parameters_of(strategy)],
    }
