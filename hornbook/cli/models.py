"""Trained models: ask one."""

from __future__ import annotations

from pathlib import Path

import click

from hornbook.cli.shared import open_run, show_json


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("prompt")
@click.option("--stage", help="Which model; the last one trained if not given.")
@click.option("--max-new-tokens", default=128, show_default=True)
@click.option("--temperature", default=0.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def ask(
    folder: Path, prompt: str, stage: str | None, max_new_tokens: int, temperature: float, seed: int, as_json: bool
) -> None:
    """Let a trained model complete a prompt. RUN may also be a folder with a Hugging Face phi model.

    \b
    Example: hornbook ask runs/pocket 'def add(a, b):'
    """
    from hornbook.peek import model_folder

    where = folder if (folder / "config.json").exists() else model_folder(open_run(folder), stage)
    from hornbook import decode, model, tokenizer

    phi, words = model.load(where), tokenizer.load(where)
    answers = decode.generate(phi, words, [prompt], max_new_tokens, temperature=temperature, seeds=[seed])
    text = answers[0].text
    show_json({"prompt": prompt, "completion": text, "model": str(where)}) if as_json else click.echo(prompt + text)
