"""What commands that can run on a Ray cluster share: the options that choose it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gristmill.pipeline.ray.cluster import RayOptions


class Engine(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    Engine, typer.Option("--engine", help="local: this process; ray: workers of a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        help="With --engine ray: a running cluster (HOST:6379, or auto); without it, one on this machine.",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--ray-workers", min=1, help="With --engine ray: how many; by default what CPUs or GPUs allow."
    ),
]


def ray_options(engine: Engine, address: str | None, workers: int | None) -> RayOptions | None:
    """The cluster to use, None for the local engine.

    Raises:
        GristmillError: ray is missing, or the address cannot be used.
    """
    if engine is Engine.local:
        if address is not None or workers is not None:
            hint = "--ray-address" if address is not None else "--ray-workers"
            raise typer.BadParameter("only with --engine ray", param_hint=hint)
        return None
    from gristmill.pipeline.ray.cluster import RayOptions

    options = RayOptions(address, workers)
    options.check()
    return options
