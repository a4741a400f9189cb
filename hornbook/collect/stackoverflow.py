"""StackOverflow's dump (Posts.xml) to documents: a question with its best answers, as Markdown.

In: Posts.xml of the Stack Exchange data dump, plain, .gz or .zst (unpack the .7z first), read once,
line by line: in memory are the numbers of the questions asked for, and one bucket of posts. Out: a
document for each question that has a tag asked for and an answer good enough, the accepted answer
first, then by score. Licence: the one that each post states (CC BY-SA), joined. Answers stand after
their question in the dump, but not beside it: matching posts go into BUCKETS files first. Not
covered: comments, edits, pictures; links keep their words and lose their address.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from hornbook import records
from hornbook.collect import jsonl, licence, masking
from hornbook.collect.documents import COLUMNS
from hornbook.collect.listing import Found, digest
from hornbook.frame.stage import Desk, Price, Size, Whole
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

BUCKETS = 64
LINE_BYTES = 4_000_000  # a post's body has at most 30,000 characters
Post = dict[str, Any]


@dataclass(frozen=True)
class CollectStackOverflow(Whole):
    """Questions with any of `tags` and at least `least_score`, each with its `answers` best of at least that score."""

    path: str
    tags: tuple[str, ...] = ("python", "python-3.x")
    least_score: int = 1
    answers: int = 3
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"content": digest([self._file()])}

    def _file(self) -> Found:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise UserError(
                f"there is no file {path}: give Posts.xml (or .gz) of the Stack Exchange data dump"
            )
        return Found(path, path.name, "xml", path.stat().st_size)

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        scratch = desk.folder(self) / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        unreadable = self._sort(desk, scratch)
        for bucket in range(BUCKETS):
            posts = [json.loads(line) for line in _bucket(scratch, bucket).open(encoding="utf-8")]
            rows = [self._row(question, answers) for question, answers in threads(posts)]
            yield (
                f"{bucket:02d}",
                records.table(rows + (_odd(unreadable) if bucket == 0 else []), COLUMNS),
            )
        shutil.rmtree(scratch)

    def _sort(self, desk: Desk, scratch: Path) -> list[str]:
        """Matching posts to bucket files by the question's number; returns the lines that could not be read."""
        file, wanted, unreadable = self._file(), set[int](), []
        desk.reporter.begin(self.name, 0, "posts")
        buckets = [
            _bucket(scratch, bucket).open("w", encoding="utf-8") for bucket in range(BUCKETS)
        ]
        try:
            for number, post in enumerate(posts_of(file.path)):
                if isinstance(post, str):
                    unreadable.append(post)
                    continue
                question = self._question_of(post, wanted)
                if question:
                    buckets[question % BUCKETS].write(json.dumps(post) + "\n")
                if number % 10_000 == 0:
                    desk.reporter.advance(10_000)
        finally:
            for bucket in buckets:
                bucket.close()
        return unreadable

    def _question_of(self, post: Post, wanted: set[int]) -> int:
        """The number of the question that a post belongs to; 0 where it is not asked for."""
        if post["score"] < self.least_score:
            return 0
        if post["kind"] == 1:
            if not set(post["tags"]) & set(self.tags):
                return 0
            wanted.add(post["id"])  # 28 bytes a question and the set's slots: 2 million take 200 MB
            return int(post["id"])
        return int(post["parent"]) if post["kind"] == 2 and post["parent"] in wanted else 0

    def _row(self, question: Post, answers: Sequence[Post]) -> dict[str, Any]:
        chosen = sorted(
            answers, key=lambda a: (a["id"] != question["accepted"], -a["score"], a["id"])
        )[: self.answers]
        text = document(question, chosen)
        text = masking.mask(text)[0] if self.mask else text
        licences = licence.combined([post["licence"] for post in (question, *chosen)])
        return {
            "id": records.document_id(text), "text": text, "kind": "code", "origin": "stackoverflow",
            "path": f"q/{question['id']}", "licence": licences, "kept": bool(chosen),
            "reason": "" if chosen else "no answer good enough", "masked": masking.said(text) if self.mask else "",
        }  # fmt: skip

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        megabytes = self._file().size / 1e6
        return Price(
            Size(megabytes * 20, megabytes * 0.05), minutes=megabytes / 60 / 60, peak_mb=600
        )


