"""A job's input pictures, fetched from the store."""

from collections.abc import Callable, Sequence
from typing import overload

from PIL.Image import Image

from db.storage.object_store import StoreError
from db.values import pictures
from db.values.pictures import PictureError
from workers.adapters.protocol import AdapterError
from workers.runtime.failures import failure_of


class UnusableInputError(AdapterError):
    """An input picture is gone, broken or out of reach."""

    def __init__(self, error: PictureError | StoreError) -> None:
        failure = failure_of(error)
        super().__init__(failure.message)
        self.code = failure.code
        self.retryable = failure.retryable


class LazyImages(Sequence[Image]):
    """Pictures that are fetched and decoded whenever one is looked at, and kept by nobody.

    Args:
        get: fetches the bytes of a key.
        keys: of the pictures, in order.
        behind: the colour that is seen where one is transparent.
    """

    def __init__(
        self, get: Callable[[str], bytes], keys: Sequence[str], behind: str = "white"
    ) -> None:
        self._get = get
        self._keys = keys
        self._behind = behind

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, which: int) -> Image: ...
    @overload
    def __getitem__(self, which: slice) -> list[Image]: ...
    def __getitem__(self, which: int | slice) -> Image | list[Image]:
        """Fetch what is asked for, as RGB.

        Raises:
            UnusableInputError: it cannot be had.
        """
        if isinstance(which, slice):
            return [self._fetch(key) for key in self._keys[which]]
        return self._fetch(self._keys[which])

    def _fetch(self, key: str) -> Image:
        try:
            return pictures.decode(self._get(key), behind=self._behind)
        except (PictureError, StoreError) as error:
            raise UnusableInputError(error) from error
