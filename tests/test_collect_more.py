"""The other sources: StackOverflow's dump, code_contests, git checkouts, data sets that lie elsewhere, ids to text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import rows_of

from hornbook.collect import (
    CollectContests,
    CollectFiles,
    CollectRemote,
    CollectStackOverflow,
    remote,
)
from hornbook.collect.stackoverflow import html_to_markdown
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError


def collect_rows(stage: Stage, tmp_path: Path) -> list[dict[str, Any]]:
    ctx = RunContext(tmp_path / "run")
    run_recipe(stage, ctx)
    return rows_of(ctx, stage)


def post_row(**facts: Any) -> str:
    return (
        "  <row "
        + " ".join(f"{name}={quoteattr(str(value))}" for name, value in facts.items())
        + " />"
    )


def question_row(number: int, score: int = 5, tags: str = "<python><list>", **more: Any) -> str:
    return post_row(Id=number, PostTypeId=1, Score=score, Title=f"How to {number} &amp; more?", Tags=tags,
                Body="<p>Why?</p>", ContentLicense="CC BY-SA 4.0", **more)  # fmt: skip


def answer_row(number: int, parent: int, score: int, body: str = "<p>So.</p>") -> str:
    return post_row(
        Id=number,
        PostTypeId=2,
        ParentId=parent,
        Score=score,
        Body=body,
        ContentLicense="CC BY-SA 3.0",
    )


def write_dump(tmp_path: Path, lines: list[str], packed: bool = False) -> Path:
    data = "\n".join(
        ['<?xml version="1.0" encoding="utf-8"?>', "<posts>", *lines, "</posts>"]
    ).encode()
    path = tmp_path / ("Posts.xml.gz" if packed else "Posts.xml")
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_questions_get_their_best_answers_the_accepted_one_first(
    tmp_path: Path, packed: bool
) -> None:
    code = "<p>Use <code>a &lt; b</code>:</p>\n<pre><code>if a &lt; b:\n    pass\n</code></pre>"
    lines = [
        question_row(1, AcceptedAnswerId=5), question_row(2, score=0), question_row(3, tags="|c++|"), answer_row(4, 1, 90, code),
        answer_row(5, 1, 3), answer_row(6, 2, 50), answer_row(7, 3, 9), answer_row(8, 1, 2), answer_row(9, 1, 1), answer_row(10, 1, -3),
        question_row(11), post_row(Id=12, PostTypeId=5, Score=9),
    ]  # fmt: skip
    rows = collect_rows(
        CollectStackOverflow("so", str(write_dump(tmp_path, lines, packed))), tmp_path
    )
    kept = [row for row in rows if row["kept"]]
    assert [(row["path"], row["licence"]) for row in kept] == [
        ("q/1", "CC-BY-SA-3.0 AND CC-BY-SA-4.0")
    ]
    assert kept[0]["text"] == (
        "# How to 1 & more?\n\nWhy?\n\n## Answer (score 3)\n\nSo.\n\n## Answer (score 90)\n\nUse `a < b`:\n\n"
        "```\nif a < b:\n    pass\n```\n\n## Answer (score 2)\n\nSo.\n"
    )
    assert [(row["path"], row["reason"]) for row in rows if not row["kept"]] == [
        ("q/11", "no answer good enough")
    ]


def test_a_damaged_line_costs_one_post_and_bombs_expand_nothing(tmp_path: Path) -> None:
    bomb = '  <row Id="7" PostTypeId="2" ParentId="1" Score="9" Body="&lol9;" />'
    lines = [question_row(1), "  <row Id='x", bomb, '  <row PostTypeId="1" />', answer_row(8, 1, 4)]
    rows = collect_rows(CollectStackOverflow("so", str(write_dump(tmp_path, lines))), tmp_path)
    assert sum(row["kept"] for row in rows) == 1
    assert sorted(row["reason"][:17] for row in rows if not row["kept"]) == [
        f"no post: line {n}: "[:17] for n in (4, 5, 6)
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<ul><li>a</li><li>b <b>c</b></li></ul>", "- a\n\n- b c"),
        ("<h2>T</h2><p>x<br>y</p>", "#### T\n\nx\ny"),
        ("<pre class='lang-py'><code>```\n  x</code></pre>", "````\n```\n  x\n````"),
        ("<p>a &amp;&lt; <a href='u'>b</a>", "a &< b"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(body: str, text: str) -> None:
    assert html_to_markdown(body) == text


def write_contests(path: Path) -> Path:
    solutions = [
        {
            "language": [3, 3, 2, 3],
            "solution": ["print(1)  # longer", "print(1)", "int main(){}", "print(1)"],
        },
        {"language": [1], "solution": ["print 1"]},
    ]
    table = pa.table(
        {"name": ["a", "b"], "description": ['Say """1""".\\', "None"], "solutions": solutions}
    )
    pq.write_table(table, path / "test.parquet")
    return path / "test.parquet"


def test_contests_give_the_shortest_correct_python(tmp_path: Path) -> None:
    rows = collect_rows(CollectContests("contests", str(write_contests(tmp_path))), tmp_path)
    assert [(r["text"], r["path"], r["licence"], r["reason"]) for r in rows] == [
        ("\"\"\"Say '''1'''.\\\\\n\"\"\"\n\nprint(1)\n", "a", "CC-BY-4.0", ""),
        ("None", "b", "CC-BY-4.0", "no Python 3 solution"),
    ]
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="no file of code_contests"):
        collect_rows(CollectContests("other", str(tmp_path / "other.parquet")), tmp_path)


def write_checkout(folder: Path, url: str, licence: str) -> None:
    (folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git" / "refs" / "heads" / "main").write_text(
        "0123456789abcdef0123456789abcdef01234567\n"
    )
    (folder / ".git" / "config").write_text(
        f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n'
    )
    (folder / "LICENSE").write_text(licence)
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text(f"x = {folder.name!r}\n")


MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a\ncopy of this software"
GPL = "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n ... use the GNU Lesser General Public License instead"
BSD = "Redistribution and use in source and binary forms, ... Neither the name of the author"


def test_checkouts_in_one_folder_are_told_apart_and_their_licences_filter(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    write_checkout(tree / "one", "https://me:token@github.com/owner/one.git", MIT)
    write_checkout(tree / "two", "git@gitlab.com:group/two.git", GPL)
    write_checkout(tree / "three", "!nonsense!", BSD)
    (tree / "b.py").write_text("y = 1\n")
    rows = collect_rows(CollectFiles("mine", str(tree), licences=("MIT", "BSD-3-Clause")), tmp_path)
    assert {row["path"]: (row["origin"], row["licence"], row["kept"]) for row in rows} == {
        "one/src/a.py": ("git:github.com/owner/one@0123456789ab", "MIT", True),
        "two/src/a.py": ("git:gitlab.com/group/two@0123456789ab", "GPL-3.0", False),
        "three/src/a.py": ("git:three@0123456789ab", "BSD-3-Clause", True),
        "b.py": ("files:tree", "", False),
    }


@pytest.fixture
def store() -> str:
    """A file system that is not this machine's disk: fsspec's own in memory."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    remote._LISTINGS.clear()
    return "memory://set"


