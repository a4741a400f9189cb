"""Which layer of the embedded model, and how many tokens, tell educational code best? And what does each cost?

In: the shipped labels, joined from their wheels (330 MB from PyPI the first time). Out: a table of the area under ROC
across packages, forest and linear, per layer and number of tokens, with texts a second; benchmarks/results/embed.json.
Run: python benchmarks/embed.py [--layers 6,12,15] [--tokens 128,256]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from hornbook.curate import classify, known, validate
from hornbook.embedder import Embedder, embed

RESULTS = Path(__file__).parent / "results" / "embed.json"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--layers", default="2,6,12,15")
    words.add_argument("--tokens", default="64,128,256")
    asked = words.parse_args()
    labels = [json.loads(line) for line in known.SHIPPED.read_text(encoding="utf-8").splitlines()]
    at_hand = {(each["package"].lower().replace("-", "_"), each["version"]) for each in labels}
    joined = [(label, text) for label, text, why in known.join(at_hand, stdlib=True) if not why]
    texts = [text for _, text in joined]
    y = np.array([label["score"] >= 3 for label, _ in joined], np.int64)
    origin = [label["package"] for label, _ in joined]
    print(f"{len(joined)} of {len(labels)} labels joined, {y.sum()} of them good, {len(set(origin))} packages")
    rows = [score(texts, y, origin, Embedder("hashed"))]
    for tokens in map(int, asked.tokens.split(",")):
        for layer in map(int, asked.layers.split(",")):
            rows.append(score(texts, y, origin, Embedder("smollm2", layer, tokens)))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def score(texts: list[str], y: np.ndarray, origin: list[str], how: Embedder) -> dict[str, object]:
    started = time.perf_counter()
    vectors = embed(texts, how)
    seconds = time.perf_counter() - started
    row: dict[str, object] = {
        "model": how.model,
        "layer": how.layer,
        "tokens": how.tokens,
        "texts_a_s": len(texts) / seconds,
    }
    for kind in ("forest", "linear"):
        tested = classify.across_packages(classify.Known(vectors, y, origin, texts), kind)
        row[kind] = validate.area(y, tested, kind)
    forest, linear = row["forest"], row["linear"]
    print(f"{how.model} layer {how.layer:2d}, {how.tokens:3d} tokens: {row['texts_a_s']:6.1f} texts/s, "
          f"forest {forest[1]:.3f} ({forest[0]:.3f} to {forest[2]:.3f}), "
          f"linear {linear[1]:.3f} ({linear[0]:.3f} to {linear[2]:.3f})", flush=True)  # fmt: skip
    return row


if __name__ == "__main__":
    main()
