"""Text and files / paths and their parts"""

import re
from fnmatch import fnmatchcase


def safe_copy_name(name: str, taken: set[str]) -> str:
    """A photo program never overwrites a file. If a name is taken, it puts " (2)" before the extension, or " (3)" and
    so on: the first number that makes a new name. The extension is what follows the last dot; a dot at the very
    beginning begins a hidden file's name and no extension.

    >>> safe_copy_name("cat.jpg", {"cat.jpg", "cat (2).jpg"})
    'cat (3).jpg'
    >>> safe_copy_name(".profile", {".profile"})
    '.profile (2)'
    """
    dot = name.rfind(".")
    stem, extension = (name[:dot], name[dot:]) if dot > 0 else (name, "")
    candidate = name
    number = 2
    while candidate in taken:
        candidate = f"{stem} ({number}){extension}"
        number += 1
    return candidate


def test_safe_copy_name() -> None:
    assert safe_copy_name("cat.jpg", set()) == "cat.jpg"
    assert safe_copy_name("cat.jpg", {"cat.jpg"}) == "cat (2).jpg"
    assert safe_copy_name("a.tar.gz", {"a.tar.gz"}) == "a.tar (2).gz"
    assert safe_copy_name("README", {"README", "README (2)", "README (4)"}) == "README (3)"
    assert safe_copy_name(".profile", {".profile", "profile"}) == ".profile (2)"