def put(url: str, data: bytes) -> None:
    import fsspec

    with fsspec.open(url, "wb") as file:
        file.write(data)


def parquet(rows: dict[str, list[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(rows), sink)
    return bytes(sink.getvalue())


def test_files_elsewhere_are_read_as_those_on_disk(store: str, tmp_path: Path) -> None:
    put(f"{store}/data/a.parquet", parquet({"content": ["x = 1", "y = 2"]}))
    put(f"{store}/data/b.jsonl.gz", gzip.compress(b'{"text": "z = 3"}\nbroken\n'))
    put(f"{store}/README.md", b"# no data")
    rows = collect_rows(CollectRemote("far", store), tmp_path)
    assert [row["text"] or row["reason"].split(":")[0] for row in rows] == [
        "x = 1",
        "y = 2",
        "z = 3",
        "not JSON",
    ]


def test_ids_are_joined_to_their_texts(store: str, tmp_path: Path) -> None:
    ids = {
        "blob_id": ["a", "b", "c", None],
        "src_encoding": ["UTF-8", "cp1252", "x", None],
        "path": list("wxyz"),
    }
    put(f"{store}/ids.parquet", parquet(ids))
    put("memory://content/a", gzip.compress(b"x = 1\n"))
    put("memory://content/b", b"s = '\x80'\n")
    rows = collect_rows(
        CollectRemote("far", f"{store}/ids.parquet", text_url="memory://content/{blob_id}"),
        tmp_path,
    )
    assert [(row["path"], row["text"], row["reason"].split(":")[0]) for row in rows] == [
        ("w", "x = 1", ""), ("x", "s = '€'", ""), ("y", "", "text not found"), ("z", "", "text not found"),
    ]  # fmt: skip


def test_an_address_reaches_no_further_than_its_columns(store: str) -> None:
    assert (
        remote.fetch_text("{a.__class__}", {"a": 1}, 9)
        == "no text: the row has no columns for {a.__class__}"
    )
    put("memory://bomb", gzip.compress(b" " * 10_000_000))
    assert len(remote.fetch_text("memory://bomb", {}, 1000)) == 1001


def test_a_changed_file_elsewhere_makes_the_stage_stale(store: str, tmp_path: Path) -> None:
    put(f"{store}/a.jsonl", b'{"text": "x = 1"}\n')
    collect_rows(CollectRemote("far", store), tmp_path)
    put(f"{store}/a.jsonl", b'{"text": "x = 12"}\n')
    remote._LISTINGS.clear()
    with pytest.raises(UserError, match="made with other settings: files"):
        collect_rows(CollectRemote("far", store), tmp_path)


@pytest.mark.parametrize(
    ("url", "says"),
    [("memory://nothing", "holds no .parquet or .jsonl"), ("nosuch://x", "cannot be opened"),
     ("memory://set/absent.parquet", "cannot be listed")],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused(
    store: str, tmp_path: Path, url: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        collect_rows(CollectRemote("far", url), tmp_path)


def test_a_lines_ids_too(store: str, tmp_path: Path) -> None:
    put("memory://content/a", b"x = 1\n")
    put(
        f"{store}/ids.jsonl",
        b"\n".join([json.dumps({"id": "a"}).encode(), b"broken", b'{"other": 1}']),
    )
    rows = collect_rows(CollectRemote("far", store, text_url="memory://content/{id}"), tmp_path)
    assert [row["text"] or row["reason"].split(":")[0] for row in rows] == [
        "x = 1",
        "not JSON",
        "no text",
    ]
