"""Secrets and e-mail addresses in code, replaced by a word that says what stood there, and counted.

In: a text. Out: the text with masks, line for line, and how many there are of each kind. Secrets
are found by Yelp's detect-secrets (the extra `secrets`): its detectors of known shapes (keys of
clouds, tokens of forges, private keys, JSON web tokens, credentials in URLs), without its entropy
and keyword heuristics, which fire on hashes and test code. E-mail addresses are found by one
expression; those of documentation (example.com) stay. Not covered: names, telephone numbers,
addresses of houses; secrets whose shape nobody published.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Any

from hornbook.records import UserError

MASK = "<{}>"
MASKED = re.compile("<([a-z-]+)>")
# RFC 5322 allows more; these are the addresses that people write. The domain must have a
# letter-only ending.
EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])"
)
# RFC 2606's names for documentation, and hosts that are no person's.
NOBODY = re.compile(
    r"@(?:[\w.-]+\.)?(?:example\.(?:com|org|net|edu)|\w+\.(?:example|test|invalid|local))$", re.I
)
# Shapes that somebody issued. Left out, all of detect-secrets': high entropy (fires on hashes),
# keywords (on tests), public IPs (on documentation), Artifactory (on any word APA...), and
# Softlayer, Cloudant and IBM's two, which look for names of variables and take two thirds of the
# time of all.
DETECTORS = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector", "GitHubTokenDetector",
    "GitLabTokenDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector",
    "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
SHORTEST = 8  # characters of a secret
PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)


def mask(text: str) -> tuple[str, Counter[str]]:
    """The text with masks, and the number of each kind: "email" and detect-secrets' names, such as "aws-access-key"."""
    found: Counter[str] = Counter()

    def key(match: re.Match[str]) -> str:
        found["private-key"] += 1
        return f"{match[1]}{MASK.format('private-key')}" + "\n" * match[2].count("\n") + match[3]

    if "PRIVATE KEY-----" in text:
        text = PRIVATE_KEY.sub(key, text)
    if any(expression.search(text) for expression in _expressions()):
        text = "\n".join(_line(line, found) for line in text.split("\n"))

    def address(match: re.Match[str]) -> str:
        if NOBODY.search(match[0]):
            return match[0]
        found["email"] += 1
        return MASK.format("email")

    return EMAIL.sub(address, text) if "@" in text else text, found


def said(text: str) -> str:
    """How many masks of each kind stand in a text (a piece of a masked file), as words: "email 2, github-token 1"."""
    found = Counter(kind for kind in MASKED.findall(text) if kind in _kinds())
    return ", ".join(f"{kind} {number}" for kind, number in sorted(found.items()))


def _line(line: str, found: Counter[str]) -> str:
    for kind, secret in _secrets(line):
        found[kind] += line.count(secret)
        line = line.replace(secret, MASK.format(kind))
    return line


def _secrets(line: str) -> list[tuple[str, str]]:
    """(kind, secret) of a line, the longest first."""
    if len(line) < SHORTEST:
        return []
    found: dict[str, str] = {}
    for kind, detector in _detectors():
        if kind == "private-key":
            continue  # masked as a block
        for secret in detector.analyze_string(line):
            found[secret if len(secret) >= SHORTEST else _whole(detector, line, secret)] = kind
    return [
        (found[secret], secret) for secret in sorted(found, key=lambda s: (-len(s), s)) if secret
    ]


def _whole(detector: Any, line: str, group: str) -> str:
    """The whole match: some detectors' expressions have a group for the prefix, and give only "ghp" back."""
    matches = (match[0] for expression in detector.denylist for match in expression.finditer(line))
    return next((match for match in matches if group in match and len(match) >= SHORTEST), "")


@functools.lru_cache(maxsize=1)
def _detectors() -> list[tuple[str, Any]]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as error:
        raise UserError(
            "masking secrets needs the package detect-secrets: pip install 'hornbook[secrets]', or set mask=False"
        ) from error
    kinds: dict[str, Any] = get_mapping_from_secret_type_to_class()
    known = {kind.__name__: kind for kind in kinds.values()}
    return [(_word(known[name].secret_type), known[name]()) for name in DETECTORS if name in known]


@functools.lru_cache(maxsize=1)
def _kinds() -> frozenset[str]:
    return frozenset({"email", *(kind for kind, _ in _detectors())})


@functools.lru_cache(maxsize=1)
def _expressions() -> list[re.Pattern[str]]:
    """Of all detectors, for a first look at a whole text: most hold nothing, and lines are slow."""
    return [
        each
        for kind, detector in _detectors()
        for each in detector.denylist
        if kind != "private-key"
    ]


def _word(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
