"""A training step of ours beside Hugging Face's Phi in a plain loop: the same weights, batches, optimiser and loss.

Prints tokens per second of each, the ratio, and the share of the processor's own matrix-product rate, measured in the
same run; writes benchmarks/results/train.json. Steps of all contenders alternate, so that a busy machine is busy for
all of them; the best step counts.

    python benchmarks/train.py --shapes 3M 10M --context 512 --micro-batch 8 [--compile] [--precision bf16]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import transformers

from hornbook.model import Phi
from hornbook.shape import Shape
from hornbook.train import price

VOCAB = 4096
RESULTS = Path(__file__).parent / "results" / "train.json"
Step = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["3M", "10M"])
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true", help="both models through torch.compile too")
    parser.add_argument("--load", default="", help="a word on who else uses the machine, kept with the figures")
    parser.add_argument("--peak", nargs=2, metavar=("WHO", "SHAPE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak:
        print(json.dumps(peak(asked, *asked.peak)))
        return
    rows = [row for name in asked.shapes for row in compared(asked, name)]
    facts = {
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.processor() or platform.machine()}, {asked.threads} threads",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "load": asked.load,
        "rows": rows,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"written to {RESULTS.name}")


def compared(asked: argparse.Namespace, name: str) -> list[dict[str, Any]]:
    """A row a contender: tokens/s, ratio to Hugging Face's eager model, share of the matrix-product rate."""
    shape = Shape.of(name, VOCAB, asked.context)
    contenders = {who: contender(who, shape, asked) for who in names(asked)}
    losses = {who: step() for who, step in contenders.items()}
    assert max(losses.values()) - min(losses.values()) < 0.02, losses  # the same weights and the same batch
    best = dict.fromkeys(contenders, float("inf"))
    product = 0.0
    for _ in range(asked.steps):
        product = max(product, product_rate(asked.precision))
        for who, step in contenders.items():
            started = time.perf_counter()
            step()
            best[who] = min(best[who], time.perf_counter() - started)
    tokens = asked.micro_batch * asked.context
    rows = []
    for who, seconds in best.items():
        row = {
            "shape": name, "parameters": shape.parameters(), "who": who, "precision": asked.precision,
            "tokens_per_s": round(tokens / seconds), "ratio": round(best["transformers"] / seconds, 2),
            "of_product_rate": round(price.flops_per_token(shape, asked.context) * tokens / seconds / product, 2),
            **measured_peak(asked, who, name),
        }  # fmt: skip
        print(row, flush=True)
        rows.append(row)
    return rows


def names(asked: argparse.Namespace) -> list[str]:
    return ["transformers", "hornbook"] + (["transformers compiled", "hornbook compiled"] if asked.compile else [])


def contender(who: str, shape: Shape, asked: argparse.Namespace) -> Step:
    """A function that does one optimiser step on the same random batch and gives the loss in nats a token."""
    torch.manual_seed(0)
    ours = Phi(shape)
    ids = torch.randint(0, VOCAB, (asked.micro_batch, asked.context))
    targets = ids.roll(-1, 1)
    model: Any
    if who.startswith("hornbook"):
        model = ours
        if who.endswith("compiled"):
            model.hidden = torch.compile(model.hidden)

        def loss() -> torch.Tensor:
            return model.loss(ids, targets) / targets.numel()
    else:
        model = theirs(ours)
        called = torch.compile(model) if who.endswith("compiled") else model

        def loss() -> torch.Tensor:
            logits = called(input_ids=ids, use_cache=False).logits
            return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16) if asked.precision == "bf16" else contextlib.nullcontext():
            now = loss()
        now.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return float(now.detach())

    return step


def theirs(ours: Phi) -> torch.nn.Module:
    """transformers' model with our weights, attention through SDPA as ours, ready to train."""
    from hornbook.model import _to_hugging_face

    shape = ours.shape
    config = transformers.PhiConfig(
        vocab_size=shape.vocab, hidden_size=shape.width, intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, max_position_embeddings=shape.context,
        attn_implementation="sdpa",
    )  # fmt: skip
    model = transformers.PhiForCausalLM(config)
    model.load_state_dict(_to_hugging_face(ours.state_dict()))
    return model.train()


def product_rate(precision: str) -> float:
    """FLOP/s of a plain matrix product."""
    a = torch.randn(1024, 1024).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    started = time.perf_counter()
    _ = a @ a
    return 2 * 1024**3 / (time.perf_counter() - started)


def measured_peak(asked: argparse.Namespace, who: str, name: str) -> dict[str, float]:
    """Peak memory of a process of its own, beside what `plan` says for ours."""
    command = [sys.executable, __file__, "--peak", who, name, "--threads", str(asked.threads)]
    command += ["--context", str(asked.context), "--micro-batch", str(asked.micro_batch)]
    command += ["--precision", asked.precision]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def peak(asked: argparse.Namespace, who: str, name: str) -> dict[str, float]:
    shape = Shape.of(name, VOCAB, asked.context)
    torch.randn(64, 64) @ torch.randn(64, 64)
    importlib.import_module("torch._dynamo")  # an optimiser's first use loads it: 60 MB that are no training's
    before = high_water()
    step = contender(who, shape, asked)
    step(), step()
    found = high_water() - before
    planned = price.memory_gb(shape, asked.micro_batch, asked.context, asked.precision == "bf16")
    return {"peak_gb": round(found, 2), "planned_gb": round(planned, 2)}


def high_water() -> float:
    """GB; from /proc, because getrusage's figure begins at the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


if __name__ == "__main__":
    main()
