"""Answers from a model trained by Hornbook, so that it can teach the next round.

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
from hornbook.llm.ledger import LedgerEntry, LLMAnswer, Spending
from hornbook.llm.requests import LLMRequest, Prompt
from hornbook.records import UserError

FENCE = re.compile(r"^```\w*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
COMMIT_REQUESTS = 64  # requests between two commits to the ledger


def answer_requests(
    requests: Sequence[LLMRequest],
    root: Path,
    device: str,
    save_entries: Callable[[Sequence[LedgerEntry]], None],
) -> None:
    """Answer all; `keep` is called with a group of entries as soon as they are there."""
    from hornbook.models import generate, tokenizer, transformer

    llm = requests[0].llm
    folder = find_model_folder(llm.model, root)
    model, text_tokenizer = (
        transformer.load_model(folder, device=device),
        tokenizer.load_tokenizer(folder),
    )
    sampling = generate.SamplingParams(llm.max_tokens, llm.temperature, llm.top_p, llm.stop)
    for start in range(0, len(requests), COMMIT_REQUESTS):
        chunk = requests[start : start + COMMIT_REQUESTS]
        texts = [chat_as_code(request.prompt) for request in chunk]
        seeds = [request.seed % 2**63 for request in chunk]
        completions = generate.generate_completions(model, text_tokenizer, texts, sampling, seeds)
        entries = []
        for request, text, completion in zip(chunk, texts, completions, strict=True):
            tokens_in = len(text_tokenizer.encode(text))
            finish = "length" if completion.finish in ("length", "context") else "stop"
            answer = LLMAnswer(
                request.prompt.begins + completion.text, tokens_in, completion.tokens, finish
            )
            entries.append(
                LedgerEntry(
                    request.key, llm.model, answer, Spending(1, tokens_in, completion.tokens)
                )
            )
        save_entries(entries)


def chat_as_code(prompt: Prompt) -> str:
    """The code of a chat and the answer's beginning, without fences; a single question as it is."""
    code_blocks = [
        "\n".join(FENCE.findall(text)) or text for role, text in prompt.turns if role == "assistant"
    ]
    begins = re.sub(r"\A```\w*\n", "", prompt.begins)
    if not code_blocks and not begins:
        return "\n\n".join(text for _, text in prompt.turns)
    return "\n\n".join([*(text.strip() + "\n" for text in code_blocks), begins])


def find_model_folder(name: str, root: Path) -> Path:
    """The model's folder, with the weights that it had when it was named. Raises UserError."""
    path, _, digest = name.rpartition("#")
    stage_model = root / path / "model"
    folder = stage_model if stage_model.is_dir() else Path(path)
    if not (folder / "config.json").is_file():
        raise UserError(f"there is no trained model in {folder}")
    if digest_model(folder) != digest:
        raise UserError(
            f"the model in {folder} is not the one that was asked for: it was trained again since"
        )
    return folder


def digest_model(folder: Path) -> str:
    """Twelve hex digits over the weights' file and the configuration: one per training result."""
    files = sorted(folder.glob("*.safetensors")) + [folder / "config.json"]
    return hashlib.sha256(
        json.dumps([store.file_digest(file) for file in files]).encode()
    ).hexdigest()[:12]


def model_name(folder: str) -> str:
    """The name of a run's, a stage's or a model's folder for LLM. Raises UserError."""
    base = Path(folder)
    candidates = [
        base,
        base / "model",
        *sorted(base.glob("*/model"), key=lambda path: path.stat().st_mtime),
    ]
    models = [path for path in candidates if (path / "config.json").is_file()]
    if not models:
        raise UserError(
            f"{folder} is a folder without a trained model: give a run, a stage of it, or the "
            "folder of a model"
        )
    best = (
        models[0] if models[0] in candidates[:2] else models[-1]
    )  # of a run, the model that was finished last
    return f"{best}#{digest_model(best)}"
