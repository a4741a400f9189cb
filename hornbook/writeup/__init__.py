"""Stage folder 7: write up a run as one self-contained page."""

from hornbook.writeup.report import Report

__all__ = ["Report"]
