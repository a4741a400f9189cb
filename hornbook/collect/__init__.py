"""Stage folder 1: get documents, from pinned wheels, source trees, jsonl and Parquet, with path and licence kept."""

from hornbook.collect.files import CollectFiles
from hornbook.collect.licence import PERMISSIVE
from hornbook.collect.wheels import CollectWheels

__all__ = ["PERMISSIVE", "CollectFiles", "CollectWheels"]
