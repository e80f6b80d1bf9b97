"""Pages of rendered text: images whose orientation is known because we turned them."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FAMILIES = ("DejaVu", "Liberation", "NotoSans-", "NotoSerif-")
"""Fonts that are used where the machine has them; Pillow's own always is."""

TEXT = (
    "range scale weight layer error model tensor value signal noise sample clip round level batch "
    "channel figure page index report summary invoice total amount date number street market "
    "winter garden letter window paper bridge water morning station library history question "
    "answer village mountain between because through without against another important different "
    "The In A We It On From After Chapter Section Table 12 2024 37% 1,250 (see 4.1) no. 8"
)
WORDS = TEXT.split()


@cache
def font_files() -> tuple[Path, ...]:
    """The installed fonts of the known families, in a fixed order."""
    found = sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    return tuple(f for f in found if f.name.startswith(FAMILIES))


def page(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Render a page of text, upright.

    Args:
        rng: Decides font, size, words, paper, ink, blur and noise.
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        uint8, shape (height, width, 3), channels red, green, blue.
    """
    paper = rng.integers(190, 256, 3)
    ink = tuple(int(v) for v in rng.integers(0, 90, 3))
    sheet = Image.new("RGB", (width, height), tuple(int(v) for v in paper))
    draw = ImageDraw.Draw(sheet)
    size = int(rng.integers(max(11, height // 36), max(16, height // 12)))
    font = _font(rng, size)
    left, top = (int(rng.integers(4, max(6, side // 10))) for side in (width, height))
    pitch = size * float(rng.uniform(1.15, 1.9))
    y = float(top)
    while y + size < height - top / 2:
        full = rng.random() < 0.85
        draw.text((left, y), _line(rng, font, (width - 2 * left) * (1 if full else 0.5)), ink, font)
        y += pitch * (1 if full else 1.6)
    sheet = sheet.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.6))))
    noise = rng.normal(0, rng.uniform(0, 8), (height, width, 1))
    return np.clip(np.asarray(sheet) + noise, 0, 255).astype(np.uint8)


def _font(rng: np.random.Generator, size: int) -> Font:
    files = font_files()
    choice = int(rng.integers(len(files) + 1))
    if choice == len(files):
        return ImageFont.load_default(size)
    return ImageFont.truetype(files[choice], size)


def _line(rng: np.random.Generator, font: Font, width: float) -> str:
    """Words that fill a width."""
    text = str(rng.choice(WORDS))
    while font.getlength(longer := f"{text} {rng.choice(WORDS)}") < width:
        text = longer
    return text
