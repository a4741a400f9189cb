"""Hornbook: teach small models to code from textbook-quality data.

The folders are the recipe's stages, in the order in which data flows: collect, curate, generate,
scrub, train, verify, writeup. The files beside them are plumbing. docs/design.md says why.
"""

__version__ = "0.1.0"
