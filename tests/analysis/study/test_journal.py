import math

import pytest

from analysis.errors.output_scores import OutputScores
from analysis.errors.tensor_error import ErrorStats
from analysis.study.journal import Journal
from analysis.study.keys import StudyKey
from analysis.study.sweeping import EFFECTS
from analysis.sweep.unit_effects import UnitEffect
from quant.errors import DataError, ExportError
from quant.io.lines import append_line

ABOUT = {"model": "abc", "recipe": "def"}


def effect(name, sqnr_db=12.5):
    stats = ErrorStats(sqnr_db, 0.9, 1 / 3, 2, 40)
    return UnitEffect(name, (name, f"{name}/relu"), OutputScores(4, {"y": stats}, 0.1, None, -1e-9))


def key(kind, unit, about=None):
    return StudyKey(kind, (*(about or ABOUT).items(), ("unit", unit)))


def add(journal, kind, item):
    journal.put(EFFECTS[kind], key(kind, item.unit), item)


def known(journal, kind):
    found = {name: journal.get(EFFECTS[kind], key(kind, name)) for name in "abc"}
    return {name: effect for name, effect in found.items() if effect is not None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.jsonl"


def test_what_was_added_is_there_when_it_is_opened_again(path):
    journal = Journal(path, ABOUT)
    added = [effect("a"), effect("b", math.inf), effect("c", -math.inf)]
    for item in added:
        add(journal, "sensitivity", item)
    add(journal, "benefit", effect("a", 3))
    assert journal.written == 4
    again = Journal(path, ABOUT)
    assert again.written == 4
    assert known(again, "sensitivity") == {item.unit: item for item in added}
    assert known(again, "benefit") == {"a": effect("a", 3)}


def test_a_line_cut_short_anywhere_is_dropped_and_the_rest_kept(path):
    journal = Journal(path, ABOUT)
    add(journal, "sensitivity", effect("a"))
    whole = len(path.read_bytes())
    add(journal, "sensitivity", effect("b"))
    content = path.read_bytes()
    for size in range(whole, len(content)):
        path.write_bytes(content[:size])
        again = Journal(path, ABOUT)
        assert set(known(again, "sensitivity")) == {"a"}
        add(again, "sensitivity", effect("c"))
        assert set(known(Journal(path, ABOUT), "sensitivity")) == {"a", "c"}


def test_a_file_cut_short_in_its_first_line_starts_anew(path):
    Journal(path, ABOUT)
    path.write_bytes(path.read_bytes()[:10])
    assert not known(Journal(path, ABOUT), "benefit")


def test_the_state_of_something_else_is_refused_and_left_alone(path):
    add(Journal(path, ABOUT), "benefit", effect("a"))
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"another recipe\); choose another folder, or delete"):
        Journal(path, {**ABOUT, "recipe": "other"})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"hello\n", b"[]\n", b"{}\n"])
def test_a_file_that_is_no_journal_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected the state of an analysis"):
        Journal(path, ABOUT)
    assert path.read_bytes() == content


def test_a_line_that_holds_no_effect_is_named(path):
    Journal(path, ABOUT)
    append_line(path, {"kind": "sensitivity"})
    with pytest.raises(DataError, match="the effect of a unit in line 2, found something else"):
        Journal(path, ABOUT)


def test_any_changed_letter_of_a_line_is_found_and_the_line_named(path):
    journal = Journal(path, ABOUT)
    add(journal, "sensitivity", effect("a"))
    add(journal, "sensitivity", effect("b"))
    first, second, third = path.read_text().splitlines()
    for at in range(0, len(second), 7):
        changed = second[:at] + chr(ord(second[at]) ^ 1) + second[at + 1 :]
        path.write_text("\n".join([first, changed, third, ""]))
        with pytest.raises(DataError, match="line 2 is not as it was written; delete that line"):
            Journal(path, ABOUT)
    path.write_text("\n".join([first, third, ""]))
    assert set(known(Journal(path, ABOUT), "sensitivity")) == {"b"}


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ExportError, match="its folder does not exist"):
        Journal(tmp_path / "none" / "state.jsonl", ABOUT)


def test_what_is_of_other_samples_or_no_effect_stays_in_memory(path):
    journal = Journal(path, ABOUT)
    other = key("benefit", "a", {**ABOUT, "recipe": "other"})
    journal.put(EFFECTS["benefit"], other, effect("a"))
    assert journal.get(EFFECTS["benefit"], other) == effect("a")
    assert not known(journal, "benefit")
    assert Journal(path, ABOUT).get(EFFECTS["benefit"], other) is None
