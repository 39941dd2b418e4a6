"""Evaluations of models: tasks are run, every answer is kept, figures are drawn from the answers."""
