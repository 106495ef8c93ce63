"""What is remembered: an index, in SQLite, of the workspace's folders; jobs never open it, and it can be made anew."""

from attnctl.db.index import Index, open_index, rebuild
from attnctl.db.location import location
from attnctl.db.rows import MetricRow, PaperSweep, RunRow

__all__ = ["Index", "MetricRow", "PaperSweep", "RunRow", "location", "open_index", "rebuild"]
