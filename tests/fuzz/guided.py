"""``python -m tests.fuzz.guided KIND``: damage led by what code it reaches, where atheris installs.

Files that reach something new are mutated further. A find is written to ``crash-*`` in the folder
where it runs; from there it belongs into ``tests/fuzz/corpus``.
"""

import argparse
import random
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["quant", "analysis"]):
    import quant
    from tests.fuzz.kinds import KINDS
    from tests.fuzz.mutate import mutated


def main() -> None:
    """Read damaged files of one kind until a number of runs or seconds is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    kind = KINDS[options.kind]
    sound = kind.seeds()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, content in enumerate(sound):
            (corpus / str(number)).write_bytes(content)
        path = Path(folder) / kind.name

        def read(content: bytes) -> None:
            path.write_bytes(content)
            try:
                kind.read(path)
            except quant.QuantError:
                return

        def damage(content: bytes, longest: int, seed: int) -> bytes:
            return mutated(kind.form, content, sound, random.Random(seed))[:longest]

        words = [sys.argv[0], str(corpus), f"-max_total_time={options.seconds}", "-timeout=10"]
        words += ["-rss_limit_mb=2048", f"-max_len={1 << 20}", "-print_final_stats=1"]
        atheris.Setup(words, read, custom_mutator=damage)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
