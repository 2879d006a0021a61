"""Figures that are to be compared are measured in turns."""

from workers.bench.interleaving import medians


def test_contenders_take_turns_and_their_medians_are_told() -> None:
    order: list[str] = []
    figures = {"a": iter([3.0, 1.0, 20.0]), "b": iter([5.0, 6.0, 7.0])}

    def turn(name: str) -> float:
        order.append(name)
        return next(figures[name])

    told = medians(3, {"a": lambda: turn("a"), "b": lambda: turn("b")})
    assert order == ["a", "b"] * 3
    assert told == {"a": 3.0, "b": 6.0}
