"""Attacks on the sandbox. No hostile program may pass, escape, or stop the next program."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sandbox_fooling import FOOLING
from sandbox_honest import CLASSES, HONEST
from sandbox_programs import CANARY, HOSTILE, SECRET

from hornbook import cli
from hornbook.sandbox import (
    Layer,
    ProgramJob,
    Sandbox,
    SandboxUnavailable,
    Verdict,
    pair,
    probe_layers,
)

if sys.platform != "linux":
    pytest.skip("the sandbox refuses elsewhere", allow_module_level=True)

BAD = {"failed", "error", "syntax", "timeout", "memory", "killed", "refused"}


@pytest.fixture(scope="module", params=["A", "B"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    CANARY.write_text("alive")
    try:
        with Sandbox(level=request.param) as sandbox:
            yield sandbox
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    finally:
        CANARY.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def verdicts(box: Sandbox) -> dict[str, Verdict]:
    """Verdicts on all programs. They run at once, hostile ones beside honest ones."""
    programs = {name: (code, SECRET) for name, (_, code) in HOSTILE.items()} | FOOLING | HONEST
    jobs = [
        ProgramJob(code, tests, ("f",), timeout_s=0.3, memory_mb=512)
        for code, tests in programs.values()
    ]
    return dict(zip(programs, box.run_jobs(jobs), strict=True))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_ends_in_the_verdict_it_deserves(
    verdicts: dict[str, Verdict], name: str
) -> None:
    expected_statuses = HOSTILE[name][0].split()
    assert verdicts[name].status in expected_statuses, verdicts[name]


@pytest.mark.parametrize("name", FOOLING)
def test_tests_that_are_easy_to_fool_are_not_fooled(
    verdicts: dict[str, Verdict], name: str
) -> None:
    assert verdicts[name].status in BAD, verdicts[name]


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_passes_beside_hostile_ones(
    verdicts: dict[str, Verdict], name: str
) -> None:
    assert verdicts[name].status == "passed", verdicts[name]


@pytest.mark.parametrize("declared", [True, False])
def test_classes_are_tested_through_their_own_operators(box: Sandbox, declared: bool) -> None:
    jobs = [
        ProgramJob(code, tests, (name,), classes=(name,) if declared else None)
        for code, tests, name in CLASSES.values()
    ]
    verdicts = dict(zip(CLASSES, box.run_jobs(jobs), strict=True))
    assert {name: verdict for name, verdict in verdicts.items() if verdict.status != "passed"} == {}


def test_an_object_of_a_class_does_not_say_that_it_equals_a_number(box: Sandbox) -> None:
    code = "class F:\n    def __init__(s, x): pass\n    def __eq__(s, o): return True\n"
    code += "    __hash__ = None\n"
    job = ProgramJob(code, "assert F(3) == 829_461", ("F",), classes=("F",))
    assert box.run_job(job).status == "failed"
    code += "    def __sub__(s, o): return 0.0\n"
    job = ProgramJob(code, "assert abs(F(3) - 829_461) < 1", ("F",), classes=())
    assert box.run_job(job).status == "error"


def test_the_host_is_as_it_was(box: Sandbox, verdicts: dict[str, Verdict]) -> None:
    assert CANARY.read_text() == "alive"
    processes = subprocess.run(["ps", "-eo", "uid="], capture_output=True, text=True)
    own_users: set[str] = set()
    for zygote_pair in box._pairs:
        own_users.update(map(str, zygote_pair._user_ids))
    own_users.discard("0")
    n_own_processes = sum(uid in own_users for uid in processes.stdout.split())
    # The zygotes and no other process.
    assert n_own_processes <= len(own_users)
    assert not list(Path("/dev/shm").glob("x")) and not list(Path.cwd().glob("bomb*"))


def test_what_one_program_leaves_in_its_scratch_folder_the_next_does_not_find(box: Sandbox) -> None:
    if box.level != "A":
        pytest.skip("level B has no scratch folder")
    write = "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').write('x')\nos.mkdir('shut', 0)"
    look = "import os\nassert os.listdir('.') == [], os.listdir('.')"
    verdicts = box.run_jobs([ProgramJob(write), ProgramJob(look)] * 6)
    assert {verdict.status for verdict in verdicts} == {"passed"}


def test_a_program_without_tests_is_run_and_says_so(box: Sandbox) -> None:
    verdict = box.run_job(ProgramJob("print('hello')"))
    assert (verdict.status, verdict.trust, verdict.output) == ("passed", "ran", "hello\n")
    verdict = box.run_job(ProgramJob("if __name__ == '__main__':\n    1 / 0"))
    assert verdict.reason == "ZeroDivisionError: division by zero"


def test_a_failed_assertion_is_quoted(box: Sandbox) -> None:
    verdict = box.run_job(
        ProgramJob("def f(x): return 2", "assert f(1) == 2\nassert f(2) == 4, 'four'", ("f",))
    )
    assert (verdict.status, verdict.reason) == ("failed", "assert f(2) == 4, 'four' (four)")


def test_verdicts_keep_the_order_of_the_jobs(box: Sandbox) -> None:
    jobs = [
        ProgramJob(f"import time\ntime.sleep({0.1 * (i % 3 == 0)})\nprint({i})") for i in range(30)
    ]
    assert [verdict.output for verdict in box.run_jobs(jobs)] == [f"{i}\n" for i in range(30)]


def test_a_program_that_exits_before_its_end_has_not_passed(box: Sandbox) -> None:
    early = "import sys\nsys.exit(0)\nassert False"
    late = "import sys\nif __name__ == '__main__':\n    sys.exit(0)"
    assert box.run_job(ProgramJob(early)).reason == "SystemExit: 0, before the end of the program"
    assert box.run_job(ProgramJob(late)).status == "passed"
    failed = box.run_job(ProgramJob("x = 1\nassert x == 2, 'two'"))
    assert (failed.status, failed.reason) == ("failed", "assert x == 2, 'two' (two)")


def test_a_reason_moves_no_cursor(box: Sandbox) -> None:
    verdict = box.run_job(ProgramJob("raise ValueError('x\\nother.py: passed\\x1b[2J\\u202e')"))
    assert verdict.reason == "ValueError: x other.py: passed\\x1b[2J\\u202e"


def test_a_program_that_waits_for_its_turn_is_not_idle() -> None:
    from hornbook.sandbox.cpu_watch import IdleTimer

    busy = "import time\nwhile time.process_time() < 0.4: pass\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", busy]) as process:
        idle_timer, start_time = IdleTimer([process.pid]), time.monotonic()
        idle_s = wall_s = 0.0
        while idle_s < 1 and wall_s < 60:
            time.sleep(0.02)
            idle_s = idle_timer.idle_seconds() or 0.0
            wall_s = time.monotonic() - start_time
        process.kill()
    assert idle_s >= 1, wall_s
    # 0.4 s of computing and 1 s of sleep, less what the start of the measurement missed.
    assert wall_s >= 1.3, idle_s


def test_draws_and_sets_are_the_same_every_time(box: Sandbox) -> None:
    code = "import random\nprint(random.random(), {str(i) for i in range(20)})"
    assert len({verdict.output for verdict in box.run_jobs([ProgramJob(code)] * 9)}) == 1


def test_a_killed_zygote_is_replaced_and_its_job_judged(box: Sandbox) -> None:
    for zygote_pair in box._pairs:
        zygote_pair._program_zygote._process.kill()
        zygote_pair._tests_zygote._process.kill()
    jobs = [
        ProgramJob("def f(x): return x", "assert f(1) == 1", ("f",)),
        ProgramJob("def f(x): return 0", "assert f(1) == 1", ("f",)),
    ]
    assert [verdict.status for verdict in box.run_jobs(jobs * 4)] == ["passed", "failed"] * 4


@pytest.mark.parametrize("level", ["A", "B"])
def test_where_it_is_started_matters_to_nobody(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even /tmp: it is the scratch folder's name at level A, and a folder of the machine at B."""
    monkeypatch.chdir("/tmp")
    own_file = Path(f"/tmp/hornbook-test-{os.getpid()}")
    with Sandbox(workers=1, level=level) as box:
        own_file.write_text("mine")
        try:
            jobs = [ProgramJob("x = 1"), ProgramJob("assert 1 == 2")] * 3
            statuses = [verdict.status for verdict in box.run_jobs(jobs)]
            assert own_file.read_text() == "mine"
        finally:
            own_file.unlink(missing_ok=True)
    assert statuses == ["passed", "failed"] * 3


