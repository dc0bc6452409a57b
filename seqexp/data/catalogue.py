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
    # Tatoeba's English-French sentence pairs as packaged for Anki, 2017-09-29: fra.txt, English<TAB>French.
    "tatoeba-fra-eng": {
        "fra-eng.zip": Source(
            "https://raw.githubusercontent.com/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c/fra-eng.zip",
            "16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04",
        ),
    },
}
