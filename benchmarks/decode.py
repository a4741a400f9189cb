"""Completing 164 prompts on a CPU: ours (slots refilled as sequences end) beside transformers' generate in batches.

32 is the batch that serves transformers best here, 64 slots serve ours (tried: 32, 64, 164).

The same random model and prompts, greedy, in fp32, the same number of new tokens for every prompt
(kind to batches: in an exam they wait for their longest); outputs are compared. Prints new tokens a
second, of the clock and of the processor, and how many completions are ours to the letter; writes
benchmarks/results/decode.json.

    GOMP_SPINCOUNT=1000 python benchmarks/decode.py --shape 17M     (as our command line sets it, and here for all)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers

from hornbook.models import generate, tokenizer
from hornbook.models import transformer as phi
from hornbook.models.shape import Shape

RESULTS = Path(__file__).parent / "results" / "decode.json"
OWN = Path(__file__).parents[1] / "hornbook"
Contender = Callable[[list[str]], list[str]]  # completions of prompts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", default="17M")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--prompts", type=int, default=164)
    parser.add_argument("--longest", type=int, default=128, help="new tokens at most")
    parser.add_argument("--batch", type=int, default=32, help="of transformers")
    parser.add_argument("--slots", type=int, default=generate.DEFAULT_SLOTS, help="of ours")
    parser.add_argument(
        "--alone", type=int, default=20, help="prompts for one by one, which is slow"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="all take turns so many times; the median counts"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    texts = [path.read_text("utf-8") for path in sorted(OWN.rglob("*.py"))]
    text_tokenizer = tokenizer.train_tokenizer(texts, 4096)
    model = phi.Phi(Shape.from_name(args.shape, 4096, args.context)).eval()
    with torch.no_grad():  # far from ties, so that both take the same token
        model.head.weight.mul_(40)
    rng = random.Random(0)
    prompts = [random_passage(rng, texts) for _ in range(args.prompts)]
    with tempfile.TemporaryDirectory() as folder:
        phi.save_model(model, text_tokenizer, Path(folder) / "m")
        reference_model = transformers.AutoModelForCausalLM.from_pretrained(
            Path(folder) / "m"
        ).eval()
        reference_tokenizer = transformers.AutoTokenizer.from_pretrained(
            Path(folder) / "m", padding_side="left"
        )
    reference_tokenizer.pad_token = reference_tokenizer.eos_token

    sampling = generate.SamplingParams(args.longest)

    def complete_with_hornbook(given_prompts: list[str]) -> list[str]:
        return [
            completion.text
            for completion in generate.generate_completions(
                model, text_tokenizer, given_prompts, sampling, slots=args.slots
            )
        ]

    def complete_with_transformers(given_prompts: list[str], size: int) -> list[str]:
        texts: list[str] = []
        for start in range(0, len(given_prompts), size):
            batch = reference_tokenizer(
                given_prompts[start : start + size],
                return_tensors="pt",
                padding=True,
                return_token_type_ids=False,
            )
            with torch.inference_mode():
                out: Any = reference_model.generate(
                    **batch, max_new_tokens=args.longest, do_sample=False
                )
            texts += reference_tokenizer.batch_decode(
                out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
            )
        return texts

    contenders: dict[str, Contender] = {
        "hornbook": complete_with_hornbook,
        f"transformers, batches of {args.batch}": lambda given_prompts: complete_with_transformers(
            given_prompts, args.batch
        ),
        "transformers, one by one": lambda given_prompts: complete_with_transformers(
            given_prompts, 1
        ),
    }
    rows = time_contenders(contenders, prompts, args)
    report = {
        "command": " ".join(["python", *sys.argv]),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "spins": os.environ.get("GOMP_SPINCOUNT", ""),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def random_passage(rng: random.Random, texts: list[str]) -> str:
    """150 to 600 characters from the beginning of some line on: no two prompts begin alike."""
    text = rng.choice([text for text in texts if len(text) > 1500])
    begin = text.index("\n", rng.randrange(len(text) - 800)) + 1
    return text[begin : begin + rng.randint(150, 600)]


def time_contenders(
    contenders: dict[str, Contender], prompts: list[str], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row a contender: medians over rounds in which all take turns; `same` of its texts are the first one's."""
    seconds_per_token: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    prompt_counts = {
        name: args.alone if name.endswith("one by one") else len(prompts) for name in contenders
    }
    same = dict.fromkeys(contenders, 0)
    reference = next(iter(contenders.values()))(prompts)  # also compiles our kernels
    for _ in range(args.rounds):
        for name, complete in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            completions = complete(prompts[: prompt_counts[name]])
            tokens = prompt_counts[name] * args.longest
            seconds_per_token[name].append(
                ((time.perf_counter() - wall) / tokens, (time.process_time() - cpu) / tokens)
            )
            same[name] = sum(a == b for a, b in zip(completions, reference, strict=False))
    rows = []
    for name, times in seconds_per_token.items():
        wall, cpu = (median(seconds) for seconds in zip(*times, strict=True))
        rows.append({"who": name, "tokens_per_s": round(1 / wall), "tokens_per_cpu_s": round(1 / cpu),
                     "prompts": prompt_counts[name], "same": same[name]})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
