"""A model that Hornbook trained answers, so that it can be the teacher of the next round (the paper's recursive idea).

In: requests for `LLM(kind="trained")`, whose model is a folder, or the name of a stage of this run,
and a digest of the weights. Out: an entry each. Such a model knows no chat: it is given the code
that the chat's answers show, then the beginning of its own answer, and goes on. Seeds belong to
requests, so neighbours and kills change nothing. Not covered: prompts in prose alone are read as
they are, and mean little to a model that has read code only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hornbook import store
from hornbook.llm.ledger import Answer, Entry, Spent
from hornbook.llm.requests import Prompt, Request
from hornbook.records import UserError

FENCE = re.compile(r"^```\w*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
AT_ONCE = 64  # requests between two commits to the ledger


def answer(
    asked: Sequence[Request], root: Path, device: str, keep: Callable[[Sequence[Entry]], None]
) -> None:
    """Answer all; `keep` is called with a group of entries as soon as they are there."""
    from hornbook.models import generate, tokenizer, transformer

    llm = asked[0].llm
    where = folder_of(llm.model, root)
    phi, words = transformer.load(where, device=device), tokenizer.load(where)
    how = generate.Drawing(llm.max_tokens, llm.temperature, llm.top_p, llm.stop)
    for begin in range(0, len(asked), AT_ONCE):
        some = asked[begin : begin + AT_ONCE]
        texts = [as_code(each.prompt) for each in some]
        seeds = [each.seed % 2**63 for each in some]
        written = generate.generate(phi, words, texts, how, seeds)
        entries = []
        for each, text, found in zip(some, texts, written, strict=True):
            read = len(words.encode(text))
            finish = "length" if found.finish in ("length", "context") else "stop"
            told = Answer(each.prompt.begins + found.text, read, found.tokens, finish)
            entries.append(Entry(each.key, llm.model, told, Spent(1, read, found.tokens)))
        keep(entries)


def as_code(prompt: Prompt) -> str:
    """The code that a chat shows and the answer's beginning, fences away; a single question in prose as it is."""
    shown = [
        "\n".join(FENCE.findall(text)) or text for role, text in prompt.turns if role == "assistant"
    ]
    begins = re.sub(r"\A```\w*\n", "", prompt.begins)
    if not shown and not begins:
        return "\n\n".join(text for _, text in prompt.turns)
    return "\n\n".join([*(text.strip() + "\n" for text in shown), begins])


def folder_of(name: str, root: Path) -> Path:
    """The folder of the model called so, with the weights that it had when it was named. Raises UserError."""
    path, _, digest = name.rpartition("#")
    inside = root / path / "model"
    where = inside if inside.is_dir() else Path(path)
    if not (where / "config.json").is_file():
        raise UserError(f"there is no trained model in {where}")
    if digest_of(where) != digest:
        raise UserError(
            f"the model in {where} is not the one that was asked for: it was trained again since"
        )
    return where


def digest_of(folder: Path) -> str:
    """Twelve hex digits that tell one training's result from another's: of the weights' file and the configuration."""
    files = sorted(folder.glob("*.safetensors")) + [folder / "config.json"]
    return hashlib.sha256(json.dumps([store.digest(file) for file in files]).encode()).hexdigest()[
        :12
    ]


def name_of(where: str) -> str:
    """`runs/pocket`, a stage's folder or a model's, as the name under which LLM knows the model. Raises UserError."""
    base = Path(where)
    found = [
        base,
        base / "model",
        *sorted(base.glob("*/model"), key=lambda path: path.stat().st_mtime),
    ]
    models = [path for path in found if (path / "config.json").is_file()]
    if not models:
        raise UserError(
            f"{where} is a folder without a trained model: give a run, a stage of it or a model's folder"
        )
    best = (
        models[0] if models[0] in found[:2] else models[-1]
    )  # of a run, the model that was finished last
    return f"{best}#{digest_of(best)}"
