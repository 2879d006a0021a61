"""The modes of the files that our processes make."""

import os


def keep_files_private() -> None:
    """Let every file and folder that this process and its children make be for its user alone.

    Pictures, prompts, logs and passwords are on disk: other accounts of the machine read none.
    """
    os.umask(0o077)
