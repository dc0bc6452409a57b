"""The data sets' files: where each is published and what it hashes to.

Addresses are pinned to a commit, so the bytes behind them cannot change unnoticed. A file lies under the data folder
as ``<data set>/<file>``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One published file; ``sha256`` in lower-case hexadecimal."""

    url: str
    sha256: str


_RT_POLARITY = (
    "https://raw.githubusercontent.com/dennybritz/cnn-text-classification-tf/"
    "18762b459e21d9c70e5c242f8d43fc4e6db37a0d/data/rt-polaritydata/"
)

FILES: dict[str, dict[str, Source]] = {
    # Pang and Lee 2005, sentence polarity data set v1.0, re-encoded as UTF-8; one snippet a line, half positive.
    "rt-polarity": {
        "rt-polarity.pos": Source(
            _RT_POLARITY + "rt-polarity.pos",
            "4134882974a28d0c7b5151256f0e33a6169984ee7372c279e673f1114f475d58",
        ),
        "rt-polarity.neg": Source(
            _RT_POLARITY + "rt-polarity.neg",
            "2d11cfbc790f1cd96d78339f41ce53ced1efa83cd22d37d6788fa3fe3d17e2fd",
        ),
    },
}
