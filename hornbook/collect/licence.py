"""Licences as their origin states them, and whether a list of allowed ones covers them.

In: a wheel's METADATA, or a data set's list of licences. Out: a licence expression in SPDX's terms
where the words are known, else the words themselves; and yes or no for an allow-list. Not covered:
reading licence files, notices inside single files, and anything that a lawyer would call advice.
"""

from __future__ import annotations

import email
import re
from collections.abc import Sequence

PERMISSIVE = ("Apache-2.0", "MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "PSF-2.0",
              "Python-2.0", "Unlicense", "CC0-1.0", "HPND", "BSL-1.0", "Public Domain")  # fmt: skip

# Words by which packages name a licence, in lower case, to SPDX's identifiers. "BSD" alone leaves
# the clauses open.
NAMES = {
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
TEXTS = (
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


def stated(metadata: bytes) -> str:
    """The licence in a wheel's METADATA: License-Expression, else License, else the classifiers; "" if none."""
    head = email.message_from_string(metadata.decode("utf-8", "replace"))
    expression = str(head.get("License-Expression") or "").strip()
    field = str(head.get("License") or "").strip()
    prefix = "License :: "
    classifiers = [str(each) for each in head.get_all("Classifier") or []]
    named = [each.split(" :: ")[-1] for each in classifiers if each.startswith(prefix)]
    named = [each for each in named if each != "OSI Approved"]
    if expression:
        return expression
    if field and field.upper() != "UNKNOWN" and len(field) <= 60:
        return spdx(field)
    # Several classifiers do not say whether one may choose, so all of them are taken to hold.
    return combined(named) or of_text(field)


def of_text(text: str) -> str:
    """The licence that a whole text is, by words that only it has; "" where none is known."""
    words = " ".join(text.split())
    found = [(at, name) for known, name in TEXTS if (at := words.find(known)) >= 0]
    # GPL's text names LGPL and AGPL at its end, MIT's stands inside others': the first words of a
    # text count.
    name = min(found)[1] if found else ""
    return "BSD-3-Clause" if name == "BSD-2-Clause" and "Neither the name of" in words else name


def combined(names: Sequence[str]) -> str:
    """Several licences that hold together, as one expression; the same set is the same text."""
    return " AND ".join(sorted({spdx(name) for name in names if name and name.strip()}))


def spdx(name: str) -> str:
    """The SPDX identifier of a licence's common name, or the name itself in one line."""
    words = " ".join(name.split())
    return NAMES.get(words.lower(), words)


def allowed(licence: str, allow: Sequence[str]) -> bool:
    """Whether an allow-list covers a licence: every part joined by AND, one of those joined by OR. Empty allows all.

    >>> allowed("MIT OR GPL-3.0-only", ("MIT",)), allowed("MIT AND GPL-3.0-only", ("MIT",)), allowed("", ("MIT",))
    (True, False, False)
    """
    if not allow:
        return True
    known = {name.lower() for name in allow}
    words = [
        each.strip() for each in re.split(r"([()]|\b(?:AND|OR|WITH)\b)", licence) if each.strip()
    ]
    return _either(words, known) and not words


def _either(words: list[str], known: set[str]) -> bool:
    """one AND-group OR another; takes what it read off the front of `words`."""
    fine = _both(words, known)
    while words and words[0] == "OR":
        words.pop(0)
        fine = _both(words, known) or fine
    return fine


def _both(words: list[str], known: set[str]) -> bool:
    fine = _one(words, known)
    while words and words[0] == "AND":
        words.pop(0)
        fine = _one(words, known) and fine
    return fine


def _one(words: list[str], known: set[str]) -> bool:
    if not words:
        return False
    first = words.pop(0)
    if first == "(":
        fine = _either(words, known)
        return bool(words) and words.pop(0) == ")" and fine
    if len(words) > 1 and words[0] == "WITH":  # an exception only adds permissions to the licence
        del words[:2]
    return first.lower() in known
