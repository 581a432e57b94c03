"""Numbers that several tests take."""


def around(middle: float, spread: float) -> list[float]:
    """Return 24 ratios that lie evenly around one, each as far from it as its counterpart."""
    steps = [(number - 11.5) / 11.5 for number in range(24)]
    return [middle * (1 + spread) ** step for step in steps]
