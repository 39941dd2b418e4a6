"""Several samples of one question, of which some may fail: what came is kept."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.errors import ModelAnswerError, ModelError, ModelUnavailableError
from gristmill.models.types import Answer
from gristmill.records import Usage


def keep_what_came(results: Sequence[Answer | BaseException], model: str) -> list[Answer]:
    """All results as answers, in order; a failed sample is one with ``error`` set and no data.

    Raises:
        ModelError: the first error, when every sample failed.
        BaseException: an error that is not one sample's own (wrong key, spent budget, the run is stopping).
    """
    for result in results:
        if isinstance(result, BaseException) and not _one_samples_own(result):
            raise result
    errors = [result for result in results if isinstance(result, ModelError)]
    if len(errors) == len(results):
        raise errors[0]
    return [_answer(result, model) for result in results]


def _one_samples_own(error: BaseException) -> bool:
    # "stopped" ends the run: a vote over what happened to be there by then must not become a decision
    return isinstance(error, (ModelAnswerError, ModelUnavailableError)) and error.kind != "stopped"


def _answer(result: Answer | BaseException, model: str) -> Answer:
    if isinstance(result, Answer):
        return result
    assert isinstance(result, ModelError)
    return Answer(result.raw, None, model, result.key, Usage(), error=result.kind)