def test_zygotes_killed_twenty_times_while_programs_run_change_no_verdict() -> None:
    right = ProgramJob("def f(x): return x", "assert f(1) == 1", ("f",))
    wrong = ProgramJob("def f(x): return 0", "assert f(1) == 1", ("f",))
    chance = random.Random(5)
    with Sandbox(workers=3) as box:
        statuses = []
        for i, verdict in enumerate(box.run_jobs([right, wrong] * 200)):
            statuses.append(verdict.status)
            if i % 19 == 0 and i < 380:
                victim = chance.choice(box._pairs)
                chance.choice([victim._program_zygote, victim._tests_zygote])._process.kill()
    assert statuses == ["passed", "failed"] * 200


@pytest.mark.parametrize("level", ["A", "B"])
def test_closing_in_the_middle_of_jobs_leaves_no_process(
    level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = f"# closed with level {level} by {os.getpid()}"
    monkeypatch.setattr(pair, "BOOT_CODE", pair.BOOT_CODE + marker)
    with Sandbox(workers=2, level=level) as box:
        endless = ProgramJob("while True: pass", timeout_s=60)
        assert next(box.run_jobs([ProgramJob("pass"), endless, endless])).status == "passed"
        assert len(find_processes(marker)) >= 4
    deadline = time.monotonic() + 5
    while find_processes(marker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not find_processes(marker)


def find_processes(marker: str) -> set[str]:
    """Process ids with this text in their arguments."""
    return {
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if marker.encode() in read_or_empty(path)
    }


def read_or_empty(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_kernel_without_landlock_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hornbook import sandbox

    monkeypatch.setattr(
        pair,
        "BOOT_CODE",
        "import sys\n"
        + pair.BOOT_CODE.replace(
            "zygote.run_zygote",
            "zygote.confinement.read_landlock_abi = lambda: 0\nzygote.run_zygote",
        ),
    )
    monkeypatch.setattr(
        sandbox,
        "probe_layers",
        lambda: [Layer("landlock", False, "no file is read", "a newer kernel")],
    )
    with pytest.raises(SandboxUnavailable, match="landlock.*no file is read.*a newer kernel"):
        Sandbox(workers=1)
    with Sandbox(workers=1, allow_unsafe=True) as box:
        assert (box.level, box.run_job(ProgramJob("pass")).trust) == ("none", "unsafe")
    program = tmp_path / "program.py"
    program.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = CliRunner().invoke(cli.main, ["check", str(program)])
    assert (result.exit_code, "a newer kernel" in result.output) == (3, True)
    assert not (tmp_path / "ran").exists()


def test_every_layer_was_tried_and_names_its_promise() -> None:
    assert [(layer.name, bool(layer.detail)) for layer in probe_layers()] == [
        (name, True) for name in ("landlock", "seccomp", "limits", "namespaces")
    ]


@pytest.mark.parametrize(
    ("programs", "code", "statuses"),
    [(["print(1)"], 0, ["passed"]), (["pass", "1 / 0", "x = ("], 1, ["passed", "error", "syntax"])],
)
def test_check_prints_a_verdict_a_file_and_exits_1_if_one_did_not_pass(
    tmp_path: Path, programs: list[str], code: int, statuses: list[str]
) -> None:
    files = [tmp_path / f"{i}.py" for i in range(len(programs))]
    for file, program in zip(files, programs, strict=True):
        file.write_text(program)
    result = CliRunner().invoke(cli.main, ["check", *map(str, files), "--json"])
    assert result.exit_code == code, result.output
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == statuses


def test_attacks_use_names_that_the_sandbox_has() -> None:
    """An attack on a method that was renamed would fail to attack, and pass as a test."""
    from hornbook.sandbox import codec, peer

    programs = [code for _, code in HOSTILE.values()] + [code for code, _ in FOOLING.values()]
    text = "\n".join(programs)
    owners = {
        r"wire\.Peer\.(\w+)": peer.Peer,
        r"wire\.(\w+)": peer,
        r"codec\.(\w+)": codec,
        r"peer\.(\w+)": peer.Peer(-1),
        r"_hb_peer\.(\w+)": peer.Peer,
    }
    for pattern, owner in owners.items():
        names = set(re.findall(rf"\b{pattern}", text)) - {"hornbook"}
        assert names, pattern
        assert [name for name in names if not hasattr(owner, name)] == []
