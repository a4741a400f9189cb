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
from hornbook.collect.documents import DOCUMENT_COLUMNS
from hornbook.collect.listing import InputFile, digest_files
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

BUCKET_COUNT = 64
MAX_LINE_BYTES = 4_000_000  # a post's body has at most 30,000 characters
Post = dict[str, Any]


@dataclass(frozen=True)
class CollectStackOverflow(GlobalStage):
    """Questions with any of `tags` and a minimum score, with their best answers."""

    path: str
    tags: tuple[str, ...] = ("python", "python-3.x")
    min_score: int = 1
    max_answers: int = 3
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"content": digest_files([self._find_posts_file()])}

    def _find_posts_file(self) -> InputFile:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise UserError(
                f"there is no file {path}: give Posts.xml (or .gz) of the Stack Exchange data dump"
            )
        return InputFile(path, path.name, "xml", path.stat().st_size)

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        scratch = ctx.run.stage_folder(self) / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        unreadable = self._write_buckets(ctx, scratch)
        for bucket in range(BUCKET_COUNT):
            posts = [
                json.loads(line) for line in _bucket_path(scratch, bucket).open(encoding="utf-8")
            ]
            rows = [self._make_row(question, answers) for question, answers in group_threads(posts)]
            yield (
                f"{bucket:02d}",
                records.make_table(
                    rows + (_make_unreadable_rows(unreadable) if bucket == 0 else []),
                    DOCUMENT_COLUMNS,
                ),
            )
        shutil.rmtree(scratch)

    def _write_buckets(self, ctx: RunContext, scratch: Path) -> list[str]:
        """Write matching posts to bucket files by question; returns the lines that are no posts."""
        file, question_ids, unreadable = self._find_posts_file(), set[int](), []
        ctx.reporter.begin(self.name, 0, "posts")
        bucket_files = [
            _bucket_path(scratch, bucket).open("w", encoding="utf-8")
            for bucket in range(BUCKET_COUNT)
        ]
        try:
            for post_index, post in enumerate(read_posts(file.path)):
                if isinstance(post, str):
                    unreadable.append(post)
                    continue
                question = self._match_question(post, question_ids)
                if question:
                    bucket_files[question % BUCKET_COUNT].write(json.dumps(post) + "\n")
                if post_index % 10_000 == 0:
                    ctx.reporter.advance(10_000)
        finally:
            for bucket_file in bucket_files:
                bucket_file.close()
        return unreadable

    def _match_question(self, post: Post, question_ids: set[int]) -> int:
        """The number of the question that a post belongs to; 0 where it is not asked for."""
        if post["score"] < self.min_score:
            return 0
        if post["kind"] == 1:
            if not set(post["tags"]) & set(self.tags):
                return 0
            question_ids.add(
                post["id"]
            )  # 28 bytes a question and the set's slots: 2 million take 200 MB
            return int(post["id"])
        return int(post["parent"]) if post["kind"] == 2 and post["parent"] in question_ids else 0

    def _make_row(self, question: Post, answers: Sequence[Post]) -> dict[str, Any]:
        best_answers = sorted(
            answers, key=lambda a: (a["id"] != question["accepted"], -a["score"], a["id"])
        )[: self.max_answers]
        text = format_thread(question, best_answers)
        text = masking.mask_text(text)[0] if self.mask else text
        licences = licence.combine_licences([post["licence"] for post in (question, *best_answers)])
        return {
            "id": records.document_id(text), "text": text, "kind": "code",
            "origin": "stackoverflow",
            "path": f"q/{question['id']}", "licence": licences, "kept": bool(best_answers),
            "reason": "" if best_answers else "no answer good enough",
            "masked": masking.describe_masks(text) if self.mask else "",
        }  # fmt: skip

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        megabytes = self._find_posts_file().size / 1e6
        return Price(
            Size(megabytes * 20, megabytes * 0.05), minutes=megabytes / 60 / 60, peak_mb=600
        )


def _bucket_path(scratch: Path, bucket: int) -> Path:
    return scratch / f"{bucket:02d}.jsonl"


def _make_unreadable_rows(unreadable: Sequence[str]) -> list[dict[str, Any]]:
    shared = {"origin": "stackoverflow", "kind": "code", "kept": False}
    return [
        {"id": records.document_id(reason), "reason": reason, **shared} for reason in unreadable
    ]


