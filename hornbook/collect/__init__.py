"""Stage 1: documents from wheels, source trees, data sets, StackOverflow and contests."""

from hornbook.collect.contests import CollectContests
from hornbook.collect.files import CollectFiles
from hornbook.collect.licence import PERMISSIVE
from hornbook.collect.remote import CollectRemote
from hornbook.collect.stackoverflow import CollectStackOverflow
from hornbook.collect.wheels import CollectWheels

__all__ = [
    "PERMISSIVE", "CollectContests", "CollectFiles", "CollectRemote", "CollectStackOverflow",
    "CollectWheels",
]  # fmt: skip
