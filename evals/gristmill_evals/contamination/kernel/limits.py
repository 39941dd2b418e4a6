"""Numbers that both versions of the kernel go by."""

from __future__ import annotations

EMPTY, COUNT = 1, 2
"""Flags of a token: says nothing by itself (stop word or number); is a number."""
MOST_PARTS = 16
"""Parts of one identifier that are looked at: enough for any name, and a bound for the arrays."""
WINDOW, STRIDE = 200, 100
"""Tokens of a window, and from the start of one to that of the next."""
BUDGET, SHARES = 16000, 4
"""Postings looked at for a row, shared out among its windows; from SHARES on, each gets that share."""
BITS, MAGNITUDE = 6, 63
"""Where postings start comes with how long they are, as a power of two, in so many lower bits."""
COARSE = 7
"""Bits of weights that do not count while postings are walked."""
SUM_BITS, EPOCHS = 23, 500
"""Bits of the sum of a window's weights (of at most 4,096 features), and how many windows are told apart."""
SINGLES = 512
"""Postings of the rarest features whose items are looked at; others need a second feature for that."""
DEPTH = 24
"""Items of a window that get an exact cosine."""
FEW_WINDOWS = 8
"""In longer fields, sides that are candidates anyway are only scored in windows that touched them."""
SAME_SHORT = 32
"""Of items that all ask the same few words, so many are enough."""
KEEP = 16
"""Items of a row that are remembered."""
TOP = 5
"""Items of a row that are candidates without sharing any run of words."""
OTHERS = 10
"""How many other items a candidate is compared with."""
FLOOR = 0.05
"""Cosine (rare words) below which texts are not compared: half of unrelated ones, one rewording in 200."""
RELATIVE = 0.6
"""The same as a share of the best cosine with the same window of the row: one rewording in 200 is lost."""
SUSPECT = 0.2
"""From this probability on, a row is looked at again without the runs that it shares with items."""
LONGEST = 8000
"""Characters of a text that are compared; a candidate in a longer field comes with its window."""
