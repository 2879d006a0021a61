"""Become another program: drop privileges, end with the parent, exec.

Run as a script by `deploy.local.servers.process`, never imported. A script rather than
`preexec_fn`, which is unsafe in a process that has threads; and it runs before the privileges are
dropped, so that the interpreter may be in a folder that only root can read.

Usage: exec_child.py PARENT_PID PARENT_DEATH_SIGNAL UID GID PROGRAM [ARGUMENT ...]
A UID of -1 keeps the user.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CANNOT_EXECUTE = 126  # the shell's exit status for it


def drop_privileges(uid: int, gid: int) -> None:
    """Become the given user for good, with no supplementary groups."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Ask the kernel for a signal when the parent ends; leave if it already has (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """Replace this process by the program; never returns."""
    parent_pid, signal_number, uid, gid = (int(value) for value in arguments[:4])
    command = arguments[4:]
    if uid >= 0:
        drop_privileges(uid, gid)
    # After the change of user, which clears the request.
    die_with_parent(parent_pid, signal_number)
    try:
        os.execvp(command[0], command)  # noqa: S606 - this script exists to exec that program
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error}\n")
        sys.exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])
