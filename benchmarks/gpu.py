"""An optimiser step of phi-1-small and phi-1 on one GPU: Hornbook and Hugging Face's Phi.

Both through torch.compile, in bf16 autocast, with fused AdamW, FlashAttention through SDPA and
several micro-batches per step, as in every recipe; Hugging Face's loss is compiled with its model.
Hornbook runs twice: "exact" sums in one order, as the Train stage does by default, so that a resume
is bit for bit; "hornbook", like "transformers", sums in any order. Out: tokens per second (median
step), the share of the measured bf16 matrix-product rate (6ND plus attention), the seconds of the
first step (compilation), and peak memory beside the one that `plan` states; writes
benchmarks/results/gpu.json after each row.

    python benchmarks/gpu.py --shapes phi-1-small phi-1 --micro-batch 16 8
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from train import Step, make_transformers

from hornbook.models import device
from hornbook.models.shape import Shape
from hornbook.models.transformer import Phi
from hornbook.train import price

RESULTS = Path(__file__).parent / "results" / "gpu.json"
WHO = ("exact", "hornbook", "transformers")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=["phi-1-small", "phi-1"])
    parser.add_argument("--micro-batch", nargs="+", type=int, default=[16, 8])
    parser.add_argument("--micro-batches", type=int, default=4, help="per step")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--who", nargs="+", choices=WHO, default=WHO)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this machine has no GPU: nothing was measured")
    device.set_library_environment()  # cuBLAS reads it before the first product
    product = time_products()
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/gpu.py", *sys.argv[1:]]),
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "product_tflops": round(product / 1e12),
        "rows": [],
    }
    for name, batch in zip(options.shapes, options.micro_batch, strict=True):
        shape = Shape.from_name(name, context=options.context)
        # One after the other: two models would not fit in memory.
        for who in options.who:
            row = {
                "shape": name,
                "who": who,
                "micro_batch": batch,
                "micro_batches": options.micro_batches,
            }
            try:
                is_exact = who == "exact"
                with device.deterministic_sums("cuda") if is_exact else contextlib.nullcontext():
                    row |= measure_contender(who, shape, batch, options, product)
            except torch.OutOfMemoryError:
                row["failed"] = "out of memory"
            print(row, flush=True)
            report["rows"].append(row)
            options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure_contender(
    who: str, shape: Shape, batch: int, options: argparse.Namespace, product: float
) -> dict[str, Any]:
    torch._dynamo.reset()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    step = make_contender(who, shape, batch, options)
    loss = step()
    ready = time.perf_counter() - started
    step()
    seconds = []
    for _ in range(options.steps):
        torch.cuda.synchronize()
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    tokens = batch * shape.context * options.micro_batches
    flops = price.flops_per_token(shape, shape.context) * tokens
    rate = flops / median(seconds)
    planned_gb = price.estimate_memory_gb(
        shape, batch, shape.context, half_precision=True, is_gpu=True
    )
    return {
        "context": shape.context,
        "dropout": options.dropout,
        "first_loss": round(loss, 3),
        "first_step_s": round(ready, 1),
        "tokens_per_s": round(tokens / median(seconds)),
        "of_product_rate": round(rate / product, 3),
        "of_data_sheet": round(rate / price.find_hardware("cuda").peak_flops, 3),
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        "planned_gb": round(planned_gb, 2),
    }


def make_contender(who: str, shape: Shape, batch: int, options: argparse.Namespace) -> Step:
    torch.manual_seed(0)
    with torch.device("cuda"):
        source = Phi(shape, options.dropout)
        ids = torch.randint(0, shape.vocab, (batch, shape.context))
        model: Any = make_transformers(source) if who == "transformers" else source
    targets = ids.roll(-1, 1)
    if who == "transformers":
        del source
        compute_loss = torch.compile(lambda: F.cross_entropy(
            model(input_ids=ids, use_cache=False).logits.flatten(0, 1).float(), targets.flatten()
        ))  # fmt: skip
    else:
        model.compile_blocks()

        def compute_loss() -> torch.Tensor:
            return model.sum_loss(ids, targets) / targets.numel()  # type: ignore[no-any-return]

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def run_step() -> float:
        for _ in range(options.micro_batches):
            with torch.autocast("cuda", torch.bfloat16):
                loss = compute_loss() / options.micro_batches
            loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return float(loss.detach()) * options.micro_batches

    return run_step


def time_products(size: int = 8192) -> float:
    """FLOP/s of a bf16 matrix product, the best of ten."""
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
