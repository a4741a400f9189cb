"""phi-1-small with the paper's numbers: 350M parameters, the data and steps of phi-1.

Source: arXiv 2306.11644, section 2.

A graph may be built from another recipe's: this one turns one dial of phi1.
"""

from pathlib import Path

from hornbook import seed
from hornbook.frame.recipe import load_recipe

OWN = str(Path(seed.__file__).parent)
SMOKE = {"source": OWN, "smoke": True}


def recipe(source="data/the-stack-python", scale=1.0, smoke=False):
    dials = () if smoke else (f"scale={scale}", "shape=phi-1-small")
    return load_recipe("phi1", (f"source={source}", *dials), smoke=smoke).last
