"""Translation of a foreign request's fields into the native input of a variant.

Clients of other services send their defaults always, also fields that a variant lacks. Such a
field is ignored and told; one that the variant has is checked by the variant's own rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.core.protocol.slips import Slip
from api.jobs.adjustments import ADJUSTED, IGNORED
from db.jobs.types import RequestWarning
from db.values.blank import is_absent
from workers.catalog import Variant

MAX_WARNINGS = 50
"""The most ignored fields that are told: a client may invent any number."""

_MAX_NAME = 100
_VERBS = ("should", "takes", "must", "is", "has", "needs")
"""The first words of messages that name no field."""

Place = tuple[str | int, ...]
"""The path to a field, such as `("width",)` or `("images", 0)`."""


class Translation:
    """The native input that the fields of a foreign request stand for.

    Attributes:
        variant: the model.
        input: the native input so far.
        warnings: what is ignored.
        drawn: native parameters that were drawn here, such as a seed: equal requests differ in
            them.
    """

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.input: dict[str, Any] = {}
        self.warnings: list[RequestWarning] = []
        self.drawn: set[str] = set()
        self._names: dict[Place, str] = {}
        self._numbers: dict[Place, int] = {}
        self._seen: set[str] = set()

    def takes(self, native: str) -> bool:
        """True when the variant has a parameter, and it has an effect."""
        parameters = self.variant.parameters
        if native == "guidance":
            limits = getattr(parameters, "limits", None)
            if limits is not None and getattr(limits, "guidance_range", None) is None:
                return False
        return native in parameters.model_fields

    def put(self, native: str, value: Any, foreign: str) -> None:
        """Give a native parameter a foreign field's value; None or a blank is an absent field.

        A parameter that the variant lacks is ignored, and told.
        """
        self._seen.add(foreign)
        if is_absent(value):
            # The variant may need it: then its absence is told of this field.
            self._names.setdefault((native,), foreign)
            return
        if not self.takes(native):
            self.ignore(foreign)
            return
        self.input[native] = value
        self.rename((native,), foreign)

    def put_pictures(
        self, pictures: Sequence[tuple[str, str]], mask: tuple[str, str] | None = None
    ) -> None:
        """Give the pictures to edit to the parameter that the variant has for them.

        One picture with a mask is to be inpainted; else it is a reference where the variant takes
        references, else the picture to paint over.

        Args:
            pictures: each picture, and the foreign field that names it.
            mask: the mask, and its foreign field.
        """
        if not pictures:
            if mask is not None:
                self.put("mask", *mask)
            return
        if mask is not None and self.takes("mask"):
            self.put("image", *pictures[0])
            self.put("mask", *mask)
            self._put_references(pictures[1:])
            self._number([("image",), *(("images", n) for n in range(len(pictures) - 1))])
            return
        if mask is not None:
            self.ignore(mask[1])
        if self.takes("images"):
            self._put_references(pictures)
            self._number([("images", n) for n in range(len(pictures))])
            return
        self.put("image", *pictures[0])
        for _, foreign in pictures[1:]:
            self.ignore(foreign)

    def _put_references(self, pictures: Sequence[tuple[str, str]]) -> None:
        if not pictures:
            return
        self.put("images", [picture for picture, _ in pictures], pictures[0][1])
        for n, (_, foreign) in enumerate(pictures):
            self._seen.add(foreign)
            self.rename(("images", n), foreign)

    def _number(self, places: Sequence[Place]) -> None:
        """Have errors tell pictures of the same field apart."""
        names = [self.foreign_name(place) for place in places]
        for number, (place, name) in enumerate(zip(places, names, strict=True), start=1):
            if names.count(name) > 1:
                self._numbers[place] = number

    def put_strength(self, value: Any, foreign: str) -> None:
        """Give the share to repaint, after the pictures; ignored where there is none to repaint."""
        self._seen.add(foreign)
        if is_absent(value):
            return
        inputs = getattr(self.variant.parameters, "inputs", None)
        plain, masked = inputs.strengths if inputs is not None else (1, 1)
        has_effect = (masked if "mask" in self.input else plain) is not None
        if self.takes("strength") and not ("image" in self.input and has_effect):
            self.ignore(foreign, "no picture is repainted")
            return
        self.put("strength", value, foreign)

    def put_fit(self, value: Any, foreign: str) -> None:
        """Give the fit, after the pictures; ignored where no picture is brought to a size."""
        inputs = getattr(self.variant.parameters, "inputs", None)
        plain, masked = inputs.fits if inputs is not None else (False, False)
        has_picture = "image" in self.input or "control_image" in self.input
        is_fitted = has_picture and (masked if "mask" in self.input else plain)
        if value is None or is_fitted or not self.takes("fit"):
            self.put("fit", value, foreign)
        else:
            self.ignore(foreign, "no picture is brought to another size")

    def rename(self, native: Place, foreign: str) -> None:
        """Have errors of a native parameter name a foreign field."""
        self._names[native] = foreign

    def accept(self, *foreign: str) -> None:
        """Count foreign fields as used, which have no native parameter of their own."""
        self._seen.update(foreign)

    def has_seen(self, foreign: str) -> bool:
        """True for a foreign field that was put, accepted or ignored."""
        return foreign in self._seen

    def ignore(self, foreign: str, reason: str = "") -> None:
        """Tell that a foreign field has no effect."""
        self._seen.add(foreign)
        why = reason or f"{self.variant.id} has no such parameter"
        self._warn(IGNORED, foreign, f" is ignored: {why}")

    def adjust(self, foreign: str, reason: str) -> None:
        """Tell that a foreign field has an effect, but not with the value that it has."""
        self._warn(ADJUSTED, foreign, f": {reason}")

    def _warn(self, code: str, foreign: str, message: str) -> None:
        # As the database takes it, and as a header and a log show it.
        name = "".join(each if each.isprintable() else "?" for each in foreign[:_MAX_NAME])
        known = {(warning.code, warning.parameter) for warning in self.warnings}
        if (code, name) in known or len(self.warnings) >= MAX_WARNINGS:
            return
        self.warnings.append(RequestWarning(code, name, name + message))

    def tell(self, slips: Iterable[Slip]) -> None:
        """Tell slips in the request that were passed over when it was read."""
        for slip in slips:
            self._warn(IGNORED, slip.name, f" is ignored: {slip.reason}")

    def ignore_rest(self, fields: Mapping[str, Any]) -> None:
        """Tell that all fields with a value that were not used so far have no effect."""
        for name in unused(fields, self._seen):
            self.ignore(name)

    @property
    def names(self) -> Mapping[str, str]:
        """The foreign fields by the native parameters that they stand for."""
        of_first = {place[0]: name for place, name in self._names.items() if place[1:] == (0,)}
        whole = {place[0]: name for place, name in self._names.items() if len(place) == 1}
        return {str(native): name for native, name in {**whole, **of_first}.items()}

    def foreign_name(self, native: Place) -> str:
        """The foreign field that stands for a native parameter; its own name where none does."""
        for length in range(len(native), 0, -1):
            if (name := self._names.get(native[:length])) is not None:
                return name
        return ".".join(map(str, native))

    def message(self, native: Place, message: str) -> str:
        """An error's message, with its subject where the foreign field stands for several.

        Args:
            native: the native parameter.
            message: the message, in native words.
        """
        if (number := self._numbers.get(native)) is not None:
            return f"picture {number}: {message}"
        foreign = self._names.get(native)
        equal = [
            place
            for place, name in self._names.items()
            if name == foreign and len(place) == len(native) == 1
        ]
        if len(equal) > 1 and message.partition(" ")[0] in _VERBS:
            return f"{native[0]} {message}"
        return message


def unused(fields: Mapping[str, Any], seen: Iterable[str]) -> list[str]:
    """The fields with a value that are not among those seen, in order."""
    known = set(seen)
    return [name for name, value in fields.items() if name not in known and not is_absent(value)]
