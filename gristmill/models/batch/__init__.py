"""Provider batch APIs of OpenAI's shape: half the price, within a day, under the same cache keys.

In batch mode the door writes a call that is not cached into a table (:class:`Deferrals`) instead of
sending it. At the end of a walk :class:`BatchDesk` hands the table's calls in, and later takes the answers
into the cache, where the next walk finds them.
"""

from gristmill.models.batch.collect import Collected
from gristmill.models.batch.deferrals import Deferrals
from gristmill.models.batch.desk import BatchDesk, OutstandingBatch, outstanding
from gristmill.models.batch.submit import Sent

__all__ = ["BatchDesk", "Collected", "Deferrals", "OutstandingBatch", "Sent", "outstanding"]
