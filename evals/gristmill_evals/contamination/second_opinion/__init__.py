"""A second opinion on uncertain matches and on rows in other languages: embedding model, LLM judge."""

from __future__ import annotations

from gristmill_evals.contamination.second_opinion.blocking import BlockingOpinion, Models
from gristmill_evals.contamination.second_opinion.embedder import make_embedder
from gristmill_evals.contamination.second_opinion.judge import Judge
from gristmill_evals.contamination.second_opinion.opinion import SecondOpinion
from gristmill_evals.contamination.second_opinion.types import Embedder, Suspect

__all__ = ["BlockingOpinion", "Embedder", "Judge", "Models", "SecondOpinion", "Suspect", "make_embedder"]
