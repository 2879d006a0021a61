"""Measurements of several candidates are interleaved."""

from workers.bench.interleaving import interleaved_medians


def test_candidates_are_measured_in_turn_and_have_their_medians() -> None:
    order: list[str] = []
    figures = {"a": iter([3.0, 1.0, 20.0]), "b": iter([5.0, 6.0, 7.0])}

    def measure(name: str) -> float:
        order.append(name)
        return next(figures[name])

    medians = interleaved_medians(3, {"a": lambda: measure("a"), "b": lambda: measure("b")})
    assert order == ["a", "b"] * 3
    assert medians == {"a": 3.0, "b": 6.0}
