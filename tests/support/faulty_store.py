"""A store that fails when it is told to."""

from db.storage.local import LocalStore


class FaultyStore(LocalStore):
    """A real store that fails the next puts with these errors."""

    def __init__(self, store: LocalStore, *errors: Exception) -> None:
        super().__init__(store._root)
        self.errors = list(errors)

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Fail as told, then put."""
        if self.errors:
            raise self.errors.pop(0)
        super().put(key, data, media_type)
