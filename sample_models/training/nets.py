"""The networks of the sample models."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MASKED_SCORE = -1.0e4


def conv_norm(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias followed by batch normalization."""
    layers = nn.Sequential()
    padding = kernel // 2
    conv = nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False)
    layers.add_module("conv", conv)
    layers.add_module("norm", nn.BatchNorm2d(cout))
    return layers


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        self.first = conv_norm(cin, cout, 3, stride)
        self.second = conv_norm(cout, cout, 3)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        same = cin == cout and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(cin, cout, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return self.relu2(self.second(self.relu1(self.first(x))) + self.shortcut(x))


class FashionResNet(nn.Module):
    """A small ResNet for 28x28 grey images."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = conv_norm(1, width, 3)
        self.relu = nn.ReLU()
        plan = [(32, 2), (32, 1), (64, 2), (64, 1), (96, 1)]
        blocks = nn.Sequential()
        cin = width
        for index, (cout, stride) in enumerate(plan):
            blocks.add_module(f"b{index}", ResidualBlock(cin, cout, stride))
            cin = cout
        self.blocks = blocks
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(cin, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Class logits of a batch of images."""
        x = self.blocks(self.relu(self.stem(image)))
        return self.classifier(self.pool(x).flatten(1))


class InvertedResidual(nn.Module):
    """Pointwise expansion, depthwise 3x3 convolution, linear pointwise projection."""

    def __init__(self, cin: int, cout: int, stride: int, ratio: int) -> None:
        super().__init__()
        mid = cin * ratio
        self.expand = conv_norm(cin, mid, 1)
        self.act1 = nn.ReLU()
        self.depthwise = conv_norm(mid, mid, 3, stride, groups=mid)
        self.act2 = nn.ReLU()
        self.project = conv_norm(mid, cout, 1)
        self.residual = cin == cout and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y = self.project(self.act2(self.depthwise(self.act1(self.expand(x)))))
        return x + y if self.residual else y


class FashionMobileNet(nn.Module):
    """A depthwise separable network for 28x28 grey images."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = conv_norm(1, 16, 3)
        self.act = nn.ReLU()
        # (output channels, stride, expansion)
        plan = [(32, 2, 1), (64, 2, 3), (64, 1, 4), (128, 1, 4), (128, 1, 3)]
        blocks = nn.Sequential()
        cin = 16
        for index, (cout, stride, ratio) in enumerate(plan):
            blocks.add_module(f"b{index}", InvertedResidual(cin, cout, stride, ratio))
            cin = cout
        self.blocks = blocks
        self.head = conv_norm(cin, 320, 1)
        self.head_act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(320, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Class logits of a batch of images."""
        x = self.head_act(self.head(self.blocks(self.act(self.stem(image)))))
        return self.classifier(self.pool(x).flatten(1))


class Attention(nn.Module):
    """Multi-head self-attention written with explicit matrix products."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.width = width
        self.length = length
        self.heads = heads
        self.size = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.softmax = nn.Softmax(dim=-1)

    def split(self, x: Tensor) -> Tensor:
        """[N, T, width] to [N, heads, T, size]."""
        return x.reshape(-1, self.length, self.heads, self.size).permute(0, 2, 1, 3)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Attend; bias is added to the scores and carries the padding mask."""
        query, key, value = (self.split(f(x)) for f in (self.query, self.key, self.value))
        scores = torch.matmul(query, key.transpose(-1, -2)) * (1.0 / math.sqrt(self.size))
        mixed = torch.matmul(self.softmax(scores + bias), value)
        return self.output(mixed.permute(0, 2, 1, 3).reshape(-1, self.length, self.width))


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, length)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.gelu = nn.GELU()
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Apply the layer."""
        x = x + self.dropout(self.attention(self.norm1(x), bias))
        return x + self.dropout(self.down(self.gelu(self.up(self.norm2(x)))))


class SpamTransformer(nn.Module):
    """A two-layer transformer encoder over token ids; id 0 is padding."""

    def __init__(
        self, vocabulary: int, length: int, width: int = 64, layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.zeros(1, length, width))
        nn.init.normal_(self.embedding.weight, std=0.1)
        nn.init.normal_(self.position, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, 4, length, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (ham, spam) of a batch of token rows."""
        keep = (tokens > 0).to(torch.float32)
        bias = ((1.0 - keep) * MASKED_SCORE).unsqueeze(1).unsqueeze(1)
        x = self.dropout(self.embedding(tokens) + self.position)
        for layer in self.layers:
            x = layer(x, bias)
        x = self.norm(x) * keep.unsqueeze(-1)
        count = keep.sum(dim=1, keepdim=True) + 1.0e-3
        return self.classifier(x.sum(dim=1) / count)
