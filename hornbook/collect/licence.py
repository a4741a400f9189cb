"""Licences as their origin states them, and whether a list of allowed ones covers them.

In: a wheel's METADATA, or a data set's list of licences. Out: a licence expression in SPDX's terms
where the words are known, else the words themselves; and yes or no for an allow-list. Not covered:
reading licence files, notices inside single files, and anything that a lawyer would call advice.
"""

from __future__ import annotations

import email
import re
from collections.abc import Sequence

PERMISSIVE = (
    "Apache-2.0", "MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "PSF-2.0",
    "Python-2.0", "Unlicense", "CC0-1.0", "HPND", "BSL-1.0", "Public Domain",
)  # fmt: skip

# Words by which packages name a licence, in lower case, to SPDX's identifiers. "BSD" alone leaves
# the clauses open.
SPDX_BY_NAME = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit license (mit)": "MIT",
    "expat": "MIT",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "bsd license": "BSD",
    "new bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "isc license": "ISC",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "gnu general public license (gpl)": "GPL",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "gnu library or lesser general public license (lgpl)": "LGPL",
    "historical permission notice and disclaimer (hpnd)": "HPND",
    "zlib/libpng license": "Zlib",
    "public domain": "Public Domain",
}
# A licence's whole text in the License field is recognised by words that only it has.
LICENCE_TEXTS = (
    ("Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"),
    ("Apache License", "Apache-2.0"),
    ("GNU AFFERO GENERAL PUBLIC LICENSE Version 3", "AGPL-3.0"),
    ("GNU LESSER GENERAL PUBLIC LICENSE Version 3", "LGPL-3.0"),
    ("GNU LESSER GENERAL PUBLIC LICENSE Version 2.1", "LGPL-2.1"),
    ("GNU GENERAL PUBLIC LICENSE Version 3", "GPL-3.0"),
    ("GNU GENERAL PUBLIC LICENSE Version 2", "GPL-2.0"),
    ("Mozilla Public License Version 2.0", "MPL-2.0"),
    ("Mozilla Public License, version 2.0", "MPL-2.0"),
    ("This is free and unencumbered software released into the public domain", "Unlicense"),
    ("CC0 1.0 Universal", "CC0-1.0"),
    ("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2", "PSF-2.0"),
    ("Permission to use, copy, modify, and/or distribute this software for any purpose", "ISC"),
    ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
)


def read_metadata_licence(metadata: bytes) -> str:
    """The licence in a wheel's METADATA: License-Expression, License, or classifiers; or ""."""
    headers = email.message_from_string(metadata.decode("utf-8", "replace"))
    expression = str(headers.get("License-Expression") or "").strip()
    licence_field = str(headers.get("License") or "").strip()
    prefix = "License :: "
    classifiers = [str(classifier) for classifier in headers.get_all("Classifier") or []]
    licence_names = [
        classifier.split(" :: ")[-1] for classifier in classifiers if classifier.startswith(prefix)
    ]
    licence_names = [name for name in licence_names if name != "OSI Approved"]
    if expression:
        return expression
    if licence_field and licence_field.upper() != "UNKNOWN" and len(licence_field) <= 60:
        return to_spdx(licence_field)
    # Several classifiers do not say whether one may choose, so all of them are taken to hold.
    return combine_licences(licence_names) or identify_licence(licence_field)


def identify_licence(text: str) -> str:
    """The licence that a whole text is, by words that only it has; "" where none is known."""
    words = " ".join(text.split())
    positions = [(words.find(phrase), name) for phrase, name in LICENCE_TEXTS]
    matches = [(position, name) for position, name in positions if position >= 0]
    # GPL's text names LGPL and AGPL at its end, MIT's stands inside others': the first words of a
    # text count.
    name = min(matches)[1] if matches else ""
    return "BSD-3-Clause" if name == "BSD-2-Clause" and "Neither the name of" in words else name


def combine_licences(names: Sequence[str]) -> str:
    """Several licences that hold together, as one expression; the same set is the same text."""
    return " AND ".join(sorted({to_spdx(name) for name in names if name and name.strip()}))


def to_spdx(name: str) -> str:
    """The SPDX identifier of a licence's common name, or the name itself in one line."""
    words = " ".join(name.split())
    return SPDX_BY_NAME.get(words.lower(), words)


def is_allowed(licence: str, allow_list: Sequence[str]) -> bool:
    """Whether an allow-list covers a licence: all parts of an AND, one of an OR. Empty allows all.

    >>> is_allowed("MIT OR GPL-3.0-only", ("MIT",)), is_allowed("MIT AND GPL-3.0-only", ("MIT",))
    (True, False)
    >>> is_allowed("", ("MIT",))
    False
    """
    if not allow_list:
        return True
    allowed_names = {name.lower() for name in allow_list}
    tokens = [
        token.strip() for token in re.split(r"([()]|\b(?:AND|OR|WITH)\b)", licence) if token.strip()
    ]
    return _evaluate_or(tokens, allowed_names) and not tokens


def _evaluate_or(tokens: list[str], allowed_names: set[str]) -> bool:
    """one AND-group OR another; takes what it read off the front of `words`."""
    is_covered = _evaluate_and(tokens, allowed_names)
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        is_covered = _evaluate_and(tokens, allowed_names) or is_covered
    return is_covered


def _evaluate_and(tokens: list[str], allowed_names: set[str]) -> bool:
    is_covered = _evaluate_term(tokens, allowed_names)
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        is_covered = _evaluate_term(tokens, allowed_names) and is_covered
    return is_covered


def _evaluate_term(tokens: list[str], allowed_names: set[str]) -> bool:
    if not tokens:
        return False
    token = tokens.pop(0)
    if token == "(":
        is_covered = _evaluate_or(tokens, allowed_names)
        return bool(tokens) and tokens.pop(0) == ")" and is_covered
    if len(tokens) > 1 and tokens[0] == "WITH":  # an exception only adds permissions to the licence
        del tokens[:2]
    return token.lower() in allowed_names
