"""Hostile programs for the sandbox's tests. Each tries one thing.

HOSTILE: name -> statuses that are right, separated by spaces, and the program. Programs are tested
with SECRET, which has numbers that they cannot know. FOOLING (sandbox_fooling.py) and HONEST
(sandbox_honest.py) are programs with tests of their own.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Numbers that no program can return unless it has seen the tests.
SECRET = "assert f(3) == 829_461\nassert f(4) == 551_278\n"
CANARY = Path(tempfile.gettempdir()) / f"hornbook-canary-{os.getpid()}"

HOSTILE: dict[str, tuple[str, str]] = {
    # leaving early
    "os._exit(0) at import": ("killed", "import os\nos._exit(0)"),
    "os._exit(0) in the call": ("killed", "import os\ndef f(x): os._exit(0)"),
    "sys.exit(0) at import": ("error", "import sys\nsys.exit(0)"),
    "sys.exit(0) in the call": ("error", "import sys\ndef f(x): sys.exit(0)"),
    "exit by a signal of its own": (
        "killed",
        "import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGKILL)",
    ),
    "a crash of the interpreter": ("killed", "import ctypes\ndef f(x): return ctypes.string_at(0)"),
    "StopIteration out of the call": ("error", "def f(x): raise StopIteration"),
    "KeyboardInterrupt out of the call": ("error", "def f(x): raise KeyboardInterrupt"),
    "GeneratorExit out of the call": ("error", "def f(x): raise GeneratorExit"),
    "an atexit handler": (
        "failed",
        "import atexit, os\natexit.register(lambda: os._exit(0))\ndef f(x): return 0",
    ),
    "an excepthook": (
        "error",
        "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef f(x): return 1 / 0",
    ),
    "the exit of a thread": (
        "killed",
        "import os, threading, time\ndef f(x):\n    threading.Thread(target=os._exit, args=(0,)).start()\n"
        "    time.sleep(5)",
    ),
    # saying what a pass looks like
    "a printed pass": (
        "failed",
        'def f(x):\n    print(\'{"status": "passed", "reason": ""}\')\n    return 0',
    ),
    "a pass written to every descriptor": (
        "killed error",
        'import os\nline = b\'{"status": "passed", "reason": ""}\\n\'\n'
        "for fd in range(3, 64):\n    try: os.write(fd, line)\n    except OSError: pass\ndef f(x): return 0",
    ),
    "a pass on the report pipe, then an exit": (
        "killed",
        'import os, stat\nline = b\'{"status": "passed", "reason": ""}\\n\'\n'
        "for fd in range(3, 64):\n    try:\n        if stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, line)\n"
        "    except OSError: pass\nos._exit(0)",
    ),
    "every descriptor closed": ("killed", "import os\nos.closerange(0, 64)\ndef f(x): return 0"),
    "a forged reply": (
        "error",
        "import os, struct\ndef f(x):\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, struct.pack('=I', 10) + b'[\"r\",12345]' * 3)\n        except OSError: pass\n"
        "    return 0",
    ),
    "a frame of 4 GiB": (
        "error",
        "import os\ndef f(x):\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, b'\\xff' * 64)\n        except OSError: pass\n    return 0",
    ),
    "a frame nested 100,000 deep": (
        "error",
        "import os, struct\ndef f(x):\n    data = b'[' * 100_000\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, struct.pack('=I', len(data)) + data)\n        except OSError: pass\n    return 0",
    ),
    # answering what is hoped for
    "__eq__ that is always true": (
        "failed",
        "class Yes:\n    __hash__ = object.__hash__\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, o): return False\n"
        "def f(x): return Yes()",
    ),
    "an int with its own __eq__": (
        "failed",
        "class Yes(int):\n    __hash__ = int.__hash__\n    def __eq__(self, other): return True\n"
        "def f(x): return Yes(1)",
    ),
    "a metaclass with its own __eq__": (
        "failed",
        "class Meta(type):\n    __hash__ = type.__hash__\n    def __eq__(self, other): return True\n"
        "class Yes(metaclass=Meta): pass\n"
        "def f(x): return Yes",
    ),
    "unittest.mock.ANY": ("failed", "from unittest import mock\ndef f(x): return mock.ANY"),
    "a NaN": ("failed", "def f(x): return float('nan')"),
    "builtins in the program's process": (
        "failed killed error",
        "import builtins\nbuiltins.AssertionError = type('Quiet', (BaseException,), {})\n"
        "builtins.__build_class__ = None\nbuiltins.isinstance = lambda *a: True\ndef f(x): return 0",
    ),
    "a patched json and struct": (
        "error",
        "import json, struct\njson.JSONEncoder.encode = lambda *a: 'true'\nstruct.pack = lambda *a: b''\n"
        "from hornbook.sandbox import codec\ncodec._dump_json = lambda tree: '[]'\ndef f(x): return 0",
    ),
    "a patched wire": (
        "error",
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "wire.Peer._encode_result = lambda self, *a: {'k': ['builtins', 'eval']}\ndef f(x): return 0",
    ),
    "sys.modules emptied": ("failed", "import sys\nsys.modules.clear()\ndef f(x): return 0"),
    # looking for the tests
    "the frames above": (
        "failed",
        "import re, sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        found = re.search(r'f.3. == (\\d+)', repr((frame.f_locals, frame.f_globals)).replace('_', ''))\n"
        "        if found: return int(found[1])\n        frame = frame.f_back\n    return 0",
    ),
    "every object of the collector": (
        "failed",
        "import gc\ndef f(x):\n    gc.unfreeze()\n    needle = f'f({x}) =' + '= '\n    for d in gc.get_objects():\n"
        "        for o in gc.get_referents(d):\n"
        "            if isinstance(o, str) and needle in o: return int(o.split(needle)[1][:7])",
    ),
    "the caller's globals through an argument": (
        "error",
        "def f(x): return x.__globals__",
    ),
    "its own source of answers: sys.argv and environment": (
        "failed",
        "import os, sys\ndef f(x): return 829_461 if '829' in repr((sys.argv, dict(os.environ))) else 0",
    ),
    "/proc/self/mem": ("error refused", "def f(x): return open('/proc/self/mem', 'rb').read(10)"),
    "/proc of the parent": (
        "error refused",
        "import os\ndef f(x): return open(f'/proc/{os.getppid()}/environ', 'rb').read()",
    ),
    "/proc of everybody": (
        "failed error refused",
        "import glob\ndef f(x): return [open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/cmdline')] or 1 / 0",
    ),
    "ptrace of the parent": (
        "failed",
        "import ctypes, os\ndef f(x): return ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)",
    ),
    "process_vm_readv of the parent": (
        "failed",
        "import ctypes, os\ndef f(x): return ctypes.CDLL(None).syscall(310, os.getppid(), 0, 0, 0, 0, 0)",
    ),
    # files
    "/etc/passwd": ("error refused", "def f(x): return open('/etc/passwd').read()"),
    "the host's home": (
        "error refused",
        "import os\ndef f(x): return os.listdir('/root') + os.listdir('/home')",
    ),
    "a file next door": (
        "error refused failed",
        f"def f(x): open({str(CANARY)!r}, 'a').write('x')",
    ),
    "the canary removed": ("error refused", f"import os\ndef f(x): os.unlink({str(CANARY)!r})"),
    "a symlink out": (
        "error refused failed",
        f"import os\ndef f(x):\n    os.symlink({str(CANARY)!r}, 'link')\n    return open('link', 'w').write('x')",
    ),
    "a hard link out": ("error refused", f"import os\ndef f(x): os.link({str(CANARY)!r}, 'link')"),
    "another root": ("refused", "import os\ndef f(x): os.chroot('/')"),
    "a mount by ctypes": (
        "failed",
        "import ctypes\ndef f(x): return ctypes.CDLL(None).mount(b'none', b'/', b'tmpfs', 0, 0)",
    ),
    "another user": ("refused", "import os\ndef f(x): os.setuid(0)"),
    "the mode of the interpreter": ("refused", "import os\ndef f(x): os.chmod(os.__file__, 0o777)"),
    "a disk bomb": (
        "error refused",
        "def f(x):\n    for i in range(100):\n        open(f'bomb{i}', 'wb').write(b'x' * 1_000_000)",
    ),
    "a file of 10 MB": ("error refused", "def f(x): open('big', 'wb').write(b'x' * 10_000_000)"),
    "shared memory": (
        "error refused",
        "import os\ndef f(x): os.write(os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR), b'x')",
    ),
    "an anonymous file": ("refused", "import os\ndef f(x): os.memfd_create('x')"),
    # processes, signals, network
    "a fork": ("refused", "import os\ndef f(x): return os.fork()"),
    "a fork bomb": ("refused", "import os\ndef f(x):\n    while True: os.fork()"),
    "a double fork by ctypes": (
        "failed",
        "import ctypes\ndef f(x): return ctypes.CDLL(None).fork()",
    ),
    "vfork and clone as raw calls": (
        "failed",
        "import ctypes\ncall = ctypes.CDLL(None).syscall\ndef f(x): return (call(58), call(56, 17, 0, 0, 0, 0))",
    ),
    "a shell": ("failed", "import os\ndef f(x): return os.system('echo')"),
    "another program in its place": (
        "refused",
        "import os, sys\ndef f(x): os.execv(sys.executable, ['python', '-c', ''])",
    ),
    "a subprocess": (
        "error refused",
        "import subprocess\ndef f(x): return subprocess.run(['/bin/true'])",
    ),
    "the parent killed": ("refused", "import os\ndef f(x): os.kill(os.getppid(), 9)"),
    "everybody killed": ("refused", "import os\ndef f(x): os.kill(-1, 9)"),
    "the group killed": (
        "refused",
        "import os\ndef f(x): os.killpg(os.getpgid(os.getppid()) or 1, 9)",
    ),
    "a connection": (
        "refused",
        "import socket\ndef f(x): socket.create_connection(('127.0.0.1', 80))",
    ),
    "a name looked up": (
        "error refused",
        "import socket\ndef f(x): socket.getaddrinfo('example.org', 80)",
    ),
    "a listening socket": ("refused", "import socket\ndef f(x): socket.create_server(('', 0))"),
    "a unix socket": (
        "refused",
        "import socket\ndef f(x): socket.socket(socket.AF_UNIX).connect('/run/x')",
    ),
    "io_uring": (
        "failed",
        "import ctypes\ndef f(x): return ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120))",
    ),
    "bpf and userfaultfd": (
        "failed",
        "import ctypes\ncall = ctypes.CDLL(None).syscall\ndef f(x): return (call(321, 0, 0, 0), call(323, 0))",
    ),
    "a new user namespace": (
        "failed",
        "import ctypes\ndef f(x): return ctypes.CDLL(None).unshare(0x10000000)",
    ),
    "limits raised": (
        "error refused",
        "import resource\ndef f(x): resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    ),
    # time and memory
    "an endless loop": ("timeout", "def f(x):\n    while True: pass"),
    "an endless loop at import": ("timeout", "while True: pass"),
    "a long sleep": ("timeout", "import time\ndef f(x): time.sleep(100)"),
    "all signals masked, then a loop": (
        "timeout",
        "import signal\ndef f(x):\n    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "    while True: pass",
    ),
    "itself stopped": (
        "timeout",
        "import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGSTOP)",
    ),
    "a C loop that holds the lock": ("timeout", "def f(x): return sum(range(10 ** 12))"),
    "a regular expression without end": (
        "timeout",
        "import re\ndef f(x): return re.match('(a+)+$', 'a' * 40 + 'b')",
    ),
    "an exponential number": ("timeout", "def f(x): return 9 ** 9 ** 9"),
    "2 GiB at once": ("memory", "def f(x): return len(bytearray(2 << 30))"),
    "memory in small pieces": (
        "memory timeout",
        "def f(x):\n    l = []\n    while True: l.append(bytearray(1 << 20))",
    ),
    "a thread bomb": (
        "error timeout memory",
        "import threading, time\ndef f(x):\n"
        "    for _ in range(10_000): threading.Thread(target=time.sleep, args=(50,)).start()",
    ),
    "threads that never end": (
        "failed",
        "import threading\ndef loop():\n    while True: pass\ndef f(x):\n"
        "    threading.Thread(target=loop).start()\n    return 0",
    ),
    "endless recursion": ("error", "def f(x): return f(x)"),
    "recursion into the C stack": (
        "killed error memory",
        "import sys\nsys.setrecursionlimit(10 ** 8)\nclass A:\n    def __repr__(self): return repr(self)\n"
        "def f(x): return repr(A())",
    ),
    "endless output": ("timeout", "def f(x):\n    while True: print('x' * 10_000)"),
    "an endless iterator": ("failed", "import itertools\ndef f(x): return itertools.count()"),
    "a result nested 5,000 deep": (
        "failed",
        "def f(x):\n    r = []\n    for _ in range(5_000): r = [r]\n    return r",
    ),
    "a result that contains itself": (
        "failed",
        "def f(x):\n    r = []\n    r.append(r)\n    return r",
    ),
    "a result of 50 MB": ("error timeout memory", "def f(x): return 'x' * 50_000_000"),
    "an integer of 100,000 digits": ("failed", "def f(x): return 10 ** 100_000"),
    "a message without end": ("error", "def f(x): raise ValueError('x' * 1_000_000)"),
    "an exception that cannot be printed": (
        "error killed",
        "class E(Exception):\n    def __str__(self): raise SystemExit(0)\ndef f(x): raise E",
    ),
    "a program nested 100,000 deep": ("syntax", "x = " + "(" * 100_000),
    "null bytes": ("syntax", "x = 1\0"),
}
