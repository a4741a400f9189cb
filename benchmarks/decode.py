"""Completing 164 prompts on a CPU: ours (slots refilled as sequences end) beside transformers' generate in batches.

The same random model and prompts, greedy, in fp32, the same number of new tokens for every prompt (kind to batches: in
an exam they wait for their longest); outputs are compared. Prints new tokens a second, of the clock and of the
processor, and how many completions are ours to the letter; writes benchmarks/results/decode.json.

    python benchmarks/decode.py --shape 17M --prompts 164 --longest 128
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from hornbook import decode, tokenizer
from hornbook import model as phi
from hornbook.shape import Shape

RESULTS = Path(__file__).parent / "results" / "decode.json"
OWN = Path(__file__).parents[1] / "hornbook"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="17M")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--prompts", type=int, default=164)
    parser.add_argument("--longest", type=int, default=128, help="new tokens at most")
    parser.add_argument("--batch", type=int, default=32, help="of transformers; ours has as many slots")
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
    prompts = [draw.choice(texts)[: draw.randint(150, 600)] for _ in range(asked.prompts)]
    with tempfile.TemporaryDirectory() as folder:
        phi.save(model, words, Path(folder) / "m")
        theirs = transformers.AutoModelForCausalLM.from_pretrained(Path(folder) / "m").eval()
        spell = transformers.AutoTokenizer.from_pretrained(Path(folder) / "m", padding_side="left")
    spell.pad_token = spell.eos_token

    def ours() -> list[str]:
        return [each.text for each in decode.generate(model, words, prompts, asked.longest, slots=asked.batch)]

    def batched(size: int) -> list[str]:
        found: list[str] = []
        for at in range(0, len(prompts), size):
            given = spell(prompts[at : at + size], return_tensors="pt", padding=True, return_token_type_ids=False)
            with torch.inference_mode():
                out: Any = theirs.generate(**given, max_new_tokens=asked.longest, do_sample=False)
            found += spell.batch_decode(out[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
        return found

    contenders: dict[str, Callable[[], list[str]]] = {
        "hornbook": ours,
        f"transformers, batches of {asked.batch}": lambda: batched(asked.batch),
        "transformers, one by one": lambda: batched(1),
    }
    rows, reference = [], [""]
    for who, work in contenders.items():
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        reference = found if who == "hornbook" else reference
        tokens = asked.prompts * asked.longest
        row = {"who": who, "tokens_per_s": round(tokens / wall), "tokens_per_cpu_s": round(tokens / cpu),
               "same": sum(a == b for a, b in zip(found, reference, strict=True))}  # fmt: skip
        print(row, flush=True)
        rows.append(row)
    facts = {"command": " ".join(["python", *sys.argv]), "machine": platform.machine(), "torch": torch.__version__,
             "transformers": transformers.__version__, "rows": rows}  # fmt: skip
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