def tidy_path(path: str) -> str:
    """People write the same place in many ways. Tidy an absolute path: drop empty parts and ".", let ".." take back the
    part before it (at the root it does nothing), and write a single "/" between parts and none at the end.

    >>> tidy_path("/home//ida/./music/../photos/")
    '/home/ida/photos'
    >>> tidy_path("/../..")
    '/'
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            # A slice instead of pop(): at the root there is nothing to take back, and that is no error.
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def test_tidy_path() -> None:
    assert tidy_path("/a/b/../../c") == "/c"
    assert tidy_path("/") == "/"
    assert tidy_path("/.../a..b/.hidden") == "/.../a..b/.hidden"
    assert tidy_path("/a/../../../b//") == "/b"
    assert tidy_path("/a/./.") == "/a"


def path_between(folder: str, target: str) -> str:
    """A web page in one folder links to a file in another. Both are absolute and tidy paths. Write the shortest
    relative way from the folder to the target: first ".." for each step up to the folder that both share, then the way
    down. The folder itself is ".".

    >>> path_between("/site/blog/2024", "/site/img/cat.png")
    '../../img/cat.png'
    >>> path_between("/site", "/site/index.html"), path_between("/site", "/site")
    ('index.html', '.')
    """
    here = [part for part in folder.split("/") if part]
    there = [part for part in target.split("/") if part]
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:]) or "."


def test_path_between() -> None:
    assert path_between("/a/b", "/a/c") == "../c"
    assert path_between("/a/b", "/a") == ".."
    assert path_between("/", "/x/y") == "x/y"
    assert path_between("/ab", "/a") == "../a"
    assert path_between("/a/b/c", "/a/b/c") == "."
    assert path_between("/p/q", "/r/q") == "../../r/q"


def parse_flags(arguments: list[str]) -> tuple[dict[str, str | bool], list[str]]:
    """Command lines hold options and plain words. "--size=3" gives the option "size" the text "3", "--quiet" makes
    "quiet" True and "--no-color" makes "color" False. A lone "--" ends the options: all that follows is plain, even if
    it begins with dashes. Return the options and the plain words; the last mention of an option counts.

    >>> parse_flags(["draw", "--size=3", "--no-color", "cat.txt"])
    ({'size': '3', 'color': False}, ['draw', 'cat.txt'])
    >>> parse_flags(["--", "--quiet"])
    ({}, ['--quiet'])
    """
    options: dict[str, str | bool] = {}
    for number, argument in enumerate(arguments):
        if argument == "--":
            plain = arguments[number + 1 :]
            break
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            if equals:
                options[name] = value
            elif name.startswith("no-"):
                options[name[3:]] = False
            else:
                options[name] = True
    else:
        number, plain = len(arguments), []
    return options, [argument for argument in arguments[:number] if not argument.startswith("--")] + plain


def test_parse_flags() -> None:
    assert parse_flags([]) == ({}, [])
    assert parse_flags(["a", "--x", "b", "--x=", "--no-y"]) == ({"x": "", "y": False}, ["a", "b"])
    assert parse_flags(["--q", "--no-q", "-"]) == ({"q": False}, ["-"])
    assert parse_flags(["--a=b=c", "--", "d", "--e", "--"]) == ({"a": "b=c"}, ["d", "--e", "--"])
    assert parse_flags(["--no-x=1"]) == ({"no-x": "1"}, [])


def read_settings(text: str) -> dict[str, dict[str, str]]:
    """A settings file has sections such as "[window]" and below them lines "name = value". Lines that begin with "#" or
    ";" and empty lines do not count, and a line that begins with a space goes on with the value above it, joined by one
    space. Return the sections; anything else is a ValueError that names the line's number.

    >>> read_settings("[window]\\nwidth = 80\\n# a note\\ntitle = My\\n  diary")
    {'window': {'width': '80', 'title': 'My diary'}}
    >>> read_settings("[empty]\\n")
    {'empty': {}}
    """
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    name = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        if line.startswith("[") and line.rstrip().endswith("]"):
            section = sections.setdefault(line.strip()[1:-1], {})
            name = ""
        elif line[0] == " " and section is not None and name:
            section[name] += " " + line.strip()
        elif equals and section is not None and line[0] != " ":
            name = key.strip()
            section[name] = value.strip()
        else:
            raise ValueError(f"line {number} is no setting: {line.strip()}")
    return sections


def test_read_settings() -> None:
    assert read_settings("") == {}
    assert read_settings("[a]\nx=1\n\n;no\n[b]\ny = = \n[a]\nz=2") == {"a": {"x": "1", "z": "2"}, "b": {"y": "="}}
    assert read_settings("[a]\nx = 1\n# note\n 2\n  3") == {"a": {"x": "1 2 3"}}
    failed = []
    for wrong in ("x = 1", "[a]\nnothing", "[a]\n\n more", "[a]\nx=1\n[b]\n y=2"):
        try:
            read_settings(wrong)
        except ValueError as error:
            failed.append(str(error).split()[1])
    assert failed == ["1", "2", "3", "4"]


def dotted_keys(lines: list[str]) -> dict[str, object]:
    """Some programs keep settings in lines like "server.port = 8080". Build nested dictionaries from them, one level
    for each dot. The words true and false become booleans, whole numbers become numbers, and all other values stay
    texts. A key that is both a value and the beginning of another key is a ValueError.

    >>> dotted_keys(["server.port = 8080", "server.log.on = true", "name = box 7"])
    {'server': {'port': 8080, 'log': {'on': True}}, 'name': 'box 7'}
    >>> dotted_keys(["depth = -3"])
    {'depth': -3}
    """
    settings: dict[str, object] = {}
    for line in lines:
        key, _, text = (part.strip() for part in line.partition("="))
        *parents, last = key.split(".")
        level = settings
        for parent in parents:
            below = level.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ValueError(f"{parent} is a value already, so it cannot hold {key}")
            level = below
        if isinstance(level.get(last), dict):
            raise ValueError(f"{key} holds other keys, so it cannot be a value")
        is_number = re.fullmatch(r"[+-]?\d+", text)
        level[last] = text == "true" if text in ("true", "false") else int(text) if is_number else text
    return settings


def test_dotted_keys() -> None:
    assert dotted_keys(["a.b.c = 1", "a.b.d = 2", "a.e = x"]) == {"a": {"b": {"c": 1, "d": 2}, "e": "x"}}
    assert dotted_keys(["a = false", "b = False", "c = 1.5", "d ="]) == {"a": False, "b": "False", "c": "1.5", "d": ""}
    assert dotted_keys(["a = 1", "a = 2=3"]) == {"a": "2=3"}
    assert dotted_keys([]) == {}
    for wrong in (["a = 1", "a.b = 2"], ["a.b = 1", "a = 2"]):
        try:
            dotted_keys(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def files_to_save(files: list[str], rules: list[str]) -> list[str]:
    """A backup skips files by rules such as "*.tmp". Rules are read from top to bottom, and the last one that fits a
    file decides: a plain rule skips it, one that begins with "!" keeps it after all. A rule that ends in "/" fits
    everything inside folders of that name; any other is a pattern for the file's own name, without its folders. Return
    the files to be saved, in order.

    >>> files_to_save(["a.tmp", "keep.tmp", "x/a.txt"], ["*.tmp", "!keep.*"])
    ['keep.tmp', 'x/a.txt']
    >>> files_to_save(["cache/a.txt", "a/cache/b.txt", "cache"], ["cache/"])
    ['cache']
    """

    def fits(file: str, rule: str) -> bool:
        *folders, name = file.split("/")
        return rule[:-1] in folders if rule.endswith("/") else fnmatchcase(name, rule)

    saved = []
    for file in files:
        deciding = [rule for rule in rules if fits(file, rule.removeprefix("!"))]
        if not deciding or deciding[-1].startswith("!"):
            saved.append(file)
    return saved


def test_files_to_save() -> None:
    files = ["notes.txt", "x/notes.tmp", "x/y/z.txt", "y", "z.log"]
    assert files_to_save(files, []) == files
    assert files_to_save(files, ["*"]) == []
    assert files_to_save(files, ["*", "!*.txt"]) == ["notes.txt", "x/y/z.txt"]
    assert files_to_save(files, ["!*.txt", "*"]) == []
    assert files_to_save(files, ["x/", "!z.*", "z.log"]) == ["notes.txt", "x/y/z.txt", "y"]
    assert files_to_save(files, ["y/", "?"]) == ["notes.txt", "x/notes.tmp", "z.log"]


def folder_drawing(paths: list[str]) -> list[str]:
    """Draw files as a tree. Each path is split at "/"; folders end with a slash and stand before the files of the same
    folder, both in alphabetical order, and what lies in a folder is moved in by two spaces.

    >>> folder_drawing(["b.txt", "a/c.txt", "a/b/d.txt"])
    ['a/', '  b/', '    d.txt', '  c.txt', 'b.txt']
    >>> folder_drawing([])
    []
    """
    folders: dict[str, list[str]] = {}
    files = []
    for path in paths:
        first, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(first, []).append(rest)
        else:
            files.append(path)
    drawing = []
    for name in sorted(folders):
        drawing.append(name + "/")
        drawing += ["  " + line for line in folder_drawing(folders[name])]
    return drawing + sorted(files)


def test_folder_drawing() -> None:
    assert folder_drawing(["b.txt", "a/c.txt", "a/b/d.txt"]) == ["a/", "  b/", "    d.txt", "  c.txt", "b.txt"]
    assert folder_drawing(["z/1", "a", "z/0"]) == ["z/", "  0", "  1", "a"]
    assert folder_drawing(["x/y/z/w"]) == ["x/", "  y/", "    z/", "      w"]
    assert folder_drawing(["b", "a"]) == ["a", "b"]


def expand_settings(settings: dict[str, str]) -> dict[str, str]:
    """Settings may use each other: in a value "${name}" stands for the value of that name, which may use others in
    turn, and "$$" stands for a dollar sign. Return all values with nothing left to be replaced. A name that does not
    exist is a KeyError, and names that need each other in a circle are a ValueError.

    >>> expand_settings({"root": "/srv", "data": "${root}/data", "log": "${data}/log"})["log"]
    '/srv/data/log'
    >>> expand_settings({"price": "$$5"})
    {'price': '$5'}
    """
    done: dict[str, str] = {}

    def value_of(name: str, asked_by: tuple[str, ...]) -> str:
        if name in asked_by:
            raise ValueError(" needs ".join([*asked_by, name]))
        if name not in done:
            done[name] = re.sub(
                r"\$\$|\$\{(\w+)\}",
                lambda match: value_of(match[1], (*asked_by, name)) if match[1] else "$",
                settings[name],
            )
        return done[name]

    return {name: value_of(name, ()) for name in settings}


def test_expand_settings() -> None:
    assert expand_settings({"a": "${b}${b}", "b": "<${c}>", "c": "x"}) == {"a": "<x><x>", "b": "<x>", "c": "x"}
    assert expand_settings({"a": "$${b}", "b": "$ {a} ${a}"}) == {"a": "${b}", "b": "$ {a} ${b}"}
    assert expand_settings({}) == {}
    problems = []
    for wrong in ({"a": "${b}"}, {"a": "${b}", "b": "${a}"}, {"a": "1${a}"}):
        try:
            expand_settings(wrong)
        except (KeyError, ValueError) as error:
            problems.append(str(error))
    assert problems == ["'b'", "a needs b needs a", "a needs a"]
