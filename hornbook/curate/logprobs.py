"""A small model as a judge, asked in the only form that it can answer: how probable each score is.

In: documents. Out: records as JudgeSample's, whose label is the expected score, rounded: the sum of
each score from 0 to 5 times its probability as the next token after "Score: ". Nothing is sampled,
so nothing is malformed. Only the embedded model: servers seldom give logarithms of probabilities.
`agreement.json` says how little it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import meter, records, store
from hornbook.curate.judge import COLUMNS, RUBRIC, agreement, question
from hornbook.frame.stage import Desk, Price, Size, Stage, Whole
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    import pyarrow as pa

SCORES = "012345"
BEGINS = "Score: "


@dataclass(frozen=True)
class JudgeLogprobs(Whole):
    """Expected scores of `sample` kept documents, chosen by a hash of their ids and cut to `characters`."""

    data: Stage
    sample: int = 1000
    characters: int = 2000

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"rubric": RUBRIC.read_text(encoding="utf-8"), "begins": BEGINS}

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        rows = [row for table in desk.kept(self.data) for row in table.to_pylist()]
        chosen = sorted(rows, key=lambda row: (records.share("judged", row["id"]), row["id"]))[
            : self.sample
        ]
        desk.reporter.begin(self.name, len(chosen), "pieces")
        judged, pairs = [], []
        for row in chosen:
            value = expected(row["text"][: self.characters], str(desk.options.get("device", "cpu")))
            label = min(5, max(0, round(value)))
            judged.append(
                row | {"label": label, "why": f"expected {value:.3f}", "kept": True, "reason": ""}
            )
            pairs += [(row["label"], label)] if "label" in row else []
            desk.reporter.advance()
        yield "judged", records.table(judged, COLUMNS)
        facts = agreement(pairs, len(chosen), f"{embedded_weights.NAME} (logprobs)")
        store.write_json(desk.folder(self) / "agreement.json", facts)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = min(self.sample, inputs[0].documents) if inputs[0].documents else self.sample
        tokens = number * (len(RUBRIC.read_text(encoding="utf-8")) + self.characters * 0.7) / 3.5
        return Price(
            Size(number, number * self.characters / 2e6),
            tokens,
            minutes=tokens / 2000 / 60,
            peak_mb=1500,
        )


def expected(text: str, device: str = "cpu") -> float:
    """The expected score of a piece, 0 to 5."""
    import torch

    model, tokenizer = embedded_weights.model(device)
    turns = [{"role": "user", "content": question(text).encode("utf-8", "replace").decode()}]
    prompt = (
        tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + BEGINS
    )
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(device)
    meter.count(tokens_in=ids.shape[1])
    which = torch.tensor(
        [tokenizer.encode(each, add_special_tokens=False)[-1] for each in SCORES], device=device
    )
    with torch.inference_mode():
        logits = (
            model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1, which].float()
        )
    return float((torch.softmax(logits, 0) * torch.arange(len(SCORES), device=device)).sum())
