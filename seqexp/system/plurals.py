"""Numbers of things in a sentence."""


def counted(number: int, noun: str) -> str:
    """ "1 seed", "12,000 seeds"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