def read_posts(path: Path) -> Iterator[Post | str]:
    """Posts in the dump's order, one row per line; a line that is no post becomes a reason."""
    line_number = 0
    with jsonl.open_unpacked(path) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES):
                line_number += 1
                if line.lstrip().startswith(b"<row"):
                    yield _parse_post(line, line_number)
        except (OSError, EOFError, ValueError, jsonl.zstd_error_type()) as error:
            yield f"damaged: after line {line_number}: {error}"


def _parse_post(line: bytes, line_number: int) -> Post | str:
    try:
        row = ElementTree.fromstring(
            line
        ).attrib  # a single element: no entity can be declared in it
        return {
            "id": int(row["Id"]), "kind": int(row["PostTypeId"]),
            "parent": int(row.get("ParentId", 0)),
            "accepted": int(row.get("AcceptedAnswerId", 0)), "score": int(row.get("Score", 0)),
            "title": row.get("Title", ""), "body": row.get("Body", ""),
            "tags": [tag for tag in re.split(r"[<>|]+", row.get("Tags", "")) if tag],
            "licence": row.get("ContentLicense", "").replace("CC BY", "CC-BY").replace(" ", "-"),
        }  # fmt: skip
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        return f"no post: line {line_number}: {error}"


def group_threads(posts: Iterable[Post]) -> Iterator[tuple[Post, list[Post]]]:
    """Each question with its answers, in the order of the questions' numbers."""
    questions: dict[int, Post] = {}
    answers: dict[int, list[Post]] = {}
    for post in posts:
        if post["kind"] == 1:
            questions[post["id"]] = post
        else:
            answers.setdefault(post["parent"], []).append(post)
    for question_id in sorted(questions):
        yield questions[question_id], answers.get(question_id, [])


def format_thread(question: Post, answers: Sequence[Post]) -> str:
    """The Markdown of a question and its answers."""
    sections = [f"# {html.unescape(question['title'])}", html_to_markdown(question["body"])]
    for answer in answers:
        sections += [f"## Answer (score {answer['score']})", html_to_markdown(answer["body"])]
    return "\n\n".join(sections) + "\n"


def html_to_markdown(body: str) -> str:
    """StackOverflow's HTML as Markdown: paragraphs, lists, headings, and code unchanged.

    >>> html = "<p>Use <code>a &lt; b</code>:</p><pre><code>if a &lt; b:\\n    pass\\n</code></pre>"
    >>> html_to_markdown(html)
    'Use `a < b`:\\n\\n```\\nif a < b:\\n    pass\\n```'
    """
    parser = _MarkdownParser()
    parser.feed(body)
    parser.close()
    return parser.join_blocks()


class _MarkdownParser(HTMLParser):
    BLOCK_TAGS = ("p", "div", "blockquote", "ul", "ol", "hr", "table", "tr")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[str] = [""]
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "pre":
            self._in_code = True
            self._blocks.append("")
        elif tag == "code" and not self._in_code:
            self._blocks[-1] += "`"
        elif tag in self.BLOCK_TAGS:
            self._blocks.append("")
        elif tag == "li":
            self._blocks.append("- ")
        elif tag == "br":
            self._blocks[-1] += "\n"
        elif re.fullmatch("h[1-6]", tag):
            self._blocks.append("#" * (int(tag[1]) + 2) + " ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre" and self._in_code:
            self._in_code = False
            code = self._blocks[-1].strip("\n")
            fence = "`" * max(3, max((len(run) for run in re.findall("`+", code)), default=0) + 1)
            self._blocks[-1] = f"{fence}\n{code}\n{fence}"
            self._blocks.append("")
        elif tag == "code" and not self._in_code:
            self._blocks[-1] += "`"
        elif tag in (*self.BLOCK_TAGS, "li") or re.fullmatch("h[1-6]", tag):
            self._blocks.append("")

    def handle_data(self, data: str) -> None:
        self._blocks[-1] += data if self._in_code else re.sub(r"\s*\n\s*", " ", data)

    def join_blocks(self) -> str:
        blocks = [
            block.rstrip() if block.startswith("`") else block.strip() for block in self._blocks
        ]
        return "\n\n".join(block for block in blocks if block and block != "-")
