"""The frame: what a stage is, what its output is identified by, and how a run builds what is missing. No torch, no numpy."""
