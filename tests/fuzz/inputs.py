"""Hostile inputs, made by changing valid ones: in their bytes, and in the structure of their format."""

from __future__ import annotations

import gzip
import io
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import documents
from tests.fuzz.documents import Draw

TOKENS = (
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b"|", b",", b";", b'"', b"'", b"=", b"[", b"]", b"{", b"}", b"<"),
    *(b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8", b"\x1b[2J", b"#"),
    *(b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\x7f", b"\xff" * 8, b"\0" * 512),
    *(b"-1", b"0", b"1e400", b"nan", b"inf", b"9" * 5000, b"a" * 5000, b"[" * 5000, b"(" * 5000, b"a." * 3000),
)
TOML = (
    *("inf", "-inf", "nan", "0", "-1", "0.5", "1e400", "9223372036854775808", "1" * 5000, "0x" + "f" * 5000, "true"),
    *('""', '"x"', '"\\u0000"', '"a\\nb"', "'" + "x" * 70_000 + "'", '"""\na\n"""', "1979-05-27T07:32:00Z", "07:32:00"),
    *("[]", "[[]]", '["a", 1]', "{}", "{a = 1}", "[" * 40 + "]" * 40, "[" * 300 + "]" * 300, "[" * 5000, "{a = " * 300),
    *('"../x"', '"/"', '"~"', '"~nobody/x"', '"-x"', '"1:00"', '"99999999:00:00"', '"4G"', '"1e999G"', '"a,b"', '"%n"'),
)
CELLS = (
    *(
        "",
        " ",
        "-1",
        "0",
        "1e400",
        "nan",
        "9" * 5000,
        "1.5",
        "N/A",
        "(null)",
        "UNLIMITED",
        "1-00:00:00",
        "9" * 9 + "-0",
    ),
    *("RUNNING", "CANCELLED by 0", "OUT_OF_MEMORY", "0:125", "0:0", "137:0", "7_0", "7_[0-3]", "7_0.batch", "Unknown"),
    *(
        "gpu:4",
        "gpu:a100:4(S:0-1)",
        "gres/gpu=4",
        "4Gn",
        "1Tc",
        "9" * 9 + "T",
        "1e9G",
        "?",
        "a\0b",
        "é",
        "\u0663",
        "\ud7ff",
    ),
    *("\x1b[2J", "x" * 5000, "'=1+1", "=1+1", "93,1", "93.1 %", "1_0", "ela:3", "se:1", "digits", "resnet20", "a b"),
)
XML = (
    *("<object/>", "<bndbox/>", "<name>cat</name>", "&lt;", "&#0;", "&x;", "]]>", "<!-- ", "<?x?>", "<a" + " " * 5000),
    *("<a>" * 200, "<a>" * 50_000, "</object>", "<![CDATA[x]]>", '<?xml version="1.0" encoding="utf-7"?>', "1e400"),
    *(
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        "-1",
        "nan",
        "9" * 5000,
        "1.5",
        "",
        "0",
        "²",
    ),
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
)
PYTHON = (
    *(
        "(" * 90,
        "(" * 5000,
        "[" * 300 + "]" * 300,
        "-" * 3000 + "1",
        "not " * 3000 + "x",
        "a." * 3000 + "b",
        "\\",
        "\0",
    ),
    *("9" * 5000, "1e400", "1 << 99", "'a' * 9**9", "f'{x}'", "lambda: 0", "*a", "**k", "x := 1", "yield", "await x"),
    *(
        "None",
        "...",
        "1j",
        "b'x'",
        "'\\N{DASH}'",
        "'\\ud800'",
        "{}",
        "{**a}",
        "[x for x in y]",
        "dict()",
        "C",
        "kernel",
    ),
    *("# coding: utf-7", "# coding: latin-1", "import os", "from . import x", "from .... import x", "class A: pass"),
    *("+".join("1" * 900), "a if b else " * 900 + "c", "1 < " * 900 + "2", "divides(2, C)", "log2(0)", "gcd(1.5, 2)"),
)

NAMES = ("a", "a/b", "../../x", "/etc/passwd", ".", "..", "é" * 300, "x" * 60_000, "a\\b", "C:/x", "a/.data.pkl")
"""Of members of archives."""


def mutated(draw: Draw, data: bytes, tokens: Sequence[bytes] = TOKENS) -> bytes:
    """The bytes with some changed, inserted, removed or repeated."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 1, 2, 4, 8, 64, 1 << 20))))
        match draw(st.integers(0, 6)):
            case 0:
                data = data[:start] + draw(st.binary(max_size=8)) + data[end:]
            case 1 | 2:
                data = data[:start] + draw(st.sampled_from(tokens)) + data[end:]
            case 3:
                data = data[:start] + data[end:]
            case 4:
                data = data[:end] + data[start:]
            case 5:
                place = draw(st.integers(0, len(data)))
                data = data[:place] + data[start:end] + data[place:]
            case _:
                flipped = bytes(byte ^ (1 << draw(st.integers(0, 7))) for byte in data[start : start + 1])
                data = data[:start] + flipped + data[start + 1 :]
    return data


def _raw(draw: Draw, data: bytes) -> bytes:
    return mutated(draw, data)


def _json(draw: Draw, data: bytes) -> bytes:
    document = documents.parsed(data)
    for _ in range(draw(st.integers(1, 3))):
        document = documents.changed(draw, document)
    return documents.written(document).encode(errors="surrogatepass")


def _json_lines(draw: Draw, data: bytes) -> bytes:
    lines = data.split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 3)):
            case 0 | 1 if lines[number] in data.split(b"\n")[:-1]:
                lines[number] = _json(draw, lines[number]).replace(b"\n", b" ")
            case 2:
                lines.insert(draw(st.integers(0, len(lines))), lines[number])
            case _:
                lines[number] = mutated(draw, lines[number])
    return b"\n".join(lines)


def _lines(draw: Draw, data: bytes, pattern: str, tokens: Sequence[str]) -> bytes:
    """A text with tokens in the place of what the pattern finds, and with lines removed, repeated and exchanged."""
    text = data.decode()
    for _ in range(draw(st.integers(1, 4))):
        found = [match.span(match.re.groups and 1) for match in re.finditer(pattern, text, re.MULTILINE)]
        rows = text.split("\n")
        number = draw(st.integers(0, len(rows) - 1))
        match draw(st.integers(0, 5)):
            case 0 | 1 | 2 if found:
                start, end = draw(st.sampled_from(found))
                text = text[:start] + draw(st.one_of(st.sampled_from(tokens), st.text(max_size=9))) + text[end:]
                continue
            case 3:
                del rows[number]
            case 4:
                rows.insert(draw(st.integers(0, len(rows))), rows[number])
            case _:
                rows[number] = draw(st.sampled_from(tokens))
        text = "\n".join(rows)
    return text.encode(errors="surrogatepass")


def _toml(draw: Draw, data: bytes) -> bytes:
    headers = ("[slurm]", "[a.b.c]", "[[rows]]", "[" + "a." * 2000 + "b]", "a.b = 1", "a = 1", '"" = 1', "x" * 5000)
    return _lines(draw, data, r"^[^=\n]+=[ ]*(.*)$", (*TOML, *headers))


def _table(draw: Draw, data: bytes) -> bytes:
    return _lines(draw, data, r"[^|=,;\s]+", CELLS)


def _xml(draw: Draw, data: bytes) -> bytes:
    return _lines(draw, data, r"(?<=>)[^<]*(?=<)|</?\w+>", XML)


def _python(draw: Draw, data: bytes) -> bytes:
    return _lines(draw, data, r"[\w.]+|[^\w\s]", PYTHON)


_LONGEST = 1 << 24
"""Bytes that a repeated part of a pickle may have."""


def _pickle(draw: Draw, data: bytes) -> bytes:
    """A pickle with opcodes removed, repeated and exchanged, and their arguments changed."""
    try:
        starts = [position for _, _, position in pickletools.genops(data) if position is not None]
    except Exception:  # it was changed before; genops raises many different types
        return mutated(draw, data)
    parts = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(draw(st.integers(1, 4))):
        number, other = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
        match draw(st.integers(0, 4)):
            case 0:
                parts[number] = b""
            case 1:
                times = draw(st.sampled_from((1, 2, 200, 50_000)))
                parts.insert(other, parts[number] * min(times, _LONGEST // (len(parts[number]) + 1)))
            case 2:
                parts[number], parts[other] = parts[other], parts[number]
            case 3:
                parts[number] = parts[number][:1] + mutated(draw, parts[number][1:])
            case _:
                code = draw(st.sampled_from(pickletools.opcodes)).code
                parts[number] = code.encode("latin1") + parts[number][1:]
    return b"".join(parts)


def _zip(draw: Draw, data: bytes) -> bytes:
    """A zip archive with changed members: pickles by their opcodes, others by their bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    for _ in range(draw(st.integers(1, 2))):
        number = draw(st.integers(0, len(members) - 1))
        name, content = members[number]
        match draw(st.integers(0, 5)):
            case 0:
                del members[number]
                if not members:
                    break
            case 1:
                members[number] = draw(st.sampled_from(NAMES)), content
            case _:
                members[number] = name, (_pickle if name.endswith(".pkl") else mutated)(draw, content)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))) as archive:
        for name, content in dict(members).items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tar(draw: Draw, data: bytes) -> bytes:
    """A tar file with changed headers, whose checksums are right, and changed members."""
    stream, members = io.BytesIO(), []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for item in tar:
            inside = tar.extractfile(item)
            members.append((item, inside.read() if inside is not None else b""))
    changed = draw(st.integers(0, len(members) - 1))
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number, (item, content) in enumerate(members):
            if number == changed:
                match draw(st.integers(0, 5)):
                    case 0:
                        continue
                    case 1:
                        item.name = draw(st.sampled_from((*NAMES, "", item.name + "/.")))
                    case 2:
                        item.type = draw(st.sampled_from([bytes([code]) for code in b"01234567SKLVDMgxX\0"]))
                    case 3 if item.name.endswith(".json"):
                        content = _json(draw, content)
                    case _:
                        content = mutated(draw, content)
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))
    packed = bytearray(stream.getvalue())
    if draw(st.booleans()):
        _change_header(draw, packed)
    return bytes(packed)


