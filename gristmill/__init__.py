"""Gristmill: raw documents in, training data worth trusting out."""

__version__ = "0.1.0"
