"""Trained models: ask one, export one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hornbook.cli.shared import open_run, show_json
from hornbook.records import UserError


def _find_model_folder(folder: Path, stage: str | None) -> Path:
    """The folder of a run's model, or the folder itself if it holds one."""
    from hornbook.cli.inspect_run import find_model_folder

    if (folder / "config.json").exists():
        return folder
    return find_model_folder(open_run(folder), stage)


@click.command("ask")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("prompt")
@click.option("--stage", help="Which model; the last one trained if not given.")
@click.option("--max-new-tokens", default=128, show_default=True)
@click.option(
    "--temperature", default=0.0, show_default=True, help="0: always the likeliest token."
)
@click.option(
    "--top-p",
    default=1.0,
    show_default=True,
    help="Draw from the likeliest tokens of this much in all.",
)
@click.option(
    "--samples", default=1, show_default=True, help="Completions, each with a seed of its own."
)
@click.option(
    "--stop",
    multiple=True,
    metavar="TEXT",
    help="End before this text; may be given several times.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Of the first completion; the next ones follow."
)
@click.option("--device", help="cpu or cuda; the GPU if there is one, when not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a completion.")
def ask_command(
    folder: Path, prompt: str, stage: str | None, as_json: bool, device: str | None, **how: Any
) -> None:
    """Let a trained model complete a prompt. RUN may also be a folder with a Hugging Face phi model.

    A prompt of - is read from standard input.

    \b
    Example: hornbook ask runs/pocket 'def add(a, b):'
             hornbook ask runs/pocket - --temperature 0.8 --samples 3 < start.py
    """
    _check_sampling_options(**how)
    where = _find_model_folder(folder, stage)
    from hornbook.models import device as devices
    from hornbook.models import generate, tokenizer, transformer

    prompt = sys.stdin.read() if prompt == "-" else prompt
    on = devices.pick_device(device)
    phi, words = transformer.load_model(where, device=on), tokenizer.load_tokenizer(where)
    seeds = [how["seed"] + at for at in range(how["samples"])]
    drawing = generate.SamplingParams(
        how["max_new_tokens"], how["temperature"], how["top_p"], how["stop"]
    )
    slots = min(how["samples"], generate.DEFAULT_SLOTS)
    answers = generate.generate_completions(
        phi, words, [prompt] * how["samples"], drawing, seeds, slots
    )
    for seed, answer in zip(seeds, answers, strict=True):
        if as_json:
            facts = {
                "tokens": answer.tokens,
                "finish": answer.finish,
                "seed": seed,
                "model": str(where),
            }
            show_json({"prompt": prompt, "completion": answer.text, **facts})
        else:
            click.echo(prompt + answer.text)


def _check_sampling_options(
    samples: int, max_new_tokens: int, temperature: float, top_p: float, **rest: Any
) -> None:
    for wrong, said in (
        (samples < 1, "--samples: 1 or more"),
        (max_new_tokens < 1, "--max-new-tokens: 1 or more"),
        (temperature < 0, "--temperature: 0 (the likeliest token) or more"),
        (not 0 < top_p <= 1, "--top-p: above 0, at most 1"),
    ):
        if wrong:
            raise UserError(said)


@click.command("export")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(["hf", "gguf"]), default="hf", show_default=True,
              help="Hugging Face's folder (transformers, vLLM), or one file for llama.cpp.")  # fmt: skip
@click.option("--stage", help="Which model; the last one trained if not given.")
@click.option(
    "--weights", type=click.Choice(["f32", "f16", "bf16"]), default="f32", show_default=True
)
def export_command(folder: Path, target: Path, form: str, stage: str | None, weights: str) -> None:
    """Write a trained model for other programs. RUN may also be a folder with a Hugging Face phi model.

    \b
    Example: hornbook export runs/pocket my-model
             hornbook export runs/pocket my-model --to gguf --weights f16
    """
    source = _find_model_folder(folder, stage)
    from hornbook.models import export as exports
    from hornbook.models import tokenizer, transformer

    if form == "gguf":
        path = (
            target
            if target.suffix == ".gguf"
            else target / f"{stage or folder.resolve().name}-{weights}.gguf"
        )
        _refuse_to_overwrite(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        exports.export_gguf(source, path, weights)  # type: ignore[arg-type]
        click.echo(
            f"wrote {path} ({path.stat().st_size / 1e6:,.1f} MB). Next: llama-cli -m {path} -p 'def add(a, b):'"
        )
        return
    _refuse_to_overwrite(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    transformer.save_model(
        transformer.load_model(source),
        tokenizer.load_tokenizer(source),
        target,
        exports.DTYPES[weights],
    )
    click.echo(
        f"wrote {target}. Next: transformers' AutoModelForCausalLM.from_pretrained({str(target)!r}), or vLLM"
    )


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists already: choose another name, or remove it")
