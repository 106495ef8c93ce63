"""Reads XML files of annotations, also in the encodings of East Asia, which the parser itself does not know."""

from __future__ import annotations

import codecs
import re
from xml.etree import ElementTree

_DECLARED = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_MULTIBYTE = frozenset(
    {
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950", "shift_jis", "cp932", "shift_jis_2004", "euc_jp"),
        *("euc_kr", "cp949", "johab"),
    }
)
"""Python's names of encodings whose characters have one or more bytes; expat refuses them."""


def parse(content: bytes) -> ElementTree.Element:
    """The root element; names are without their namespaces. Raises ValueError whose text follows the file's name."""
    declared = _DECLARED.match(content)
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        text: bytes | str = content.decode(encoding) if _is_multibyte(encoding) else content
        root = ElementTree.fromstring(text)  # noqa: S314 expat limits the expansion of entities
    except UnicodeDecodeError as error:
        raise ValueError(f"is not XML in its encoding {encoding}: {error}") from error
    except ElementTree.ParseError as error:
        raise ValueError(f"is not XML: {error}") from error
    except (ValueError, LookupError) as error:
        raise ValueError(f"is in the encoding {encoding}, which cannot be read; convert it to UTF-8") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _is_multibyte(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name in _MULTIBYTE
    except LookupError:
        return False
