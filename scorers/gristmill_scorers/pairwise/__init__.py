"""Comparing two responses: a judge that reads them in both orders, and tournaments with few comparisons."""
