"""distilabel's published judge tasks, answered through our own door to models.

distilabel takes seconds to import, so it is loaded with the first judgement and never before; only
``llm.py`` imports it at the top.
"""
