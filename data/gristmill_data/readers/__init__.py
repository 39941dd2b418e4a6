"""Files into documents.

>>> from pathlib import Path
>>> from gristmill_data.readers import read_sources
>>> for result in read_sources(["handbook/**/*.md", "wiki.jsonl"], Path(".")):  # doctest: +SKIP
...     print(type(result).__name__, result.uri)
"""

from gristmill_data.readers.sources import expand_sources, read_file, read_sources, reader_for, source_uri

__all__ = ["expand_sources", "read_file", "read_sources", "reader_for", "source_uri"]
