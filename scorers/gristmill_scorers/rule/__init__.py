"""Scorers that cost nothing: rules about one example, each with what it cannot see in its docstring."""
