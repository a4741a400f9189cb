"""Stage folder 2: code worth reading: dedup, judge a sample, embed, fit a forest, score, keep by budget."""

from hornbook.curate.dedup import DropDuplicates

__all__ = ["DropDuplicates"]
