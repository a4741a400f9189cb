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

MASK_TEMPLATE = "<{}>"
MASK_PATTERN = re.compile("<([a-z-]+)>")
# RFC 5322 allows more; these are the addresses that people write. The domain must have a
# letter-only ending.
EMAIL_PATTERN = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])"
)
# RFC 2606's names for documentation, and hosts that are no person's.
DOCUMENTATION_EMAIL = re.compile(
    r"@(?:[\w.-]+\.)?(?:example\.(?:com|org|net|edu)|\w+\.(?:example|test|invalid|local))$", re.I
)
# Shapes that somebody issued. Left out, all of detect-secrets': high entropy (fires on hashes),
# keywords (on tests), public IPs (on documentation), Artifactory (on any word APA...), and
# Softlayer, Cloudant and IBM's two, which look for names of variables and take two thirds of the
# time of all.
DETECTORS = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
MIN_SECRET_CHARS = 8  # characters of a secret
PRIVATE_KEY_PATTERN = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
)


def mask_text(text: str) -> tuple[str, Counter[str]]:
    """The masked text, and counts by kind: "email" and detect-secrets' names ("aws-access-key")."""
    counts: Counter[str] = Counter()

    def replace_key(match: re.Match[str]) -> str:
        counts["private-key"] += 1
        return (
            f"{match[1]}{MASK_TEMPLATE.format('private-key')}"
            + "\n" * match[2].count("\n")
            + match[3]
        )

    if "PRIVATE KEY-----" in text:
        text = PRIVATE_KEY_PATTERN.sub(replace_key, text)
    if any(pattern.search(text) for pattern in _detector_patterns()):
        text = "\n".join(_mask_line(line, counts) for line in text.split("\n"))

    def replace_email(match: re.Match[str]) -> str:
        if DOCUMENTATION_EMAIL.search(match[0]):
            return match[0]
        counts["email"] += 1
        return MASK_TEMPLATE.format("email")

    return EMAIL_PATTERN.sub(replace_email, text) if "@" in text else text, counts


def describe_masks(text: str) -> str:
    """Counts of the masks in a text, in words: "email 2, github-token 1"."""
    counts = Counter(kind for kind in MASK_PATTERN.findall(text) if kind in _mask_kinds())
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))


def _mask_line(line: str, counts: Counter[str]) -> str:
    for kind, secret in _find_secrets(line):
        counts[kind] += line.count(secret)
        line = line.replace(secret, MASK_TEMPLATE.format(kind))
    return line


def _find_secrets(line: str) -> list[tuple[str, str]]:
    """(kind, secret) of a line, the longest first."""
    if len(line) < MIN_SECRET_CHARS:
        return []
    kind_by_secret: dict[str, str] = {}
    for kind, detector in _load_detectors():
        if kind == "private-key":
            continue  # masked as a block
        for secret in detector.analyze_string(line):
            kind_by_secret[
                secret if len(secret) >= MIN_SECRET_CHARS else _full_match(detector, line, secret)
            ] = kind
    return [
        (kind_by_secret[secret], secret)
        for secret in sorted(kind_by_secret, key=lambda s: (-len(s), s))
        if secret
    ]


def _full_match(detector: Any, line: str, fragment: str) -> str:
    """The whole match: some detectors' expressions have a group for the prefix, such as "ghp"."""
    for expression in detector.denylist:
        for match in expression.finditer(line):
            if fragment in match[0] and len(match[0]) >= MIN_SECRET_CHARS:
                return str(match[0])
    return ""


@functools.lru_cache(maxsize=1)
def _load_detectors() -> list[tuple[str, Any]]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as error:
        raise UserError(
            "masking secrets needs the package detect-secrets: pip install 'hornbook[secrets]', or "
            "set mask=False"
        ) from error
    detector_classes: dict[str, Any] = get_mapping_from_secret_type_to_class()
    class_by_name = {
        detector_class.__name__: detector_class for detector_class in detector_classes.values()
    }
    return [
        (_make_kind_name(class_by_name[name].secret_type), class_by_name[name]())
        for name in DETECTORS
        if name in class_by_name
    ]


@functools.lru_cache(maxsize=1)
def _mask_kinds() -> frozenset[str]:
    return frozenset({"email", *(kind for kind, _ in _load_detectors())})


@functools.lru_cache(maxsize=1)
def _detector_patterns() -> list[re.Pattern[str]]:
    """Of all detectors, for a first look at a whole text: most hold nothing, and lines are slow."""
    patterns: list[re.Pattern[str]] = []
    for kind, detector in _load_detectors():
        if kind != "private-key":
            patterns += detector.denylist
    return patterns


def _make_kind_name(secret_type: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", secret_type.lower()).strip("-")
