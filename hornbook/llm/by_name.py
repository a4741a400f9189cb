"""A teacher or judge by one name, as a dial gives it: smollm2, scripted, a run, or a served model.

In: a name. Out: an LLM. The script (script.txt) is what a recipe's smoke run reads instead of a
model: three right exercises and a wrong one, a lesson that runs and one that does not, scores; a
stage says why of what it cannot use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hornbook.llm.requests import LLM

SCRIPT = Path(__file__).parent / "script.txt"


def named(name: str, **settings: Any) -> LLM:
    """The LLM of this name. smollm2 is the embedded model; a folder is a run or a model that
    Hornbook trained; any other name is asked of OPENAI_BASE_URL."""
    if name == "smollm2":
        return LLM(**settings)
    if name == "scripted":
        return LLM(
            name,
            "scripted",
            answers=tuple(SCRIPT.read_text(encoding="utf-8").split("\n%%\n")),
            **settings,
        )
    if Path(name).is_dir():
        from hornbook.llm import trained

        return LLM(trained.model_name(name), "trained", **settings)
    return LLM(name, "http", **settings)
