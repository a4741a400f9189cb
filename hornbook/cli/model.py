"""The commands `ask` and `export`: complete a prompt with a trained model, write it for others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hornbook.cli.shared import open_run, show_json
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.models.export import Weights


def _find_model_folder(folder: Path, stage: str | None) -> Path:
    """The folder of a run's model, or the folder itself if it holds a model."""
    from hornbook.cli.inspect_run import find_model_folder

    # The file that every Hugging Face model has, and no run.
    if (folder / "config.json").exists():
        return folder
    return find_model_folder(open_run(folder), stage)


@click.command("ask")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("prompt")
@click.option("--stage", help="The training whose model answers; default: the last one.")
@click.option(
    "--max-new-tokens", default=128, show_default=True, help="Tokens to generate, at most."
)
@click.option(
    "--temperature", default=0.0, show_default=True, help="0 is greedy: the most likely token."
)
@click.option(
    "--top-p",
    default=1.0,
    show_default=True,
    help="Nucleus sampling: sample from the most likely tokens with this total probability.",
)
@click.option("--samples", "n_samples", default=1, show_default=True, help="Number of completions.")
@click.option(
    "--stop", multiple=True, metavar="TEXT", help="Stop before this text; may be repeated."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Seed of the first completion; each further one adds 1.",
)
@click.option("--device", help="cpu or cuda; default: the GPU if there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per completion.")
def ask_command(
    folder: Path,
    prompt: str,
    stage: str | None,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    n_samples: int,
    stop: tuple[str, ...],
    seed: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Complete PROMPT with a trained model.

    RUN may also be a folder with a Hugging Face phi model. With - as PROMPT, the prompt is read
    from standard input.

    \b
    Example: hornbook ask runs/pocket 'def add(a, b):'
             hornbook ask runs/pocket - --temperature 0.8 --samples 3 < start.py
    """
    # Checked before torch is imported, which takes seconds.
    _check_sampling_options(n_samples, max_new_tokens, temperature, top_p)
    model_folder = _find_model_folder(folder, stage)
    from hornbook.models import generate, tokenizer, transformer
    from hornbook.models.device import pick_device

    prompt = sys.stdin.read() if prompt == "-" else prompt
    seeds = range(seed, seed + n_samples)
    completions = generate.generate_completions(
        transformer.load_model(model_folder, device=pick_device(device)),
        tokenizer.load_tokenizer(model_folder),
        [prompt] * n_samples,
        generate.SamplingParams(max_new_tokens, temperature, top_p, stop),
        seeds,
        min(n_samples, generate.DEFAULT_SLOTS),
    )
    for completion_seed, completion in zip(seeds, completions, strict=True):
        if as_json:
            show_json(
                {
                    "prompt": prompt,
                    "completion": completion.text,
                    "tokens": completion.tokens,
                    "finish": completion.finish,
                    "seed": completion_seed,
                    "model": str(model_folder),
                }
            )
        else:
            click.echo(prompt + completion.text)


def _check_sampling_options(
    n_samples: int, max_new_tokens: int, temperature: float, top_p: float
) -> None:
    for is_wrong, message in (
        (n_samples < 1, "--samples: 1 or more"),
        (max_new_tokens < 1, "--max-new-tokens: 1 or more"),
        (temperature < 0, "--temperature: 0 (greedy) or more"),
        (not 0 < top_p <= 1, "--top-p: above 0, at most 1"),
    ):
        if is_wrong:
            raise UserError(message)


@click.command("export")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target_format",
    type=click.Choice(["hf", "gguf"]),
    default="hf",
    show_default=True,
    help="hf: a Hugging Face folder (transformers, vLLM); gguf: one file for llama.cpp.",
)
@click.option("--stage", help="The training whose model is exported; default: the last one.")
@click.option(
    "--weights",
    type=click.Choice(["f32", "f16", "bf16"]),
    default="f32",
    show_default=True,
    help="Type of the weights.",
)
def export_command(
    folder: Path, target: Path, target_format: str, stage: str | None, weights: Weights
) -> None:
    """Write a trained model for other programs.

    RUN may also be a folder with a Hugging Face phi model.

    \b
    Example: hornbook export runs/pocket my-model
             hornbook export runs/pocket my-model --to gguf --weights f16
    """
    source = _find_model_folder(folder, stage)
    from hornbook.models import export, tokenizer, transformer

    if target_format == "gguf":
        # A folder, or the file itself if it ends with .gguf.
        path = target
        if target.suffix != ".gguf":
            path = target / f"{stage or folder.resolve().name}-{weights}.gguf"
        _refuse_to_overwrite(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        export.export_gguf(source, path, weights)
        click.echo(
            f"wrote {path} ({path.stat().st_size / 1e6:,.1f} MB). "
            f"Next: llama-cli -m {path} -p 'def add(a, b):'"
        )
        return
    _refuse_to_overwrite(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    model = transformer.load_model(source)
    transformer.save_model(model, tokenizer.load_tokenizer(source), target, export.DTYPES[weights])
    click.echo(
        f"wrote {target}. Next: transformers' "
        f"AutoModelForCausalLM.from_pretrained({str(target)!r}), or vLLM"
    )


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists already: choose another name, or remove it")
