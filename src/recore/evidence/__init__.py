"""Raw evidence: files with their digest and capture record, their readers, and the store.

Importing this room imports no numerics; NumPy and Arrow come with the first table that is read.
"""

from recore.evidence.file import EvidenceFile, open_file
from recore.evidence.store import Store
from recore.evidence.table import Part, Table, Unread

__all__ = ["EvidenceFile", "Part", "Store", "Table", "Unread", "open_file"]