def _change_header(draw: Draw, packed: bytearray) -> None:
    """Put a hostile value into a field of one header, and correct its checksum."""
    headers = [start for start in range(0, len(packed), 512) if packed[start + 257 : start + 262] == b"ustar"]
    if not headers:
        return
    start = draw(st.sampled_from(headers))
    values = (
        b"7" * 11 + b"\0",
        b"\x80" + b"\xff" * 11,
        b"\xff" * 12,
        b"-1\0",
        b"0" * 12,
        b"",
        b"\x80" + b"\0" * 6 + b"\x7f",
    )
    place = draw(st.sampled_from((0, 100, 124, 136, 156, 157, 257, 345, 386, 482, 483)))
    value = draw(st.one_of(st.sampled_from(values), st.binary(max_size=12)))
    packed[start + place : start + place + len(value)] = value
    packed[start + 148 : start + 156] = b" " * 8
    packed[start + 148 : start + 156] = b"%06o\0 " % sum(packed[start : start + 512])


def _tar_gz(draw: Draw, data: bytes) -> bytes:
    inner = gzip.decompress(data)
    packed = gzip.compress(draw(st.sampled_from((_tar, mutated)))(draw, inner), 1)
    return mutated(draw, packed) if draw(st.integers(0, 9)) == 0 else packed


