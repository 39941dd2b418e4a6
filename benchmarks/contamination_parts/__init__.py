"""Parts of ``benchmarks/contamination.py``: made-up corpora, clients, measurements."""
