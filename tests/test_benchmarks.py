"""Every exam becomes problems of one shape, whose references pass their own tests with nothing of the candidate's."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hornbook import exams, records
from hornbook.exams import Problem, evalplus, humaneval, load_exam, mbpp, problem

# Rows in the published forms, written for these tests: no benchmark's text is shipped.
FUNCTION = {
    "task_id": "Own/0",
    "prompt": 'import math\n\n\ndef square(x):\n    return x * x\n\n\ndef norm(xs):\n    """Length of a vector.\n'
    '    >>> norm([3, 4])\n    5.0\n    """\n',
    "entry_point": "norm",
    "canonical_solution": "    return math.sqrt(sum(square(x) for x in xs))\n",
    "test": "def check(candidate):\n    assert math.isclose(candidate([3, 4]), square(5) / 5)\n",
}
MBPP_ROW: dict[str, Any] = {
    "task_id": 11,
    "text": "Write a function to pair two numbers.",
    "code": "class Pair:\r\n    def __init__(self, a, b):\r\n        self.a, self.b = a, b\r\n"
    "def total(p):\r\n    return p.a + p.b",
    "test_setup_code": "",
    "test_list": [
        "assert total(Pair(1, 2)) == 3",
        "assert total(Pair(0, 0)) == 0",
        "assert total(Pair(5, 5)) == 10",
    ],
}
PLUS_ROW = {
    "task_id": "Mbpp/750",
    "prompt": '"""\nWrite a function to add a tuple to a list.\nassert add_tuple([5], (9,)) == [5, 9]\n"""\n',
    "entry_point": "add_tuple",
    "canonical_solution": "\ndef add_tuple(xs, t):\n    xs += t\n    return xs\n",
    "base_input": [[[5], [9]]],
    "plus_input": [[[], []], [[1, 2], ["a"]]],
    "atol": 0,
    "assertion": "\nassert add_tuple([5], (9,)) == [5, 9]\n",
}
CRUX_ROW = {
    "code": "def f(xs):\n    return xs[::-1]",
    "input": "[1, 2]",
    "output": "[2, 1]",
    "id": "sample_0",
}


def write_exam(tmp_path: Path, *rows: dict[str, Any], name: str = "exam.jsonl") -> str:
    path = tmp_path / name
    text = "\n".join(json.dumps(row) for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def reference_passes(exam_problem: Problem, program: str | None = None) -> bool:
    """The judge's view: the tests see nothing but the entry points. (Own programs only; models' run in the sandbox.)"""
    theirs: dict[str, Any] = {}
    source = (
        f"def answer():\n    return{exam_problem.reference}"
        if exam_problem.form == "output"
        else exam_problem.solution
    )
    exec(program or source, theirs)
    try:
        exec(exam_problem.tests, {name: theirs[name] for name in exam_problem.entry_points})
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    ("family", "row"),
    [("jsonl", FUNCTION), ("mbpp", MBPP_ROW), ("mbpp+", PLUS_ROW), ("cruxeval", CRUX_ROW)],
)
def test_a_reference_passes_the_tests_that_see_only_its_entry_points(
    tmp_path: Path, family: str, row: dict[str, Any]
) -> None:
    (one,) = load_exam(f"{family}:{write_exam(tmp_path, row)}")
    assert reference_passes(one)


@pytest.mark.parametrize(
    ("family", "row", "wrong"),
    [
        ("jsonl", FUNCTION, "def square(x):\n    return 0\ndef norm(xs):\n    return 0.0\n"),
        ("mbpp", MBPP_ROW, MBPP_ROW["code"].replace("+", "-")),
        ("mbpp+", PLUS_ROW, "def add_tuple(xs, t):\n    return list(t) + xs\n"),
        ("mbpp+", PLUS_ROW, "def add_tuple(xs, t):\n    return [5, 9]\n"),
        ("cruxeval", CRUX_ROW, "def answer():\n    return [1, 2]\n"),
    ],
)
def test_a_wrong_program_fails(
    tmp_path: Path, family: str, row: dict[str, Any], wrong: str
) -> None:
    (one,) = load_exam(f"{family}:{write_exam(tmp_path, row)}")
    assert not reference_passes(one, wrong)


def test_a_helper_of_the_prompt_belongs_to_the_tests_and_one_of_the_reference_to_the_candidate(
    tmp_path: Path,
) -> None:
    (given,) = load_exam(f"jsonl:{write_exam(tmp_path, FUNCTION)}")
    (theirs,) = load_exam(f"mbpp:{write_exam(tmp_path, MBPP_ROW)}")
    assert given.entry_points == ("norm",) and "def square" in given.tests
    assert theirs.entry_points == ("total", "Pair")


def test_mbpp_prompts_are_the_published_docstring_form(tmp_path: Path) -> None:
    (one,) = load_exam(f"mbpp:{write_exam(tmp_path, MBPP_ROW)}")
    assert (
        one.prompt
        == '"""\nWrite a function to pair two numbers.\nassert total(Pair(1, 2)) == 3\n"""\n'
    )
    assert "\r" not in one.reference and one.task_id == "MBPP/11"


