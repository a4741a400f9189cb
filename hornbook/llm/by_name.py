"""A teacher or judge by one word, as a recipe's dial has it: smollm2, scripted, or any model behind a server.

In: a name. Out: an LLM. The script is what a recipe's smoke run reads instead of a model: three right exercises and a
wrong one, two lessons, scores from 1 to 5; each stage takes the answers that it can use and says why not of the rest.
"""

from __future__ import annotations

from typing import Any

from hornbook.llm.chat import LLM


def named(name: str, **how: Any) -> LLM:
    """smollm2 is the embedded model; scripted gives fixed answers; any other name is asked of OPENAI_BASE_URL."""
    if name == "smollm2":
        return LLM(**how)
    if name == "scripted":
        return LLM(name, "scripted", answers=SCRIPT, **how)
    return LLM(name, "http", **how)


_EXERCISE = '''\
```python
def {name}(values: list[int]) -> int:
    """{task}

    >>> {name}([1, 2, 3, 4])
    {shown}
    """
{body}

assert {name}([]) == 0
assert {name}([1, 2, 3, 4]) == {shown}
assert {name}([5, 5, -2]) == {other}
assert {name}([-4, 7]) == {third}
```
'''

SCRIPT = (
    _EXERCISE.format(
        name="count_above_one", task="Count how many of the values are greater than one.", shown=3, other=2, third=1,
        body="    total = 0\n    for value in values:\n        if value > 1:\n            total += 1\n    return total\n",
    ),
    _EXERCISE.format(
        name="sum_of_gaps", task="Add up the distances between each value and the next one.", shown=3, other=7, third=11,
        body="    return sum(abs(b - a) for a, b in zip(values, values[1:]))\n",
    ),
    _EXERCISE.format(
        name="longest_climb", task="The length of the longest run of values in which each is more than the last.",
        shown=4, other=1, third=2,
        body="    best = run = 0\n    last = None\n    for value in values:\n"
        "        run = run + 1 if last is not None and value > last else 1\n"
        "        best, last = max(best, run), value\n    return best\n",
    ),
    _EXERCISE.format(
        name="count_even", task="Count the even values, and forget that this teacher errs.", shown=2, other=1, third=1,
        body="    return len(values) // 3\n",
    ),
    "# Counting with a dictionary\n\nA dictionary keeps one number for each word. We walk over the words once, look up "
    "what we have so far, and add one to it; a word that is new begins at nought.\n\n```python\ncounts = {}\nfor word in "
    "['sun', 'rain', 'sun']:\n    counts[word] = counts.get(word, 0) + 1\nassert counts == {'sun': 2, 'rain': 1}\n```\n\n"
    "The same dictionary answers which word came most often, because max can be told what to compare.\n\n```python\n"
    "assert max(counts, key=counts.get) == 'sun'\n```\n",
    "# A broken promise\n\nThis lesson names a variable that nobody made, so running it must end in an error, and a "
    "student must never see it. It stands here so that a smoke run has something to throw away, and to show that it "
    "does.\n\n```python\nprint(nobody_made_this)\n```\n",
    "Nothing but a table of constants. Score: 1",
    "Glue without context. Score: 1",
    "Clear and self-contained, with names that explain themselves. Score: 4",
    "A small idea, well explained. Score: 5",
)  # fmt: skip
