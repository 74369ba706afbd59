"""Puts walls around a program and runs it: the code of a workflow's code nodes.

A script of its own: `python -I -S confine.py RULES PROGRAM ARGUMENT…`, with the standard library
only. RULES is JSON: {"readable": [paths], "writable": path, "memory_bytes", "file_bytes",
"open_files", "cpu_seconds"}. What stands between the program and the machine:

limits       setrlimit: memory, size of a file, open files, processor seconds
namespaces   user, network, process and IPC namespaces: no network device, not even the loop;
             whatever is started ends with it
files        Landlock: reads `readable`, writes `writable`, and nothing else
calls        seccomp: no socket, no other process, no tracing, no kernel keys, no namespaces

Namespaces are refused in many containers, and Landlock needs Linux 5.13: these two are put up
where they can be. The program starts only if the network is shut by `namespaces` or `calls`;
otherwise this ends with code 97 and says why on standard error. With `--walls` as PROGRAM it
prints which of them hold here, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import stat
import struct
import sys

NO_WALLS = 97
"""Exit code: the program was not started."""

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READING = 0b1101  # execute, read file, read folder
_OF_A_FILE = 0b1100000000000111  # what a rule on a file may allow
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # Landlock's version to how many rights it knows
_ALL_FS_RIGHTS = 16
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full")

_CLONE3, _CLONE_THREAD = 435, 0x10000
# The kind of machine, clone, and what is refused (asm/unistd.h): socket, ptrace, mount, keyctl,
# add_key, request_key, unshare, setns, bpf, perf_event_open, userfaultfd, io_uring_setup,
# process_vm_readv; on x86_64 also fork and vfork, which aarch64 does not have.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        56,
        (41, 101, 165, 250, 248, 249, 272, 308, 321, 298, 323, 425, 310, 57, 58),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (198, 117, 40, 219, 217, 218, 97, 268, 280, 241, 282, 425, 270),
    ),
}

_libc = ctypes.CDLL(None, use_errno=True)


def _call(*arguments: object) -> int:
    result = int(_libc.syscall(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _prctl(*arguments: object) -> None:
    padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    padded += [ctypes.c_ulong(0)] * (5 - len(padded))
    if _libc.prctl(*padded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def limits(rules: dict[str, object]) -> None:
    """Limit what one process may use."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: rules["memory_bytes"],
        resource.RLIMIT_FSIZE: rules["file_bytes"],
        resource.RLIMIT_NOFILE: rules["open_files"],
        resource.RLIMIT_CPU: rules["cpu_seconds"],
    }
    for kind, value in wanted.items():
        amount, (_, hard) = int(str(value)), resource.getrlimit(kind)
        most = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (most, most))


def namespaces() -> bool:
    """Leave the machine's network, processes and users; whether that was allowed."""
    flags = os.CLONE_NEWUSER | os.CLONE_NEWNET | os.CLONE_NEWPID | os.CLONE_NEWIPC
    try:
        os.unshare(flags)
    except OSError:
        return False
    return True


def files(readable: list[str], writable: str) -> bool:
    """Shut all files but these; whether the kernel can do that."""
    try:
        version = _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    except OSError:
        return False
    rights = (1 << _FS_RIGHTS.get(version, _ALL_FS_RIGHTS)) - 1
    # Newer kernels also shut TCP, abstract sockets and signals to outside.
    fields = [rights, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0]
    size = 8 * (1 if version < 4 else 2 if version < 6 else 3)
    packed = struct.pack("=3Q", *fields)[:size]
    ruleset = _call(_CREATE_RULESET, packed, ctypes.c_size_t(size), ctypes.c_uint(0))
    allowed = [(path, _READING) for path in readable]
    allowed += [(path, rights) for path in (writable, *_DEVICES)]
    for path, wanted in allowed:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # not on this machine
        most = rights if stat.S_ISDIR(os.fstat(place).st_mode) else rights & _OF_A_FILE
        rule = struct.pack("=Qi", wanted & most, place)
        _call(_ADD_RULE, ruleset, ctypes.c_int(1), rule, ctypes.c_uint(0))
        os.close(place)
    _call(_RESTRICT_SELF, ruleset, ctypes.c_uint(0))
    os.close(ruleset)
    return True


def calls() -> bool:
    """Refuse system calls that lead out; whether the kernel and this machine's kind allow it."""
    known = _MACHINES.get(platform.machine())
    if known is None:
        return False
    machine, clone, numbers = known
    load, equal, above, has, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, missing, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
    rows = [(load, 0, 0, 4), (equal, 1, 0, machine), (give, 0, 0, kill), (load, 0, 0, 0)]
    # The second table of numbers of x86_64 (x32) begins there.
    rows += [(above, 0, 1, 0x40000000), (give, 0, 0, refuse)]
    for number in numbers:
        rows += [(equal, 0, 1, number), (give, 0, 0, refuse)]
    # clone3 hides its flags in memory; told that it does not exist, the C library takes clone.
    rows += [(equal, 0, 1, _CLONE3), (give, 0, 0, missing)]
    rows += [(equal, 0, 3, clone), (load, 0, 0, 16), (has, 1, 0, _CLONE_THREAD)]
    rows += [(give, 0, 0, refuse), (give, 0, 0, allow)]
    program = b"".join(struct.pack("=HBBI", *row) for row in rows)
    kept = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(kept))
    try:
        _prctl(_PR_SET_SECCOMP, 2, ctypes.c_char_p(header))
    except OSError:
        return False
    return True


def _start(rules: dict[str, object], program: list[str]) -> int:
    """Run the program as the first process of its namespace; its exit code."""
    own_network = namespaces()
    child = os.fork()
    if child == 0:
        os._exit(_become(rules, program, own_network))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _become(rules: dict[str, object], program: list[str], own_network: bool) -> int:
    try:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        readable = [str(path) for path in rules["readable"]]  # type: ignore[attr-defined]
        held = {
            "limits": True,
            "namespaces": own_network,
            "files": files(readable, str(rules["writable"])),
            "calls": calls(),
        }
        if program == ["--walls"]:
            os.write(1, json.dumps(held).encode())
            return 0
        if not (own_network or held["calls"]):
            raise OSError("there is no way to keep a program off the network")
        os.execv(program[0], program)  # noqa: S606 - this is what it is for
    except OSError as error:
        os.write(2, f"{error}\n".encode())
    return NO_WALLS


def main() -> int:
    """Read the rules, put up the walls, run the program."""
    try:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        rules = json.loads(sys.argv[1])
        limits(rules)
        return _start(rules, sys.argv[2:])
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_WALLS


if __name__ == "__main__":
    sys.exit(main())
