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

from hornbook import llm, meter, records, store
from hornbook.curate.judge import COLUMNS, RUBRIC_PATH, format_question, summarise_agreement
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size, Stage
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_DIGITS = "012345"
REPLY_PREFIX = "Score: "


@dataclass(frozen=True)
class JudgeLogprobs(GlobalStage):
    """Expected scores of `sample` kept documents, by a hash of their ids, cut to `characters`."""

    data: Stage
    sample: int = 1000
    characters: int = 2000

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"rubric": RUBRIC_PATH.read_text(encoding="utf-8"), "begins": REPLY_PREFIX}

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        rows = list(ctx.run.iterate_rows(self.data, kept_only=True))
        sample_rows = sorted(
            rows, key=lambda row: (records.hash_fraction("judged", row["id"]), row["id"])
        )[: self.sample]
        ctx.reporter.begin(self.name, len(sample_rows), "pieces")
        judged_rows, label_pairs = [], []
        for row in sample_rows:
            score = compute_expected_score(
                row["text"][: self.characters], str(ctx.options.get("device", "cpu"))
            )
            label = min(5, max(0, round(score)))
            judged_rows.append(
                row | {"label": label, "why": f"expected {score:.3f}", "kept": True, "reason": ""}
            )
            label_pairs += [(row["label"], label)] if "label" in row else []
            ctx.reporter.advance()
        yield "judged", records.make_table(judged_rows, COLUMNS)
        agreement = summarise_agreement(
            label_pairs, len(sample_rows), f"{embedded_weights.NAME} (logprobs)"
        )
        store.write_json(ctx.run.stage_folder(self) / "agreement.json", agreement)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        n_documents = min(self.sample, inputs[0].documents) if inputs[0].documents else self.sample
        tokens = (
            n_documents
            * (len(RUBRIC_PATH.read_text(encoding="utf-8")) + self.characters * 0.7)
            / 3.5
        )
        return Price(
            Size(n_documents, n_documents * self.characters / 2e6),
            tokens,
            minutes=llm.price_requests(llm.LLM(), n_documents, tokens, 0, ctx).minutes,
            peak_mb=1500,
        )


def compute_expected_score(text: str, device: str = "cpu") -> float:
    """The expected score of a piece, 0 to 5."""
    import torch

    model, tokenizer = embedded_weights.load_model(device)
    messages = [
        {"role": "user", "content": format_question(text).encode("utf-8", "replace").decode()}
    ]
    prompt = (
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        + REPLY_PREFIX
    )
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(device)
    meter.add_usage(tokens_in=ids.shape[1])
    digit_token_ids = torch.tensor(
        [tokenizer.encode(digit, add_special_tokens=False)[-1] for digit in SCORE_DIGITS],
        device=device,
    )
    with torch.inference_mode():
        logits = (
            model(input_ids=ids, use_cache=False, logits_to_keep=1)
            .logits[0, -1, digit_token_ids]
            .float()
        )
    return float((torch.softmax(logits, 0) * torch.arange(len(SCORE_DIGITS), device=device)).sum())
