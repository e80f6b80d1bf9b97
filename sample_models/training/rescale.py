"""Fold batch normalization and move channel scales between layers without changing the function."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .nets import FashionMobileNet, InvertedResidual


def fold_norms(net: nn.Module) -> None:
    """Replace every convolution and batch normalization pair by one convolution with a bias.

    Args:
        net: A network in evaluation mode, changed in place.
    """
    for module in list(net.modules()):
        conv, norm = getattr(module, "conv", None), getattr(module, "norm", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(conv, norm)
            module.norm = nn.Identity()


def depthwise_blocks(net: FashionMobileNet) -> Iterator[InvertedResidual]:
    """The inverted residual blocks in order."""
    for block in net.blocks:
        if isinstance(block, InvertedResidual):
            yield block


@torch.no_grad()
def mean_activations(net: FashionMobileNet, images: Tensor) -> list[Tensor]:
    """Mean of each channel between expansion and depthwise convolution, block by block.

    Args:
        net: The network.
        images: Batch to run.

    Returns:
        One float32 [channels] per block.
    """
    means: list[Tensor] = []
    hooks = [
        block.act1.register_forward_hook(lambda _m, _i, out: means.append(out.mean((0, 2, 3))))
        for block in depthwise_blocks(net)
    ]
    net(images)
    for hook in hooks:
        hook.remove()
    return means


def outlier_scales(kernels: Tensor, quiet: Tensor, factors: Tensor) -> Tensor:
    """Channel scales after which a few kernels are far larger than all others.

    Args:
        kernels: Depthwise weights [channels, 1, 3, 3].
        quiet: Channels to change.
        factors: For each of them, its largest weight afterwards as a multiple of the largest
            weight of the whole layer before.

    Returns:
        float32 [channels], 1 for all other channels.
    """
    peaks = kernels.detach().abs().amax((1, 2, 3))
    scales = torch.ones_like(peaks)
    scales[quiet] = peaks[quiet] / (peaks.max() * factors)
    return scales


@torch.no_grad()
def shift_scales(block: InvertedResidual, scales: Tensor) -> None:
    """Multiply the expansion's output channels and divide the depthwise kernels.

    A rectifier lies between the two, so positive factors cancel.

    Args:
        block: A block with folded norms and rectifiers, changed in place.
        scales: Positive factor of each channel.
    """
    expand, depthwise = block.expand.conv, block.depthwise.conv
    expand.weight.mul_(scales.reshape(-1, 1, 1, 1))
    expand.bias.mul_(scales)
    depthwise.weight.div_(scales.reshape(-1, 1, 1, 1))


def unbalance(
    net: FashionMobileNet, count: int, spread: tuple[float, float], seed: int, images: Tensor
) -> None:
    """Give each depthwise layer a few channels with large weights; the outputs stay the same.

    The channels with the lowest mean activation are taken. They carry little information, so
    the coarser steps of their activations do no harm, whereas their large weights stretch the
    weight range of the whole layer.

    Args:
        net: A network in evaluation mode with rectifiers, changed in place.
        count: Such channels per depthwise layer.
        spread: Bounds of the log-uniform factor by which their weights exceed all others.
        seed: Seed of the factors.
        images: Batch for the mean activations and to compare the outputs.

    Raises:
        RuntimeError: If an output moves by more than 1e-4.
    """
    with torch.no_grad():
        before = net(images)
    fold_norms(net)
    generator = np.random.default_rng(seed)
    for block, means in zip(depthwise_blocks(net), mean_activations(net, images), strict=True):
        draws = np.exp(generator.uniform(np.log(spread[0]), np.log(spread[1]), size=count))
        factors = torch.from_numpy(draws.astype(np.float32))
        quiet = means.argsort()[:count]
        shift_scales(block, outlier_scales(block.depthwise.conv.weight, quiet, factors))
    with torch.no_grad():
        moved = (net(images) - before).abs().max().item()
    if moved > 1e-4:
        raise RuntimeError(f"rescaling changed the outputs by {moved}")
