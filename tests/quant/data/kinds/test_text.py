"""Text and token ids: what is fed is what the tokenizers library itself gives."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

import quant
from quant.errors import DataError
from tests.quant.data.kinds.nets import encoder, taking, two_inputs

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "sat", "on", "the", "mat"]
LINES = ["a cat sat", "the mat", "on the mat a cat sat on the cat"]


def put_tokenizer(folder: Path) -> Path:
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def fed(data: quant.Dataset) -> dict[str, np.ndarray]:
    return dict(next(data.batches(len(data))).feeds)


def test_lines_become_what_the_tokenizer_says_padded_to_the_longest(tmp_path: Path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n\n", encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(put_tokenizer(tmp_path)))
    data = quant.open_data(path, encoder())
    tokenizer.enable_padding()
    wanted = tokenizer.encode_batch(LINES)
    feeds = fed(data)
    assert len(data) == 3
    assert data.labels is None
    assert feeds["input_ids"].tolist() == [found.ids for found in wanted]
    assert feeds["attention_mask"].tolist() == [found.attention_mask for found in wanted]
    assert feeds["token_type_ids"].tolist() == [found.type_ids for found in wanted]
    assert feeds["input_ids"].dtype == np.int64
    assert "11 tokens" in data.notes[0]


def test_a_fixed_length_cuts_and_pairs_have_two_types(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    records = [
        {"text": "a cat", "text_pair": "the mat", "label": "yes"},
        {"text": LINES[2], "text_pair": LINES[2], "label": "no"},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(put_tokenizer(tmp_path)))
    data = quant.open_data(path, encoder("8"))
    feeds = fed(data)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    for at, record in enumerate(records):
        found = tokenizer.encode(record["text"], record["text_pair"])
        assert feeds["input_ids"][at].tolist() == found.ids
        assert feeds["token_type_ids"][at].tolist() == found.type_ids
    assert feeds["input_ids"][1][-1] == WORDS.index("[SEP]")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0]
    assert data.classes == ("no", "yes")


def test_token_ids_need_no_tokenizer(tmp_path: Path):
    path = tmp_path / "ids.jsonl"
    rows = [[5, 6, 7], [8]]
    lines = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids)}
        for ids in rows
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    feeds = fed(quant.open_data(path, encoder()))
    assert feeds["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_other_text_is_other_data_and_so_is_another_tokenizer(tmp_path: Path):
    path = tmp_path / "lines.txt"
    path.write_text("a cat", encoding="utf-8")
    first = put_tokenizer(tmp_path)
    before = quant.open_data(path, encoder()).digest
    assert quant.open_data(path, encoder()).digest == before
    first.write_text(first.read_text().replace('"cat": 5', '"dog": 5'), encoding="utf-8")
    assert quant.open_data(path, encoder()).digest != before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("d.txt", b"a cat", "needs the tokenizer.json of its model"),
        ("d.txt", b"\xff\xfe", "line 1 of those with text: it cannot be read"),
        ("d.txt", b"\n\n", "no record"),
        ("d.jsonl", b"{broken", "line 1"),
        ("d.jsonl", b"[1, 2]", "expected a JSON object"),
        ("d.jsonl", b'{"speech": "a"}', "expected a value for each of 'input_ids'"),
        ("d.jsonl", b'{"text": 3}', "expected a text in each record"),
        ("d.jsonl", b'{"text": "a", "label": 1}\n{"text": "b"}', "all or none"),
    ],
)
def test_what_is_no_text_is_one_sentence(tmp_path: Path, name: str, content: bytes, words: str):
    path = tmp_path / name
    path.write_bytes(content)
    if "needs the" not in words:
        put_tokenizer(tmp_path)
    with pytest.raises(DataError, match=words) as raised:
        quant.open_data(path, encoder())
    assert "\n" not in str(raised.value)


def test_a_broken_tokenizer_and_a_model_without_tokens_are_named(tmp_path: Path):
    path = tmp_path / "d.txt"
    path.write_text("a cat", encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"tokenizer\.json: expected a tokenizer"):
        quant.open_data(path, encoder())
    put_tokenizer(tmp_path)
    with pytest.raises(DataError, match="input 'image' takes float"):
        quant.open_data(path, two_inputs())
    with pytest.raises(DataError, match="input 'x' takes float"):
        quant.open_data(path, taking("float", "N", 4))
