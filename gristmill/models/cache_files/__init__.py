"""Looking after the file of answered calls: what is in it, moving calls in and out, clearing out."""

from gristmill.models.cache_files.clearing import Pruned, Which, prune
from gristmill.models.cache_files.opening import known_models, moment
from gristmill.models.cache_files.summary import CacheStats, ModelStats, read_stats
from gristmill.models.cache_files.transfer import Bad, Imported, export_calls, import_calls

__all__ = [
    "Bad",
    "CacheStats",
    "Imported",
    "ModelStats",
    "Pruned",
    "Which",
    "export_calls",
    "import_calls",
    "known_models",
    "moment",
    "prune",
    "read_stats",
]
