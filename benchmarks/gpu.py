"""A training step of phi-1-small and phi-1 on one GPU: ours compiled, beside Hugging Face's Phi compiled.

bf16 autocast, fused AdamW, SDPA's FlashAttention in both. Prints tokens a second, ratio, peak memory and the share of
the measured bf16 matrix-product rate (6ND plus attention); writes benchmarks/results/gpu.json. Steps alternate and the
best counts, as in benchmarks/train.py, whose parts it uses. Has not been run yet: docs/log.md says when it was.

    python benchmarks/gpu.py --shapes phi-1-small phi-1 --micro-batch 16 8
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from train import Step, theirs

from hornbook.model import Phi
from hornbook.shape import Shape
from hornbook.train import price

RESULTS = Path(__file__).parent / "results" / "gpu.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["phi-1-small", "phi-1"])
    parser.add_argument("--micro-batch", nargs="+", type=int, default=[16, 8])
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no GPU here: nothing was measured")
    torch.set_float32_matmul_precision("high")
    rows = []
    for name, batch in zip(asked.shapes, asked.micro_batch, strict=True):
        shape = Shape.of(name, context=asked.context)
        product = product_rate()
        for who in ("hornbook", "transformers"):  # one after the other: both would not fit in memory
            row = measured(who, name, shape, batch, asked.steps, product)
            print(row, flush=True)
            rows.append(row)
    facts = {"command": " ".join(["python", *sys.argv]), "device": torch.cuda.get_device_name(),
             "torch": torch.__version__, "transformers": transformers.__version__, "rows": rows}  # fmt: skip
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def measured(who: str, name: str, shape: Shape, batch: int, steps: int, product: float) -> dict[str, Any]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    step = contender(who, shape, batch)
    loss = [step() for _ in range(3)][0]  # compiles
    best = float("inf")
    for _ in range(steps):
        torch.cuda.synchronize()
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    tokens = batch * shape.context
    flops = price.flops_per_token(shape, shape.context) * tokens
    return {
        "shape": name, "who": who, "micro_batch": batch, "context": shape.context, "first_loss": round(loss, 3),
        "tokens_per_s": round(tokens / best), "of_product_rate": round(flops / best / product, 3),
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        "planned_gb": round(price.memory_gb(shape, batch, shape.context, half=True, gpu=True), 2),
    }  # fmt: skip


def contender(who: str, shape: Shape, batch: int) -> Step:
    torch.manual_seed(0)
    ours = Phi(shape)
    ids = torch.randint(0, shape.vocab, (batch, shape.context)).cuda()
    targets = ids.roll(-1, 1)
    model: Any = ours.cuda() if who == "hornbook" else theirs(ours).cuda()
    if who == "hornbook":
        model.hidden = torch.compile(model.hidden)
    called = torch.compile(model) if who != "hornbook" else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def step() -> float:
        with torch.autocast("cuda", torch.bfloat16):
            if who == "hornbook":
                loss = model.loss(ids, targets) / targets.numel()
            else:
                logits = called(input_ids=ids, use_cache=False).logits
                loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def product_rate(size: int = 8192) -> float:
    """FLOP/s of a plain bf16 matrix product, the best of ten."""
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        started = time.perf_counter()
        _ = a @ a
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


if __name__ == "__main__":
    main()
