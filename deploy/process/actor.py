"""The user who runs a command, as the audit log names them."""

import getpass

from db.operators.audit import Actor


def command_actor() -> Actor:
    """The user who runs this process: `cli:USER`."""
    user = getpass.getuser()
    return Actor(f"cli:{user}", user)
