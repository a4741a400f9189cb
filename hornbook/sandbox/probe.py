"""Find out which layers of isolation this machine has, by trying them.

In: nothing. Out: one Layer for each, with the remedy where it is missing. Run as a module in a new
interpreter, it applies one layer, attacks it, and exits with 0 if the layer holds.

Not covered: attacks other than those below; the sandbox's tests have a hundred.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REMEDIES = {
    "landlock": (
        "a kernel from 5.13 on with landlock among its security modules (lsm=landlock,... at boot)"
    ),
    "seccomp": (
        "a kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64; in a container, one whose "
        "profile allows it"
    ),
    "limits": "a system where RLIMIT_AS can be lowered: Linux",
    # The second setting is Ubuntu's, the first Debian's.
    "namespaces": (
        "root, or sysctl kernel.unprivileged_userns_clone=1 "
        "kernel.apparmor_restrict_unprivileged_userns=0"
    ),
}
# What rests on each layer.
PROMISES = {
    "landlock": "no file outside the interpreter is read or written",
    "seccomp": "no process is made, no socket opened, no other process signalled",
    "limits": "memory and CPU time are bounded",
    "namespaces": "other processes, the network and the file system are not even visible",
}


PROBE_TIMEOUT_S = 60


@dataclass(frozen=True)
class Layer:
    """One layer of isolation.

    Attributes:
        name: a key of PROMISES.
        available: whether it held when it was tried.
        detail: the promise that rests on it, and what went wrong.
        remedy: how to get it; "" where it holds.
    """

    name: str
    available: bool
    detail: str
    remedy: str = ""


def probe_layers() -> list[Layer]:
    """Try every layer. It takes about 0.3 s."""
    if sys.platform != "linux":
        return [
            Layer(name, False, f"{PROMISES[name]}: Linux only", describe_alternatives())
            for name in PROMISES
        ]
    return [_probe_layer(name) for name in PROMISES]


def describe_alternatives() -> str:
    """What to do on macOS and Windows."""
    return (
        "use Linux: a container (docker run --rm -it python:3.11), a virtual machine, WSL 2, or a "
        "remote worker"
    )


def _probe_layer(name: str) -> Layer:
    # In a process of its own: most layers cannot be taken off again.
    command = [sys.executable, "-B", "-m", "hornbook.sandbox.probe", name]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, env=environment
    )
    if process.returncode == 0:
        return Layer(name, True, f"held: {PROMISES[name]}")
    # The last line of a traceback, or what _must_fail wrote.
    lines = (process.stderr or process.stdout).strip().splitlines()
    problem = lines[-1] if lines else "not available"
    return Layer(name, False, f"{PROMISES[name]}: {problem}", REMEDIES[name])


def _try_landlock() -> None:
    # Imported here: the module needs Linux.
    from hornbook.sandbox import confinement

    confinement.confine_process()
    confinement.apply_landlock(["/usr"], [])
    _must_fail("reading /etc/passwd", lambda: open("/etc/passwd").close())
    _must_fail("writing a file", lambda: open("/tmp/hornbook-probe", "w").close())


def _try_seccomp() -> None:
    from hornbook.sandbox import confinement

    seccomp_filter = confinement.SeccompFilter()
    confinement.confine_process()
    seccomp_filter.install_filter()
    _must_fail("a fork", lambda: os.fork() or os._exit(0))
    _must_fail("a socket", lambda: socket.socket().connect(("127.0.0.1", 9)))
    _must_fail("a signal to the parent", lambda: os.kill(os.getppid(), 0))


def _try_limits() -> None:
    from hornbook.sandbox import confinement

    confinement.limit_program(10, 512 << 20, 0)
    try:
        bytearray(1 << 30)
    except MemoryError:
        return
    raise SystemExit("1 GiB was allocated under a limit of 512 MiB")


def _try_namespaces() -> None:
    from hornbook.sandbox import namespaces

    namespaces.enter_namespaces(["/usr/lib"], 0)
    # Process 1 of its own namespace sees its descendants only.
    if os.getpid() != 1:
        raise SystemExit("not process 1")
    _must_fail("reading /etc/passwd", lambda: open("/etc/passwd").close())


def _must_fail(action: str, attempt: Callable[[], object]) -> None:
    """Exit with a message unless the attempt raises OSError."""
    try:
        attempt()
    except OSError as error:
        # A refused connection means that the socket was allowed.
        if not isinstance(error, ConnectionRefusedError):
            return
    raise SystemExit(f"{action} was not stopped")


if __name__ == "__main__":
    attempts = {
        "landlock": _try_landlock,
        "seccomp": _try_seccomp,
        "limits": _try_limits,
        "namespaces": _try_namespaces,
    }
    try:
        attempts[sys.argv[1]]()
    except OSError as problem:
        raise SystemExit(str(problem)) from None
