"""Hostile files end in success or in a sentence, within 10 s and 2 GB, and write nowhere else."""

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import MB, SECONDS, Outcome, Reader, outcomes
from tests.fuzz.kinds import KINDS, slug
from tests.fuzz.mutate import mutated

CORPUS = Path(__file__).with_name("corpus")


def bad(found: list[Outcome]) -> list[str]:
    return [
        f"{item.kind}, seed {item.seed}: {item.end} ({item.seconds:.1f} s, {item.mb:,.0f} MB)"
        for item in found
        if item.end.startswith("BAD") or item.seconds > SECONDS or item.mb > MB
    ]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory):
    found = Reader(tmp_path_factory.mktemp("fuzz"))
    yield found
    found.stop()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "model of one operator"])
def test_sound_files_of_each_kind_are_read(reader: Reader, kind: str):
    ends = [reader.read(kind, 0, content).end for content in KINDS[kind].seeds()]
    assert set(ends) == {"success"}


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_what_once_ended_badly_does_not_any_more(reader: Reader, path: Path):
    kind = next(kind for kind in KINDS if path.name.startswith(f"{slug(kind)}-"))
    assert bad([reader.read(kind, 0, path.read_bytes())]) == []


def test_nor_do_some_hundreds_of_new_ones():
    assert bad(list(outcomes(600, seed=0))) == []


@pytest.mark.slow
def test_nor_do_five_thousand():
    assert bad(list(outcomes(5000, seed=1))) == []


def test_the_same_seed_makes_the_same_file():
    for kind in KINDS.values():
        sound = kind.seeds()[:3]
        once, again = (mutated(kind.form, sound[0], sound, random.Random(7)) for _ in range(2))
        assert once == again


@pytest.mark.parametrize(
    ("read", "end"),
    [
        ("raise KeyError('x')", "BAD KeyError: 'x'"),
        ("import time; time.sleep(30)", "BAD not done after 10 s"),
        ("b = bytearray(3 << 30)", "BAD 3,"),
        ("import os; os._exit(3)", "BAD died"),
        ("open('/tmp/elsewhere', 'w')", "BAD wrote '/tmp/elsewhere'"),
        ("import socket; socket.getaddrinfo('localhost', 1)", "BAD socket.getaddrinfo"),
    ],
)
def test_what_the_reader_must_notice_is_noticed(reader: Reader, read: str, end: str):
    assert reader.read("planted", 0, read.encode()).end.startswith(end)
