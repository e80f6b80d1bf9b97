"""Faults of the calibration data and of the machine."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.analysis.findings.cases import (
    HEALTHY,
    RESNET,
    Case,
    Planted,
    measured_outside,
    plain,
    planted,
    resnet,
)
from tests.analysis.findings.nets import Net, data


@planted
def outlier_image() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"].copy()}
    arrays["image"][40] *= 50
    return Planted(
        "one calibration image × 50",
        "outlier_sample",
        "image",
        HEALTHY(),
        resnet(calibration_data=arrays),
    )


@planted
def two_images() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"][:2]}
    return Planted(
        "calibration on 2 images",
        "few_samples",
        "",
        HEALTHY(),
        resnet(calibration_data=arrays),
        words="calibrate on more samples, until ranges no longer grow",
    )


@planted
def dark_images() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"] * np.float32(0.25)}
    return Planted(
        "calibration images at a quarter of the brightness",
        "outside_range",
        "image",
        resnet(more=measured_outside),
        resnet(calibration_data=arrays, more=measured_outside),
    )


def flags(*names: str) -> Callable[[Case], Mapping[str, Any]]:
    """A processor with AVX2, and these."""
    return lambda case: {"cpu_flags": frozenset({"sse2", "avx", "avx2", "fma", *names})}


@planted
def no_vnni() -> Planted:
    def build() -> Net:
        found = plain()
        name = "stem.conv.weight"
        found[name] = np.sign(found[name]) * np.abs(found[name]).mean()
        return found

    return Planted(
        "weights of one size, on a processor without VNNI",
        "saturation",
        "/stem/conv/Conv",
        resnet(build=build, more=flags("avx_vnni")),
        resnet(build=build, more=flags()),
        words="compare on a processor with VNNI, or give the weights 7 bits",
    )
