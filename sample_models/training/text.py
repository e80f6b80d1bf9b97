"""Turn e-mails into rows of token ids."""

from __future__ import annotations

import email
import email.policy
import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from email.message import Message

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN = 0, 1
SPECIAL = ("<pad>", "<unknown>", "<number>", "<link>", "<address>")
_HIDDEN = re.compile(r"(?is)<(style|script)\b.*?</\1\s*>|<!--.*?-->")
_TAG = re.compile(r"(?s)<[a-zA-Z/!][^>]{0,500}>")
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_ADDRESS = re.compile(r"\S+@\S+\.\S+")
_WORD = re.compile(r"<number>|<link>|<address>|[a-z]+(?:'[a-z]+)?|[!$%?]")
_NUMBER = re.compile(r"\d[\d.,:]*")


def readable(raw: str) -> str:
    """Subject and text parts of a message; all other headers are dropped.

    Args:
        raw: The message with its headers.

    Returns:
        Subject, a line break, and the text with markup removed.
    """
    message = email.message_from_string(raw, policy=email.policy.compat32)
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    plain = [part for part in parts if part.get_content_subtype() == "plain"]
    body = "\n".join(_payload(part) for part in (plain or parts))
    body = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", body)))
    return f"{message.get('Subject', '')}\n{body}"


def _payload(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("latin-1") if isinstance(content, bytes) else ""


def words(text: str) -> list[str]:
    """Lower-case words, a few marks, and place holders for links, addresses and numbers.

    Args:
        text: Readable text.

    Returns:
        The tokens in order.
    """
    text = _LINK.sub(" <link> ", text.lower())
    text = _ADDRESS.sub(" <address> ", text)
    return _WORD.findall(_NUMBER.sub(" <number> ", text))


def build_vocabulary(documents: Iterable[Sequence[str]], size: int) -> list[str]:
    """The special tokens and then the most frequent words.

    Args:
        documents: Tokens of the training messages.
        size: Length of the vocabulary.

    Returns:
        Tokens; the index is the id.
    """
    counts = Counter(word for document in documents for word in set(document))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [*SPECIAL, *(word for word in ranked if word not in SPECIAL)][:size]


def encode(
    documents: Sequence[Sequence[str]], vocabulary: Sequence[str], length: int
) -> NDArray[np.int64]:
    """Token ids, cut or padded at the end.

    Args:
        documents: Tokens of each message.
        vocabulary: Tokens by id.
        length: Tokens per row.

    Returns:
        int64 [N, length].
    """
    ids = {word: index for index, word in enumerate(vocabulary)}
    rows = np.full((len(documents), length), PADDING, np.int64)
    for row, document in zip(rows, documents, strict=True):
        found = [ids.get(word, UNKNOWN) for word in document[:length]]
        row[: len(found)] = found
    return rows
