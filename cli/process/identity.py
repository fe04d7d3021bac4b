"""Who a process runs as. PostgreSQL refuses root, so under root it runs as an unprivileged account.

That account cannot enter folders such as ``/root``. Rather than open them to everybody, the process keeps exactly one
capability, passing file permissions (``CAP_DAC_OVERRIDE``), when (and only when) its own program is out of its reach.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = ("postgres", "nobody")
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """An account, and whether it may pass folders closed to it."""

    uid: int
    gid: int
    passes_folders: bool = False


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Set(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def unprivileged(program: Path, folder: Path) -> Identity | None:
    """The account for a program that refuses root and works in ``folder``; None when we are not root."""
    if os.geteuid() != 0:
        return None
    account = next(entry for name in ACCOUNTS if (entry := _entry(name)) is not None)
    plain = Identity(account.pw_uid, account.pw_gid)
    return plain if _can_reach(program, folder, plain) else Identity(plain.uid, plain.gid, passes_folders=True)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _can_reach(program: Path, folder: Path, identity: Identity) -> bool:
    script = 'cd "$1" && "$2" --version'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(folder), str(program)],
        user=identity.uid,
        group=identity.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def become(identity: Identity, libc: ctypes.CDLL | None) -> None:
    """Change this process into the account. Runs between fork and exec."""
    keep = identity.passes_folders and libc is not None and sys.platform == "linux"
    if keep and libc is not None:
        # or access(2), by which PostgreSQL looks for its programs, would ask without the capability
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(identity.gid)
    os.setuid(identity.uid)
    if keep and libc is not None:
        bit = 1 << CAP_DAC_OVERRIDE
        header = _Header(CAPABILITY_VERSION_3, 0)
        sets = (_Set * 2)(_Set(bit, bit, bit), _Set(0, 0, 0))
        libc.capset(ctypes.byref(header), ctypes.byref(sets))
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def run_as(identity: Identity | None, argv: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account (or as ourselves)."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        if identity is not None:
            become(identity, libc)

    return subprocess.run(
        argv,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=prepare,
    )
