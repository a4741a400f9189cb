"""A training step of ours beside Hugging Face's Phi and litgpt's in plain loops: the same batches, optimiser and loss.

Every contender is a process of its own, as its users run it (ours with what our command line sets);
Hugging Face's starts from our weights. Steps of all alternate in an order drawn anew each round, so
that a busy machine is busy for all of them. Prints tokens per second of each in its median and in
its best step, the ratio of medians, the share of the processor's own matrix-product rate (the best
of either, in the same run), and the peak memory beside what `plan` says for ours; writes
benchmarks/results/train.json, an entry for each shape and precision that was ever asked for.

    python benchmarks/train.py --shapes 3M 10M --context 512 --micro-batch 8 [--compile] [--precision bf16]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
import transformers

from hornbook.models import device
from hornbook.models.shape import Shape
from hornbook.models.transformer import Phi
from hornbook.train import price

VOCAB = 4096
RESULTS = Path(__file__).parent / "results" / "train.json"
Step = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", nargs="+", default=["3M", "10M"])
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument(
        "--compile", action="store_true", help="both models through torch.compile too"
    )
    parser.add_argument("--serve", nargs=2, metavar=("WHO", "SHAPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        serve_steps(options, *options.serve)
        return
    facts = {
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.processor() or platform.machine()}, {options.threads} threads",
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    runs = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in options.shapes:
        runs[f"{name} {options.precision}"] = facts | {"rows": compare_contenders(options, name)}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    print(f"written to {RESULTS.name}")


def list_contenders(options: argparse.Namespace) -> list[str]:
    names = ["transformers", "hornbook"] + (
        ["litgpt"] if importlib.util.find_spec("litgpt") else []
    )
    return names + (["transformers compiled", "hornbook compiled"] if options.compile else [])


def compare_contenders(options: argparse.Namespace, name: str) -> list[dict[str, Any]]:
    """A row a contender: tokens/s, ratio to Hugging Face's eager model, share of the matrix-product rate, memory."""
    shape = Shape.from_name(name, VOCAB, options.context)
    with contextlib.ExitStack() as stack:
        contenders = {
            who: stack.enter_context(Contender(options, who, name))
            for who in list_contenders(options)
        }
        losses = [
            contender.ready["loss"] for who, contender in contenders.items() if who != "litgpt"
        ]
        assert max(losses) - min(losses) < 0.02, losses  # the same weights and the same batch
        product = 0.0
        for _ in range(options.steps):
            product = max(product, time_product(options.precision))
            for contender in random.sample(list(contenders.values()), len(contenders)):
                contender.run_step()
    tokens, flops = (
        options.micro_batch * options.context,
        price.flops_per_token(shape, options.context),
    )
    rows = []
    for who, contender in contenders.items():
        row = {
            "shape": name, "parameters": shape.count_parameters(), "who": who, "precision": options.precision,
            "tokens_per_s": round(tokens / median(contender.seconds)),
            "best": round(tokens / min(contender.seconds)),
            "tokens_per_cpu_s": round(tokens / median(contender.cpu)),
            "ratio": round(median(contenders["transformers"].seconds) / median(contender.seconds), 2),
            "of_product_rate": round(flops * tokens / min(contender.seconds) / product, 2),
            "peak_gb": round(contender.ready["peak_gb"], 2),
        }  # fmt: skip
        if who == "hornbook":
            planned = price.estimate_memory_gb(
                shape, options.micro_batch, options.context, options.precision == "bf16"
            )
            row["planned_gb"] = round(planned, 2)
        print(row, flush=True)
        rows.append(row)
    return rows


