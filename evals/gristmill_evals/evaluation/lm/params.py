"""What lm-eval says about a generation, in OpenAI's words; and where an answer ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_STOPS = 4
"""Stop strings that OpenAI's API takes; all others are applied here."""
DEFAULT_TOKENS = 256
"""lm-eval's own, for tasks and models that name no limit."""

LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_PASSED = frozenset({"seed", "frequency_penalty", "presence_penalty", "repetition_penalty"})
_SAMPLED = frozenset({"top_p", "top_k", "min_p"})
_OURS = frozenset({"until", "do_sample", "temperature", *LENGTHS})


@dataclass(frozen=True, slots=True)
class Generation:
    """Parameters for the model, every stop string, and what of the task's words no API knows."""

    params: Mapping[str, Any]
    stops: tuple[str, ...]
    ignored: tuple[str, ...] = ()


def generation(
    told: Mapping[str, Any], own: Mapping[str, Any], asked: Mapping[str, Any], *, all_stops: bool
) -> Generation:
    """One request's parameters.

    ``told`` is what lm-eval hands over: the task's words, and over them those of the person, ``asked``, which
    are passed on whatever they are. ``own`` are the model's, for what neither says: then the temperature is
    0 and an answer has 256 tokens, as everywhere in lm-eval. ``all_stops``: the model takes any number.
    """
    params: dict[str, Any] = {name: told[name] for name in told.keys() & _PASSED}
    length = next((told[name] for name in LENGTHS if told.get(name) is not None), None)
    if length is not None:
        params["max_tokens"] = int(length)
    elif not own.keys() & set(LENGTHS):
        params["max_tokens"] = DEFAULT_TOKENS
    params.update(_sampling(told, own))
    stops = stop_strings(told.get("until"))
    if stops:
        params["stop"] = list(stops if all_stops else stops[:MOST_STOPS])
    params.update({name: told.get(name) for name in asked if name not in _OURS})
    ignored = sorted(told.keys() - _PASSED - _SAMPLED - _OURS - asked.keys())
    return Generation(params, stops, tuple(ignored))


def stop_strings(until: Any) -> tuple[str, ...]:
    """Stop strings, each once; an empty one would end every answer at its beginning."""
    texts = [until] if isinstance(until, str) else until or []
    return tuple(dict.fromkeys(str(text) for text in texts if text))


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to the first stop string in it, and whether there was one."""
    places = [place for place in (text.find(stop) for stop in stops) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _sampling(told: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Temperature, and what only matters where it is not 0. None takes the model's own value away."""
    if "temperature" in told and told.get("do_sample") is not False:
        temperature = told["temperature"]
    elif told.get("do_sample") or ("do_sample" not in told and "temperature" in own):
        return {name: told[name] for name in told.keys() & _SAMPLED}
    else:
        temperature = 0.0 if told.get("temperature", 0.0) is not None else None
    if temperature == 0:
        return {"temperature": temperature}
    return {"temperature": temperature, **{name: told[name] for name in told.keys() & _SAMPLED}}