def _png(draw: Draw, data: bytes) -> bytes:
    """A PNG with changed chunks, whose checksums are right."""
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        if draw(st.integers(0, 2)) == 0:
            content = mutated(draw, content)
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        parts.append(len(content).to_bytes(4, "big") + kind + content + check)
        position += 12 + length
    return b"".join(parts)


def _safetensors(draw: Draw, data: bytes) -> bytes:
    """A file whose header, which is JSON, is changed; its length is right."""
    length = int.from_bytes(data[:8], "little")
    header = _json(draw, data[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


Change = Callable[[Draw, bytes], bytes]

FORMS: dict[str, Change] = {
    "bytes": _raw,
    "json": _json,
    "json lines": _json_lines,
    "toml": _toml,
    "table": _table,
    "xml": _xml,
    "python": _python,
    "pickle": _pickle,
    "zip": _zip,
    "tar": _tar,
    "tar.gz": _tar_gz,
    "png": _png,
    "safetensors": _safetensors,
}
"""By the format of a file: what changes it by its structure."""


def strategy(form: str, seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Hostile files of a format: of three, two have a changed structure, and one has changed bytes."""

    @st.composite
    def files(draw: Any) -> bytes:
        seed = draw(st.sampled_from(seeds))
        return (mutated if draw(st.integers(0, 2)) == 2 else FORMS[form])(draw, seed)

    return files()
