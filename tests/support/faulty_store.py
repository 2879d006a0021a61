"""A store whose next writes fail."""

from db.storage.local import LocalStore


class FaultyStore(LocalStore):
    """A real store that raises these errors at the next puts, one each."""

    def __init__(self, store: LocalStore, *errors: Exception) -> None:
        super().__init__(store._root)
        self.errors = list(errors)

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Raise the next error; put once there is none."""
        if self.errors:
            raise self.errors.pop(0)
        super().put(key, data, media_type)
