"""Documents for the benchmarks: short, of one chunk each, all different, made by rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

PARTS = ("valve", "filter", "gasket", "rotor", "float switch", "strainer", "coupling", "bearing")
PLACES = ("at the weir", "below the mill", "beside the tank", "in the lower field", "behind the kiln")
FAULTS = ("hums without lifting", "loses pressure", "starts twice", "runs hot", "stops at noon")


def passage(number: int) -> str:
    """Some 250 characters about one pump, by its number."""
    part, place = PARTS[number % len(PARTS)], PLACES[number // 8 % len(PLACES)]
    fault = FAULTS[number // 40 % len(FAULTS)]
    return (
        f"Pump number {number} stands {place} and lifts {number % 97 + 3} litres of water a minute. "
        f"When it {fault}, its {part} is opened first and cleaned with a soft brush. "
        f"Spare parts for pump {number} are kept in drawer {number % 211} of the workshop."
    )


def write(path: Path, count: int) -> None:
    """``count`` documents as JSONL."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines(count))


def lines(count: int) -> Iterator[str]:
    """One JSON object a document."""
    for number in range(count):
        yield json.dumps({"id": f"d{number}", "text": passage(number)})
