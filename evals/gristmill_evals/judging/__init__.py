"""Judges measured against people: votes and ratings in, accuracy, agreement, calibration, threshold out."""

from __future__ import annotations

from gristmill_evals.judging.result import Calibration, Judged, calibrate
from gristmill_evals.judging.votes import Malformed, PairVote, Rating, Votes
from gristmill_evals.judging.votes_file import read_votes

__all__ = ["Calibration", "Judged", "Malformed", "PairVote", "Rating", "Votes", "calibrate", "read_votes"]