def _bucket(scratch: Path, number: int) -> Path:
    return scratch / f"{number:02d}.jsonl"


def _odd(unreadable: Sequence[str]) -> list[dict[str, Any]]:
    return [{"id": records.document_id(why), "origin": "stackoverflow", "kind": "code", "kept": False, "reason": why}
            for why in unreadable]  # fmt: skip


def posts_of(path: Path) -> Iterator[Post | str]:
    """Questions and answers in the dump's order; a line that is no post is the reason why. One row stands on a line."""
    number = 0
    with jsonl.unpacked(path) as file:
        try:
            while line := file.readline(LINE_BYTES):
                number += 1
                if line.lstrip().startswith(b"<row"):
                    yield _post(line, number)
        except (OSError, EOFError, ValueError, jsonl.zstd_error()) as error:
            yield f"damaged: after line {number}: {error}"


def _post(line: bytes, number: int) -> Post | str:
    try:
        row = ElementTree.fromstring(
            line
        ).attrib  # a single element: no entity can be declared in it
        return {
            "id": int(row["Id"]), "kind": int(row["PostTypeId"]), "parent": int(row.get("ParentId", 0)),
            "accepted": int(row.get("AcceptedAnswerId", 0)), "score": int(row.get("Score", 0)),
            "title": row.get("Title", ""), "body": row.get("Body", ""),
            "tags": [tag for tag in re.split(r"[<>|]+", row.get("Tags", "")) if tag],
            "licence": row.get("ContentLicense", "").replace("CC BY", "CC-BY").replace(" ", "-"),
        }  # fmt: skip
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        return f"no post: line {number}: {error}"


def threads(posts: Iterable[Post]) -> Iterator[tuple[Post, list[Post]]]:
    """Each question with its answers, in the order of the questions' numbers."""
    questions: dict[int, Post] = {}
    answers: dict[int, list[Post]] = {}
    for post in posts:
        if post["kind"] == 1:
            questions[post["id"]] = post
        else:
            answers.setdefault(post["parent"], []).append(post)
    for number in sorted(questions):
        yield questions[number], answers.get(number, [])


def document(question: Post, answers: Sequence[Post]) -> str:
    """The Markdown of a question and its answers."""
    parts = [f"# {html.unescape(question['title'])}", markdown(question["body"])]
    for answer in answers:
        parts += [f"## Answer (score {answer['score']})", markdown(answer["body"])]
    return "\n\n".join(parts) + "\n"


def markdown(body: str) -> str:
    """StackOverflow's HTML as Markdown: paragraphs, lists, headings, and code exactly as it was written.

    >>> markdown("<p>Use <code>a &lt; b</code>:</p><pre><code>if a &lt; b:\\n    pass\\n</code></pre>")
    'Use `a < b`:\\n\\n```\\nif a < b:\\n    pass\\n```'
    """
    reader = _Reader()
    reader.feed(body)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    BLOCKS = ("p", "div", "blockquote", "ul", "ol", "hr", "table", "tr")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[str] = [""]
        self._code = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "pre":
            self._code = True
            self._blocks.append("")
        elif tag == "code" and not self._code:
            self._blocks[-1] += "`"
        elif tag in self.BLOCKS:
            self._blocks.append("")
        elif tag == "li":
            self._blocks.append("- ")
        elif tag == "br":
            self._blocks[-1] += "\n"
        elif re.fullmatch("h[1-6]", tag):
            self._blocks.append("#" * (int(tag[1]) + 2) + " ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre" and self._code:
            self._code = False
            code = self._blocks[-1].strip("\n")
            fence = "`" * max(3, max((len(run) for run in re.findall("`+", code)), default=0) + 1)
            self._blocks[-1] = f"{fence}\n{code}\n{fence}"
            self._blocks.append("")
        elif tag == "code" and not self._code:
            self._blocks[-1] += "`"
        elif tag in (*self.BLOCKS, "li") or re.fullmatch("h[1-6]", tag):
            self._blocks.append("")

    def handle_data(self, data: str) -> None:
        self._blocks[-1] += data if self._code else re.sub(r"\s*\n\s*", " ", data)

    def text(self) -> str:
        kept = [
            block.rstrip() if block.startswith("`") else block.strip() for block in self._blocks
        ]
        return "\n\n".join(block for block in kept if block and block != "-")
