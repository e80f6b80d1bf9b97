"""Training loops, seeded and without model selection: the last weights are the result."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one training.

    Attributes:
        epochs: Passes over the training set.
        batch: Samples per step.
        rate: Peak learning rate of the one-cycle schedule.
        decay: AdamW weight decay of the dense weights.
        seed: Seed of initial weights, order and augmentation.
        images: True for image inputs, which are flipped and shifted.
        drop_tokens: Share of token ids replaced by the unknown id during training.
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    seed: int
    images: bool = True
    drop_tokens: float = 0.0


def parameter_groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Split parameters so that only dense weights decay.

    Biases, norm parameters and depthwise kernels (one input channel per group) do not decay.

    Args:
        net: The network.
        decay: Weight decay of the dense weights.

    Returns:
        Two parameter groups for the optimizer.
    """
    dense: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in net.parameters():
        is_dense = parameter.ndim > 1 and parameter.shape[1] > 1
        (dense if is_dense else free).append(parameter)
    return [{"params": dense, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]


def augment_images(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Flip half of the images and shift the batch by up to two pixels.

    Args:
        batch: float [N, 1, 28, 28].
        generator: Source of randomness.

    Returns:
        The changed batch.
    """
    flip = torch.rand(len(batch), 1, 1, 1, generator=generator) < 0.5
    batch = torch.where(flip, batch.flip(-1), batch)
    down, right = torch.randint(0, 5, (2,), generator=generator).tolist()
    height, width = batch.shape[-2:]
    return F.pad(batch, (2, 2, 2, 2))[..., down : down + height, right : right + width]


def augment_tokens(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace a share of the real tokens by the unknown id 1.

    Args:
        batch: int64 [N, T], 0 is padding.
        share: Probability of replacement.
        generator: Source of randomness.

    Returns:
        The changed batch.
    """
    hit = (torch.rand(batch.shape, generator=generator) < share) & (batch > 0)
    return torch.where(hit, torch.ones_like(batch), batch)


def train(
    net: nn.Module, inputs: NDArray[np.generic], labels: NDArray[np.int64], recipe: Recipe
) -> float:
    """Train a classifier in place and leave it in evaluation mode.

    Args:
        net: The network.
        inputs: Training inputs, first axis = samples.
        labels: Class indices.
        recipe: Hyper-parameters.

    Returns:
        Seconds spent.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    data, target = torch.from_numpy(inputs), torch.from_numpy(labels)
    groups = parameter_groups(net, recipe.decay)
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate)
    steps = len(data) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    if recipe.images:
        net.to(memory_format=torch.channels_last)
    start = time.monotonic()
    for epoch in range(recipe.epochs):
        net.train()
        order = torch.randperm(len(data), generator=generator)
        total = 0.0
        for step in range(steps):
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch = data[rows]
            if recipe.images:
                batch = augment_images(batch, generator)
                batch = batch.contiguous(memory_format=torch.channels_last)
            elif recipe.drop_tokens:
                batch = augment_tokens(batch, recipe.drop_tokens, generator)
            loss = F.cross_entropy(net(batch), target[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        spent = time.monotonic() - start
        print(
            f"epoch {epoch + 1}/{recipe.epochs} loss {total / steps:.4f} {spent:.0f}s", flush=True
        )
    net.eval()
    net.to(memory_format=torch.contiguous_format)
    return time.monotonic() - start
