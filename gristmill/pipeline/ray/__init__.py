"""``run --engine ray``: chunks walked by actors of a Ray cluster, everything kept by one driver.

Nothing here imports ray but :mod:`cluster`, :mod:`hand` and :mod:`crew`, and those on use.
"""