def test_mbpp_is_split_by_task_id_and_shows_problems_2_to_4(tmp_path: Path) -> None:
    path = write_exam(
        tmp_path,
        *({**MBPP_ROW, "task_id": n} for n in (1, 2, 3, 4, 10, 11, 510, 511, 600, 601, 974)),
    )
    ids = {split: [p.task_id for p in load_exam(f"mbpp-{split}:{path}")] for split in mbpp.SPLITS}
    assert ids["test"] == ["MBPP/11", "MBPP/510"] == [p.task_id for p in load_exam(f"mbpp:{path}")]
    assert ids["validation"] == ["MBPP/511", "MBPP/600"] and ids["train"] == [
        "MBPP/601",
        "MBPP/974",
    ]
    assert len(ids["prompt"]) == 5 and len(ids["all"]) == 11
    assert load_exam(f"mbpp:{path}")[0].shots.count("[DONE]") == 3


@pytest.mark.parametrize("name", ["exam.jsonl", "exam.jsonl.gz"])
def test_an_exam_reads_the_same_from_every_file_form(tmp_path: Path, name: str) -> None:
    plain = load_exam(f"jsonl:{write_exam(tmp_path, FUNCTION)}")
    assert load_exam(f"jsonl:{write_exam(tmp_path, FUNCTION, name=name)}") == plain
    (tmp_path / "list.json").write_text(json.dumps([FUNCTION]))
    assert exams.digest_problems(
        load_exam(f"jsonl:{tmp_path / 'list.json'}")
    ) == exams.digest_problems(plain)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("humanevall", "did you mean humaneval?"),
        ("mbbp:x.jsonl", "did you mean mbpp?"),
        ("mbpp-tset:x.jsonl", "there is no split tset"),
        ("nothing like it", "Exams are humaneval"),
        ("jsonl:missing.jsonl", "there is no exam file missing.jsonl"),
    ],
)
def test_what_is_no_exam_is_refused_with_the_way_out(name: str, says: str) -> None:
    with pytest.raises(records.UserError, match=says.replace("?", r"\?")):
        load_exam(name)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"a": 1', ""], "line 1 is not JSON"),
        ([json.dumps(FUNCTION), "[1]"], "line 2 is no JSON object but a list"),
        (
            [json.dumps({k: v for k, v in FUNCTION.items() if k != "test"})],
            "row 1 lacks the field 'test'",
        ),
        (
            [json.dumps(FUNCTION), json.dumps(FUNCTION)],
            "row 2 has the task_id Own/0 of an earlier one",
        ),
        ([json.dumps({**FUNCTION, "canonical_solution": "    return ("})], "row 1 does not parse"),
        ([""], "has no problems"),
    ],
)
def test_a_broken_exam_file_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], says: str
) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(records.UserError, match=says):
        load_exam(f"jsonl:{path}")


def test_exercises_become_problems_under_their_record_id() -> None:
    row = {"id": "ab12", "prompt": FUNCTION["prompt"], "solution": FUNCTION["canonical_solution"], "text": "all of it",
           "tests": "assert norm([3, 4]) == 5.0\n", "entry_point": "norm"}  # fmt: skip
    (one,) = exams.problems_from_records([row])
    assert (
        one.task_id == "ab12"
        and one.text.startswith("Length of a vector.")
        and reference_passes(one)
    )


@pytest.mark.parametrize(
    ("task_id", "values", "types"),
    [
        ("Mbpp/2", [[1], [2]], [(1,), (2,)]),
        ("Mbpp/75", [[[1, 2]], 3], [[(1, 2)], 3]),
        ("Mbpp/307", [[1], 2, [3]], [(1,), 2, [3]]),
        ("Mbpp/278", [[1, [2], "x"]], [(1, (2,), "x")]),
        ("Mbpp/580", [[1, [2, [3]]]], [(1, (2, (3,)))]),
        ("Mbpp/124", ["1", "2j"], [1.0, 2j]),
        ("Mbpp/9", [[1, [2]]], [[1, [2]]]),
    ],
)
def test_arguments_get_back_the_types_that_json_lacks(
    task_id: str, values: list[Any], types: list[Any]
) -> None:
    assert repr(evalplus.restore_arguments(task_id, values)) == repr(types)


@pytest.mark.parametrize(
    ("source", "free"),
    [
        ("x = 1\nx", set()),
        ("def f(a):\n    return a + b", {"b"}),
        ("import os.path\nos.sep", set()),
        ("try:\n    pass\nexcept ValueError as e:\n    e", set()),
        ("[y for y in z]", {"z"}),
    ],
)
def test_free_names_are_those_that_nothing_binds(source: str, free: set[str]) -> None:
    assert problem.find_free_names(source) == free


@pytest.mark.network
def test_humaneval_has_164_problems_whose_references_pass() -> None:
    exam = load_exam("humaneval")
    assert len(exam) == 164 and all(one.calls == () for one in exam)
    assert all(reference_passes(one) for one in exam[:60])
    assert humaneval.SHA256.startswith("b796127e")


@pytest.mark.network
def test_a_data_set_that_the_hub_lacks_is_one_clear_error() -> None:
    with pytest.raises(records.UserError, match="could not be had from the Hugging Face Hub"):
        load_exam("hub:hornbook-no-such-owner/no-such-data-set")
