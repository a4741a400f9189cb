"""Generation on a CPU: Hornbook's continuous batching and transformers' generate in batches.

In: one random model and 164 prompts, greedy, fp32, the same number of new tokens for each prompt.
That favours batches: in an exam they wait for their longest completion. The outputs are compared.
Out: new tokens per second of wall and of CPU time, and how many completions are identical; writes
benchmarks/results/decode.json. 32 is the best batch for transformers here, 64 slots are best for
Hornbook (tried: 32, 64, 164).

    GOMP_SPINCOUNT=1000 python benchmarks/decode.py --shape 17M

The variable is set by Hornbook's command line, and here for all contenders.
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
PACKAGE = Path(__file__).parents[1] / "hornbook"
Contender = Callable[[list[str]], list[str]]  # completions of prompts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", default="17M")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--prompts", type=int, default=164)
    parser.add_argument("--longest", type=int, default=128, help="new tokens of each prompt")
    parser.add_argument("--batch", type=int, default=32, help="transformers' batch")
    parser.add_argument(
        "--slots", type=int, default=generate.DEFAULT_SLOTS, help="Hornbook's slots"
    )
    parser.add_argument(
        "--alone",
        type=int,
        default=20,
        help="prompts that transformers completes one by one, which is slow",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds in which all take turns; the median counts"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    texts = [path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))]
    text_tokenizer = tokenizer.train_tokenizer(texts, 4096)
    model = phi.Phi(Shape.from_name(args.shape, 4096, args.context)).eval()
    # Far from ties, so that rounding does not change the likeliest token.
    with torch.no_grad():
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

    def complete_with_hornbook(batch_prompts: list[str]) -> list[str]:
        return [
            completion.text
            for completion in generate.generate_completions(
                model, text_tokenizer, batch_prompts, sampling, slots=args.slots
            )
        ]

    def complete_with_transformers(batch_prompts: list[str], size: int) -> list[str]:
        texts: list[str] = []
        for start in range(0, len(batch_prompts), size):
            batch = reference_tokenizer(
                batch_prompts[start : start + size],
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
        f"transformers, batches of {args.batch}": lambda batch_prompts: complete_with_transformers(
            batch_prompts, args.batch
        ),
        "transformers, one by one": lambda batch_prompts: complete_with_transformers(
            batch_prompts, 1
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
    """150 to 600 characters from a random line on: prompts share no prefix."""
    text = rng.choice([text for text in texts if len(text) > 1500])
    begin = text.index("\n", rng.randrange(len(text) - 800)) + 1
    return text[begin : begin + rng.randint(150, 600)]


def time_contenders(
    contenders: dict[str, Contender], prompts: list[str], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Measure all contenders in turns.

    Returns:
        A row for each contender: medians over the rounds, and the number of its completions that
        equal the first contender's.
    """
    seconds_per_token: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    prompt_counts = {
        name: args.alone if name.endswith("one by one") else len(prompts) for name in contenders
    }
    same = dict.fromkeys(contenders, 0)
    # The first call also compiles Hornbook's kernels.
    reference = next(iter(contenders.values()))(prompts)
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
        row = {
            "who": name,
            "tokens_per_s": round(1 / wall),
            "tokens_per_cpu_s": round(1 / cpu),
            "prompts": prompt_counts[name],
            "same": same[name],
        }
        rows.append(row)
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
