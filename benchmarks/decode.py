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
    parser.add_argument("--slots", type=int, default=generate.SLOTS, help="of ours")
    parser.add_argument(
        "--alone", type=int, default=20, help="prompts for one by one, which is slow"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="all take turns so many times; the median counts"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    texts = [path.read_text("utf-8") for path in sorted(OWN.rglob("*.py"))]
    words = tokenizer.train(texts, 4096)
    model = phi.Phi(Shape.of(asked.shape, 4096, asked.context)).eval()
    with torch.no_grad():  # far from ties, so that both take the same token
        model.head.weight.mul_(40)
    draw = random.Random(0)
    prompts = [passage(draw, texts) for _ in range(asked.prompts)]
    with tempfile.TemporaryDirectory() as folder:
        phi.save(model, words, Path(folder) / "m")
        theirs = transformers.AutoModelForCausalLM.from_pretrained(Path(folder) / "m").eval()
        spell = transformers.AutoTokenizer.from_pretrained(Path(folder) / "m", padding_side="left")
    spell.pad_token = spell.eos_token

    how = generate.Drawing(asked.longest)

    def ours(given: list[str]) -> list[str]:
        return [
            each.text for each in generate.generate(model, words, given, how, slots=asked.slots)
        ]

    def batched(given: list[str], size: int) -> list[str]:
        found: list[str] = []
        for at in range(0, len(given), size):
            batch = spell(
                given[at : at + size],
                return_tensors="pt",
                padding=True,
                return_token_type_ids=False,
            )
            with torch.inference_mode():
                out: Any = theirs.generate(**batch, max_new_tokens=asked.longest, do_sample=False)
            found += spell.batch_decode(
                out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
            )
        return found

    contenders: dict[str, Contender] = {
        "hornbook": ours,
        f"transformers, batches of {asked.batch}": lambda given: batched(given, asked.batch),
        "transformers, one by one": lambda given: batched(given, 1),
    }
    rows = timed(contenders, prompts, asked)
    facts = {
        "command": " ".join(["python", *sys.argv]),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "spins": os.environ.get("GOMP_SPINCOUNT", ""),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def passage(draw: random.Random, texts: list[str]) -> str:
    """150 to 600 characters from the beginning of some line on: no two prompts begin alike."""
    text = draw.choice([text for text in texts if len(text) > 1500])
    begin = text.index("\n", draw.randrange(len(text) - 800)) + 1
    return text[begin : begin + draw.randint(150, 600)]


def timed(
    contenders: dict[str, Contender], prompts: list[str], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row a contender: medians over rounds in which all take turns; `same` of its texts are the first one's."""
    spent: dict[str, list[tuple[float, float]]] = {who: [] for who in contenders}
    numbers = {
        who: asked.alone if who.endswith("one by one") else len(prompts) for who in contenders
    }
    same = dict.fromkeys(contenders, 0)
    reference = next(iter(contenders.values()))(prompts)  # also compiles our kernels
    for _ in range(asked.rounds):
        for who, work in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            found = work(prompts[: numbers[who]])
            tokens = numbers[who] * asked.longest
            spent[who].append(
                ((time.perf_counter() - wall) / tokens, (time.process_time() - cpu) / tokens)
            )
            same[who] = sum(a == b for a, b in zip(found, reference, strict=False))
    rows = []
    for who, times in spent.items():
        wall, cpu = (median(each) for each in zip(*times, strict=True))
        rows.append({"who": who, "tokens_per_s": round(1 / wall), "tokens_per_cpu_s": round(1 / cpu),
                     "prompts": numbers[who], "same": same[who]})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