class Contender:
    """A process that makes a step whenever it is told to."""

    def __init__(self, options: argparse.Namespace, who: str, shape: str) -> None:
        command = [
            sys.executable,
            __file__,
            "--serve",
            who,
            shape,
            "--threads",
            str(options.threads),
        ]
        command += ["--context", str(options.context), "--micro-batch", str(options.micro_batch)]
        command += ["--precision", options.precision]
        environment = os.environ | (device.ENVIRONMENT if who.startswith("hornbook") else {})
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.ready = self._read_reply()

    def _read_reply(self) -> dict[str, float]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def run_step(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        reply = self._read_reply()
        self.seconds.append(reply["seconds"])
        self.cpu.append(reply["cpu"])

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()


def serve_steps(options: argparse.Namespace, who: str, name: str) -> None:
    """What a contender's process does: two steps, then one more for each line that it is given."""
    torch.randn(64, 64) @ torch.randn(64, 64)
    for module in (
        "torch._dynamo",
        "hornbook.jit.bf16_kernels",
    ):  # loaded by a first step: 60 and 100 MB that are no training's
        importlib.import_module(module)
    start_gb = peak_rss_gb()
    with (
        device.keep_freed_memory("cpu") if who.startswith("hornbook") else contextlib.nullcontext()
    ):
        step = make_contender(who, Shape.from_name(name, VOCAB, options.context), options)
        loss = step()
        step()
        print(json.dumps({"loss": loss, "peak_gb": peak_rss_gb() - start_gb}), flush=True)
        for _ in sys.stdin:
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            reply = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            print(json.dumps(reply), flush=True)


def make_contender(who: str, shape: Shape, options: argparse.Namespace) -> Step:
    """A function that does one optimiser step on the same random batch and gives the loss in nats a token."""
    torch.manual_seed(0)
    source = Phi(shape)
    ids = torch.randint(0, VOCAB, (options.micro_batch, options.context))
    targets = ids.roll(-1, 1)
    model: Any
    if who.startswith("hornbook"):
        model = source
        if who.endswith("compiled"):
            model.quicken()

        def compute_loss() -> torch.Tensor:
            return model.loss(ids, targets) / targets.numel()
    else:
        model = make_litgpt(shape) if who == "litgpt" else make_transformers(source)
        forward = torch.compile(model) if who.endswith("compiled") else model

        def compute_loss() -> torch.Tensor:
            logits = (
                forward(ids) if who == "litgpt" else forward(input_ids=ids, use_cache=False).logits
            )
            return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def run_step() -> float:
        with (
            torch.autocast("cpu", torch.bfloat16)
            if options.precision == "bf16"
            else contextlib.nullcontext()
        ):
            loss_value = compute_loss()
        loss_value.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return float(loss_value.detach())

    return run_step


def make_litgpt(shape: Shape) -> torch.nn.Module:
    """litgpt's phi of the same shape, with weights of its own."""
    from litgpt import GPT, Config

    config = Config.from_name(
        "phi-1_5", n_layer=shape.layers, n_embd=shape.width, n_head=shape.heads, n_query_groups=shape.heads,
        block_size=shape.context, vocab_size=shape.vocab, padded_vocab_size=shape.vocab,
        intermediate_size=4 * shape.width, rotary_percentage=shape.rotary * shape.heads / shape.width,
    )  # fmt: skip
    return GPT(config).train()


def make_transformers(source: Phi) -> torch.nn.Module:
    """transformers' model with our weights, attention through SDPA as ours, ready to train."""
    from hornbook.models.transformer import _to_hugging_face

    shape = source.shape
    config = transformers.PhiConfig(
        vocab_size=shape.vocab, hidden_size=shape.width, intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, max_position_embeddings=shape.context,
        attn_implementation="sdpa",
    )  # fmt: skip
    model = transformers.PhiForCausalLM(config)
    model.load_state_dict(_to_hugging_face(source.state_dict()))
    return model.train()


def time_product(precision: str) -> float:
    """FLOP/s of a plain matrix product."""
    a = torch.randn(1024, 1024).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    started = time.perf_counter()
    _ = a @ a
    return 2 * 1024**3 / (time.perf_counter() - started)


def peak_rss_gb() -> float:
    """GB; from /proc, because getrusage's figure begins at the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


if __name__ == "__main__":
    main()
