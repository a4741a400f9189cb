"""Stage folder 7: what happened, on one page that a person can read and keep."""

from hornbook.writeup.report import Report

__all__ = ["Report"]
