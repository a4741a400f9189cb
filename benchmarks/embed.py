"""Which layer of the embedded model, and how many tokens, tell educational code best? And what does each cost?

In: the shipped labels, joined from their wheels (330 MB from PyPI the first time). Out: a table of
the area under ROC across packages, forest and linear, per layer and number of tokens, with texts a
second; and, with --peers, texts a second beside plain transformers, which pads batches in the order
of the texts, computes every layer and means the one asked for, in turns;
benchmarks/results/embed.json. Run: python benchmarks/embed.py [--layers 6,12,15] [--tokens 128,256]
[--peers 160]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from hornbook.curate import choose_layer, classify, shipped_labels, validate
from hornbook.models import embedded_weights
from hornbook.models.embedder import Embedder, embed

RESULTS = Path(__file__).parent / "results" / "embed.json"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--layers", default="2,6,12,15")
    words.add_argument("--tokens", default="64,128,256")
    words.add_argument(
        "--peers",
        type=int,
        default=0,
        metavar="N",
        help="N texts by us and by others, nothing else",
    )
    asked = words.parse_args()
    labels = [
        json.loads(line) for line in shipped_labels.SHIPPED.read_text(encoding="utf-8").splitlines()
    ]
    at_hand = {(each["package"].lower().replace("-", "_"), each["version"]) for each in labels}
    joined = [
        (label, text) for label, text, why in shipped_labels.join(at_hand, stdlib=True) if not why
    ]
    texts = [text for _, text in joined]
    y = np.array([label["score"] >= 3 for label, _ in joined], np.int64)
    origin = [label["package"] for label, _ in joined]
    print(
        f"{len(joined)} of {len(labels)} labels joined, {y.sum()} of them good, {len(set(origin))} packages"
    )
    if asked.peers:
        write({"peers": beside(texts[: asked.peers], Embedder("smollm2", 0, 512))})
        return
    rows = [score(texts, y, origin, Embedder("hashed"))]
    for tokens in map(int, asked.tokens.split(",")):
        for layer in map(int, asked.layers.split(",")):
            rows.append(score(texts, y, origin, Embedder("smollm2", layer, tokens)))
    write({"layers": rows})


def write(found: dict[str, object]) -> None:
    """Keep what other runs of this file found."""
    published = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(published | found, indent=1) + "\n", encoding="utf-8")


def beside(texts: list[str], how: Embedder, rounds: int = 3) -> list[dict[str, object]]:
    """Texts a second of us and of plain transformers in bf16 and fp32, and how far their vectors are from ours."""
    ours = embed(texts, how)
    ways = {
        "hornbook": lambda: embed(texts, how, cached=False),
        "transformers, bf16": plain(torch.bfloat16, how, texts),
        "transformers, fp32": plain(torch.float32, how, texts),
    }
    seconds: dict[str, list[float]] = {who: [] for who in ways}
    cosine = {}
    for _ in range(rounds):
        for who, way in ways.items():
            started = time.perf_counter()
            found = way()
            seconds[who].append(time.perf_counter() - started)
            cosine[who] = float((found * ours).sum(1).min())
    rows: list[dict[str, object]] = []
    for who, each in seconds.items():
        row: dict[str, object] = {"who": who, "texts_a_s": round(len(texts) / median(each), 1)}
        row |= {
            "least_cosine": round(cosine[who], 4),
            "hornbook_is": round(median(each) / median(seconds["hornbook"]), 2),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def plain(
    dtype: torch.dtype, how: Embedder, texts: list[str], batch: int = 16
) -> Callable[[], np.ndarray]:
    """As the model's card would have it: AutoModel, padded batches, all hidden states, the mean over the mask."""
    from transformers import AutoModel, AutoTokenizer

    spell, model = (
        AutoTokenizer.from_pretrained(embedded_weights.folder()),
        AutoModel.from_pretrained(embedded_weights.folder(), dtype=dtype),
    )
    spell.pad_token = spell.pad_token or spell.eos_token
    middle = how.layer or model.config.num_hidden_layers // 2

    def way() -> np.ndarray:
        found = []
        for at in range(0, len(texts), batch):
            given = spell(
                texts[at : at + batch],
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=how.tokens,
            )
            with torch.inference_mode():
                hidden = model(**given, output_hidden_states=True).hidden_states[middle].float()
            mask = given["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1)
            found.append((mean / mean.norm(dim=1, keepdim=True)).numpy())
        return np.concatenate(found)

    return way


def score(texts: list[str], y: np.ndarray, origin: list[str], how: Embedder) -> dict[str, object]:
    started = time.perf_counter()
    vectors = embed(texts, how, cached=False)
    seconds = time.perf_counter() - started
    row: dict[str, object] = {
        "model": how.model,
        "layer": how.layer,
        "tokens": how.tokens,
        "texts_a_s": len(texts) / seconds,
    }
    for kind in ("forest", "linear"):
        pieces = choose_layer.Known({"vector": vectors}, y, origin, texts)
        tested = classify.across_packages(pieces, kind, choose_layer.splits(pieces))
        row[kind] = validate.area(y, tested, kind)
    forest, linear = row["forest"], row["linear"]
    print(f"{how.model} layer {how.layer:2d}, {how.tokens:3d} tokens: {row['texts_a_s']:6.1f} texts/s, "
          f"forest {forest[1]:.3f} ({forest[0]:.3f} to {forest[2]:.3f}), "
          f"linear {linear[1]:.3f} ({linear[0]:.3f} to {linear[2]:.3f})", flush=True)  # fmt: skip
    return row


if __name__ == "__main__":
    main()
