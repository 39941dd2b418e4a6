"""The only door to language models: cache, limits, retries, budget, cost and lineage happen behind it.

``Door(specs, cache=…)`` opens it, ``door.ask_for(role)`` gives a generator or scorer its ``ask``.
Importing this package loads neither ``openai`` nor ``aiohttp``; that happens with the first call.
"""

from gristmill.models.backends import backend_names, needs_key, validate_spec
from gristmill.models.budget import Budget
from gristmill.models.check import ModelCheck, check_models
from gristmill.models.counters import CallEvent, Counters, Tally
from gristmill.models.door import Door
from gristmill.models.retry import RetryPolicy
from gristmill.models.scoring import Score, can_score, raw_prompt
from gristmill.models.spec import ModelSpec, Price
from gristmill.models.types import Answer, Ask, Backend, Reply, Request, Task

__all__ = [
    "Answer",
    "Ask",
    "Backend",
    "Budget",
    "CallEvent",
    "Counters",
    "Door",
    "ModelCheck",
    "ModelSpec",
    "Price",
    "Reply",
    "Request",
    "RetryPolicy",
    "Score",
    "Tally",
    "Task",
    "backend_names",
    "can_score",
    "check_models",
    "needs_key",
    "raw_prompt",
    "validate_spec",
]
