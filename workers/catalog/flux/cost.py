"""The estimated device-seconds of a FLUX job: prompt, steps, and the VAE.

A step of a transformer over `t` tokens takes `t + t² / attention_tokens` units of work: everything
but attention grows with the tokens, attention with their square. Tokens are those of the picture,
of the text, and of the input pictures that the transformer reads beside them. FLUX.1 at one
megapixel has 4096 + 512 tokens, and attention is 21 % of a step; with four references of a
megapixel it has 20,992, attention is 55 %, and the step takes eight times as long.
"""

from collections.abc import Callable
from dataclasses import dataclass

from db.values.pricing import PIXELS_PER_MEGAPIXEL
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.flux.sizes import SIDE_STEP


def scaled_down(pixels: int) -> int:
    """The pixels of a reference as FLUX.2 reads it: one megapixel at the most."""
    return min(pixels, PIXELS_PER_MEGAPIXEL)


def scaled_to_a_megapixel(_pixels: int) -> int:
    """The pixels of a picture as FLUX.1 Kontext reads it: about one megapixel, also a small one."""
    return PIXELS_PER_MEGAPIXEL


@dataclass(frozen=True)
class FluxCost:
    """An estimate for one variant, see `workers.catalog.variant.CostEstimate`.

    Attributes:
        step_seconds: one step of one picture of a megapixel, without references.
        launch_seconds: what a step takes beside that, however small and many the pictures are.
        fixed_seconds: what no parameter changes, such as the reading of the prompt.
        attention_tokens: the number of tokens at which attention takes as long as the rest of a
            step.
        text_tokens: tokens of the prompt; it is padded to its greatest length.
        token_side: pixels on each side of the square that one token stands for.
        decode_seconds: the decoding of one megapixel by the VAE.
        encode_seconds: the encoding of one megapixel of an input picture.
        resize_seconds: the scaling of one megapixel of an input picture, by the processor.
        reference_pixels: the pixels of an input picture as the transformer reads it; None where an
            input picture adds no tokens.
    """

    step_seconds: float
    launch_seconds: float
    fixed_seconds: float
    attention_tokens: float
    text_tokens: int
    token_side: int = SIDE_STEP
    decode_seconds: float = 0.05
    encode_seconds: float = 0.03
    resize_seconds: float = 0.006
    reference_pixels: Callable[[int], int] | None = None

    def __call__(self, parameters: FluxParameters, inputs: tuple[int, ...] = (), /) -> float:
        """The estimated device-seconds of the steps that run."""
        sources = inputs or (PIXELS_PER_MEGAPIXEL,) * _pictures(parameters)
        references = sum(map(self.reference_pixels, sources)) if self.reference_pixels else 0
        steps = parameters.run_steps
        painting = self.launch_seconds + parameters.num_images * self._step(
            parameters.pixels + references
        )
        if parameters.is_truly_guided:
            painting *= 2
        decoded = parameters.num_images * parameters.pixels
        # A picture that is no reference is painted over, or a map: it has the size of the output.
        encoded = references or len(sources) * parameters.pixels
        per_megapixel = (
            self.decode_seconds * decoded
            + self.encode_seconds * encoded
            + self.resize_seconds * sum(sources)
        )
        return self.fixed_seconds + steps * painting + per_megapixel / PIXELS_PER_MEGAPIXEL

    def _step(self, pixels: int) -> float:
        """Seconds of a step over a picture and its references, together of so many pixels."""
        return self.step_seconds * self._work(pixels) / self._work(PIXELS_PER_MEGAPIXEL)

    def _work(self, pixels: int) -> float:
        tokens = pixels / self.token_side**2 + self.text_tokens
        return tokens + tokens**2 / self.attention_tokens


def _pictures(parameters: FluxParameters) -> int:
    """The number of input pictures, without a mask."""
    single = (parameters.get("image"), parameters.get("control_image"))
    return len(parameters.get("images") or ()) + sum(map(bool, single))
