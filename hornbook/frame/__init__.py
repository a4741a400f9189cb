"""The frame: what a stage is, what identifies its output, and how a run builds what is missing.

Imports neither torch nor numpy, so that `hornbook plan` starts in a fraction of a second.
"""
