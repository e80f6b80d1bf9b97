"""Recordings: what is fed is what Python's own wave module reads."""

import wave
from pathlib import Path

import numpy as np
import pytest

import quant
from quant.errors import DataError
from tests.quant.data.kinds.nets import taking, two_inputs

RATE = 8000


def put(path: Path, levels: np.ndarray, rate: int = RATE) -> Path:
    """A recording of 16 bits; a column a channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if levels.ndim == 1 else levels.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.astype("<i2").tobytes())
    return path


def tone(count: int, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return np.rint(12000 * np.sin(2 * np.pi * hertz * np.arange(count) / rate)).astype(np.int16)


def fed(data: quant.Dataset, name: str = "x") -> np.ndarray:
    return np.asarray(next(data.batches(len(data))).feeds[name])


def test_classes_are_folders_and_levels_are_those_of_the_file(tmp_path: Path):
    levels = {"no/a.wav": tone(300), "yes/b.wav": tone(200, 300)}
    for name, found in levels.items():
        put(tmp_path / name, found)
    data = quant.open_data(tmp_path, taking("float", "N", "L"))
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1]
    assert data.classes == ("no", "yes")
    feeds = fed(data)
    assert feeds.shape == (2, 300)
    assert np.array_equal(feeds[0], (levels["no/a.wav"] / 32768).astype(np.float32))
    assert np.array_equal(feeds[1, :200], (levels["yes/b.wav"] / 32768).astype(np.float32))
    assert not feeds[1, 200:].any()
    assert "300 levels at 8,000 Hz" in data.notes[-1]


def test_the_model_says_how_many_levels_and_integers_come_back_whole(tmp_path: Path):
    put(tmp_path / "a.wav", tone(300))
    feeds = fed(quant.open_data(tmp_path, taking("int16", "N", 1, 128)))
    assert feeds.shape == (1, 1, 128)
    assert np.array_equal(feeds[0, 0], tone(128))


@pytest.mark.parametrize("length", [128, "L"])
def test_channels_may_come_last(tmp_path: Path, length: int | str):
    put(tmp_path / "a.wav", tone(128))
    feeds = fed(quant.open_data(tmp_path, taking("float", "N", length, 1)))
    assert feeds.shape == (1, 128, 1)
    first = fed(quant.open_data(tmp_path, taking("float", "N", length)))
    assert np.array_equal(feeds[..., 0], first)


def test_channels_are_averaged_and_seconds_asked_for(tmp_path: Path):
    put(tmp_path / "a.wav", np.stack([tone(400), np.zeros(400)], axis=1))
    data = quant.open_data(tmp_path, taking("float", "N", "L"), audio_seconds=0.01)
    assert np.allclose(fed(data)[0], tone(80) / 65536, atol=1e-6)


def test_another_rate_keeps_the_tone(tmp_path: Path):
    put(tmp_path / "a.wav", tone(1600))
    data = quant.open_data(tmp_path, taking("float", "N", "L"), audio_rate=16000)
    feeds = fed(data)[0]
    assert feeds.shape == (3200,)
    spectrum = np.abs(np.fft.rfft(feeds))
    assert abs(spectrum.argmax() * 16000 / 3200 - 440) <= 5
    assert "resampled" in data.notes[-1]


def test_what_cannot_be_read_or_fed_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(b"RIFF nonsense")
    with pytest.raises(DataError, match="a recording cannot be read"):
        quant.open_data(tmp_path, taking("float", "N", "L"))
    put(tmp_path / "a.wav", tone(300))
    with pytest.raises(DataError, match="recordings feed one input"):
        quant.open_data(tmp_path, two_inputs())
    with pytest.raises(DataError, match="expected one axis of levels"):
        quant.open_data(tmp_path, taking("float", "N", 2, "L"))
    with pytest.raises(DataError, match="takes bool"):
        quant.open_data(tmp_path, taking("bool", "N", "L"))
