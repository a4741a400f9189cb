"""Majority vote: values that most solutions agree on become tests; others give a reason."""

from __future__ import annotations

import pytest

from hornbook.generate.drafts import Draft, mark_near_duplicates, token_similarity
from hornbook.generate.exercise import Exercise, extract_solution
from hornbook.generate.majority_vote import (
    count_votes,
    extract_calls,
    extract_claims,
    majority_vote,
    replace_examples,
)
from hornbook.generate.run_drafts import check_exercises
from hornbook.sandbox import Sandbox

PROMPT = '''\
def double_positive(n: int) -> int:
    """Double a number if it is positive, else give nought.

    Example:
    >>> double_positive(2)
    5
    """
'''
TESTS = """\
assert double_positive(3) == 6
assert double_positive(-1) == 7
assert double_positive(0) == 0
"""
RIGHT, SAME, WRONG = (
    "    return max(0, 2 * n)\n",
    "    return 2 * n if n > 0 else 0\n",
    "    return n + n\n",
)
BROKEN = "    return m\n"
DRAFT = Exercise("double_positive", PROMPT, WRONG, TESTS)


def test_the_majority_decides_and_wrong_claims_are_rewritten():
    with Sandbox(workers=1) as box:
        (vote,) = majority_vote(box, [DRAFT], [[RIGHT, SAME, RIGHT, BROKEN, ""]])
        assert vote.votes == 3 and vote.exercise
        assert vote.exercise.solution == RIGHT
        assert "assert double_positive(-1) == 0\n" in vote.exercise.tests
        assert ">>> double_positive(2)\n    4\n" in vote.exercise.prompt
        assert "Example:" not in vote.exercise.prompt
        (verdict,) = check_exercises(box, [vote.exercise], lambda n_checked: None)
    assert verdict.reason == "" and verdict.caught >= 2


CALLS = extract_calls(DRAFT)


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        (
            [("1", "2", "3", "4"), ("1", "2", "3", "5"), ("1", "2", "0", "4")],
            "its solutions do not agree",
        ),
        (
            [
                ("1", "2", "3", "4"),
                ("1", "2", "3", "5"),
                ("1", "2", "3", "5"),
                ("1", "2", "3", "4"),
            ],
            "its solutions do not agree",
        ),
        ([(None,) * 4] * 3, "no solution runs"),
        ([("0",) * 4] * 3, "its calls show too little"),
        ([("1", "2", None, None)] * 3, "its calls show too little"),
        ([("<a>", "<b>", "1", "2")] * 3, "its calls show too little"),
        ([("{1, 2}", "{3}", "1", "2")] * 3, "its calls show too little"),
        ([("8", "9", "11", "12")] * 3, "nothing that it claims holds"),
    ],
)
def test_a_vote_without_a_usable_majority_has_a_reason(outcomes, reason):
    vote = count_votes(DRAFT, [RIGHT, SAME, WRONG, BROKEN][: len(outcomes)], CALLS, outcomes)
    assert (vote.exercise, vote.reason) == (None, reason)


def test_calls_and_claims_are_read_from_examples_and_tests():
    assert [f"double_positive({n})" for n in (2, 3, -1, 0)] == CALLS
    assert extract_claims(DRAFT) == [
        (CALLS[1], "6"),
        (CALLS[2], "7"),
        (CALLS[3], "0"),
        (CALLS[0], "5"),
    ]
    with_a_name_as_argument = Exercise(
        "f",
        'def f(a):\n    """x"""\n',
        "    return a\n",
        "x = 1\nassert f(x) == 1\nassert f([1]) == [1]\n",
    )
    assert extract_calls(with_a_name_as_argument) == ["f([1])"]


@pytest.mark.parametrize(
    "prose", ["One line.", "Two\n    lines.", "A backslash \\\\n in it.", "Quotes 'a' and \"b\"."]
)
def test_a_docstring_is_rewritten_to_one_that_means_the_same(prose):
    draft = Exercise("f", f'def f(a: int) -> int:\n    """{prose}"""\n', "    return a\n", "")
    prompt = replace_examples(draft, [("f(1)", "1"), ("f('\\n')", "'\\n'")])
    old_names, new_names = {}, {}
    exec(draft.program, old_names)  # noqa: S102
    exec(prompt + draft.solution, new_names)  # noqa: S102
    assert new_names["f"].__doc__.split() == [
        *old_names["f"].__doc__.split(),
        *[">>>", "f(1)", "1", ">>>", "f('\\n')", "'\\n'"],
    ]


def test_a_solution_is_found_in_an_answer_that_was_cut():
    text = f"```python\n{PROMPT}{RIGHT}\n\nassert double_positive(1) == 2\nassert double_pos"
    assert extract_solution(text, DRAFT) == RIGHT
    assert extract_solution("I do not know.", DRAFT) == extract_solution(PROMPT, DRAFT) == ""


def test_near_duplicates_are_rejected_and_the_first_stays():
    add_one = Exercise(
        "f",
        'def f(a):\n    """Add one to the number a that is given."""\n',
        "    return a + 1\n",
        "",
    )
    shout = Exercise(
        "g",
        'def g(word):\n    """Say a word in capitals, and nothing else."""\n',
        "    return word.upper()\n",
        "",
    )
    drafts = [Draft(None, "", exercise) for exercise in (add_one, shout, add_one)]
    assert [draft.candidate for draft in mark_near_duplicates(drafts, [shout.program])] == [
        add_one,
        "nearly the same as another one",
        "nearly the same as another one",
    ]
    assert token_similarity(add_one.program, shout.program) < 0.6
    assert token_similarity(add_one.program, add_one.program) == 1


def test_a_draft_has_an_exercise_or_a_rejection_reason():
    draft = Draft(None, "text").with_candidate(DRAFT, votes=3)
    assert (draft.exercise, draft.rejection, draft.votes) == (DRAFT, "", 3)
    draft = draft.with_candidate("no tests")
    assert (draft.exercise, draft.rejection, draft.votes) == (None, "no tests", 3)
