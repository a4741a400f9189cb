"""A request to a language model: settings, prompt, and the key of its answer in the ledger.

In: plain values. Out: frozen dataclasses that are part of a stage's identity; where the model is
served (address, key, prices) is not among them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from hornbook.records import UserError

Message = dict[str, str]
Schema = Mapping[str, Any]
_encode_json = json.JSONEncoder(
    sort_keys=True
).encode  # json.dumps would make an encoder for each request


class AnswerReporter(Protocol):
    """Who is told of each answer."""

    def advance(self, amount: float = 1) -> None: ...


class LLMContext(Protocol):
    """What is needed of a desk; hornbook.frame.stage.Desk is one, above us."""

    @property
    def root(self) -> Path: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def reporter(self) -> AnswerReporter: ...


@dataclass(frozen=True)
class LLM:
    """A language model and how it is sampled. Temperature 0 is greedy."""

    model: str = "smollm2"
    kind: Literal["embedded", "http", "scripted", "trained"] = "embedded"
    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    system: str = ""
    seed: int = 0
    answers: tuple[
        str, ...
    ] = ()  # scripted: given in turn, by a hash of the prompt and the sample number

    def __post_init__(self) -> None:
        if self.kind not in ("embedded", "http", "scripted", "trained"):
            raise UserError(f"LLM kind {self.kind!r}: embedded, http, scripted or trained")
        if self.kind == "embedded" and self.model != "smollm2":
            raise UserError(
                f"no embedded model {self.model!r}, only smollm2: kind='http' asks a server for it"
            )
        if self.kind == "scripted" and not self.answers:
            raise UserError("a scripted LLM needs answers=(...)")
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and self.max_tokens >= 1):
            raise UserError(
                f"temperature {self.temperature} (0 or more), top_p {self.top_p} (above 0, up to "
                "1) or max_tokens "
                f"{self.max_tokens} (1 or more) is out of range"
            )


@dataclass(frozen=True)
class Prompt:
    """A chat: turns of (role, text), and the words that the answer begins with.

    The embedded model's answer is forced to begin so; a server's model is asked to in the last
    turn, because most servers cannot continue an answer. `Answer.text` holds the words in the first
    case, and in the second if the model obeyed. Without turns the embedded model just goes on with
    the text, as a base model does.
    """

    turns: tuple[tuple[str, str], ...]
    begins: str = ""


@dataclass(frozen=True)
class LLMRequest:
    """A prompt for a model, and which of several answers to it is wanted."""

    llm: LLM
    prompt: Prompt
    sample: int = 0
    schema: str = ""  # JSON, keys sorted; empty for free text

    @cached_property
    def key(self) -> bytes:
        """SHA-256 of everything that the answer depends on."""
        dependencies = [vars(self.llm), vars(self.prompt), self.sample, self.schema]
        return hashlib.sha256(_encode_json(dependencies).encode()).digest()

    @property
    def seed(self) -> int:
        return int.from_bytes(self.key[:8], "big")

    def chat_messages(self, tell_schema: bool = False) -> list[Message]:
        """System prompt and turns. `tell_schema` describes the schema in words, for weak models."""
        messages = [{"role": "system", "content": self.llm.system}] if self.llm.system else []
        messages += [{"role": role, "content": text} for role, text in self.prompt.turns]
        if self.schema and tell_schema:
            messages[-1]["content"] += (
                f"\n\nAnswer with nothing but JSON that fits this schema:\n{self.schema}"
            )
        return messages


def make_request(llm: LLM, prompt: str | Prompt, sample: int, schema: Schema | None) -> LLMRequest:
    """A plain text is one turn of the user's."""
    chat = Prompt((("user", prompt),)) if isinstance(prompt, str) else prompt
    return LLMRequest(llm, chat, sample, json.dumps(schema, sort_keys=True) if schema else "")
