"""Changes that turn valid contents into hostile ones, as hypothesis draws them."""

from __future__ import annotations

import codecs

from hypothesis import strategies as st

DEEP, LONG = 100_000, 5_000
# Whole contents, and pieces to put in anywhere.
BOMBS: tuple[bytes, ...] = (
    b"", b"\0" * 64, b"[" * DEEP, b'{"a":' * DEEP, b"a = " + b"[" * DEEP, b"a." * 20_000 + b"a = 1", b"- " * 2_000,
    b"9" * LONG, b"a = " + b"9" * LONG, b'{"a": ' + b"9" * LONG + b"}", b'{"a": 1e999}', b'{"a": NaN}',
    b'{"a": "\\ud800"}', b'{"\\udfff": {"caption": "x"}}', b"null", b"[]", b"{}", b"true", b'"x"', b"[[]]", b"{[]: 1}",
    codecs.BOM_UTF16_LE + "a = 1".encode("utf-16-le"), codecs.BOM_UTF8 + b"a = 1", "中文，：".encode("gbk"),
    b"\xff" * 9,
    b"a: &a [x]\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]", b"a: !!python/object/apply:os.system [x]",
    b"a: 2020-99-99", b"? [a]\n: b", b"%YAML 9.9\n---\n", b"PK\x03\x04" + b"\0" * 60, b"PK\x05\x06" + b"\0" * 18,
    b"\x80\x02" + b"(" * DEEP, b"\x80\x02cos\nsystem\n(X\x01\x00\x00\x00xtR.",
    b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    (2**63).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]", (9**7).to_bytes(8, "little") + b"{",
    b"weight_decay" + b" " * 20_000 + b"=1", b"=" * 20_000, b"(" * 20_000, b"((a:1)" * 4_000, b"{a|" * 4_000,
    b"a,b:" * 5_000,
    b"\\" * 20_001, b"--n " * 5_000, b"'" * 9_999, b'"""' * 3_333, b"[[a]]\n" * 3_000, b"0.1:" * 5_000, b"%" * 999,
)  # fmt: skip
LORA = '"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": {"dtype": "F32", "shape": [1, 1], ' \
    '"data_offsets": [0, 4]}'


def _weights(header: str) -> bytes:
    """A safetensors file with this header and one number."""
    return len(header).to_bytes(8, "little") + header.encode() + b"\0" * 4


# What real and hostile safetensors files have said: odd metadata, impossible shapes, and very many tensors.
HEADERS = (
    *(f'{{"__metadata__": {said}, {LORA}}}' for said in ('"text"', "null", "[1]", "3")),
    *(
        f'{{"__metadata__": {{"{key}": "{said}"}}, {LORA}}}'
        for key in ("ss_tag_frequency", "lora_adapter_metadata", "ss_bucket_info", "ss_network_args", "modelspec.date")
        for said in ("", " ", "null", "NaN", "{", "[]", "3", '{\\"a\\": null}', '{\\"a\\": {\\"b\\": NaN}}', "\\ud800")
    ),
    *(
        f'{{"a": {{"dtype": "F32", "shape": [{side}], "data_offsets": [0, 4]}}}}'
        for side in ("1e999", "-1", "null", "[]", "1" + "0" * 400, "1.5")
    ),
    "{" + ", ".join(f'"t{n}": {{"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}' for n in range(50_000)) + "}",
    '{"a": ' + "[" * DEEP + "]" * DEEP + "}",
)  # fmt: skip
BOMBS += tuple(_weights(header) for header in HEADERS)
PIECES = (
    *(bomb for bomb in BOMBS if len(bomb) < 200), b"-1", b"1e999", b"-1e308", b"0x10", b"null", b"[]", b"{}", b"true",
    b'""',
    b"\\ud83d", b"\n", b"\r", b"\0", b"\x85", b"\xe2\x80\xa8", b"=", b",", b"|||", b"\x1b[31m", b"../" * 40, b"con",
    b"%s%n",
    b"18446744073709551616", b"-0", b"1_000", b"inf", b"nan", "１２".encode(), "＝".encode(),
    b"__metadata__", b"data_offsets", b"x" * 300, "画".encode() * 100,
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of `seeds` after up to six changes, or a bomb, or just bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return draw(st.sampled_from(BOMBS))
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 6))):
        content = _change(draw, content)
    return content


def _change(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` with a piece put in, taken out, exchanged, doubled or moved."""
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 24)))
    before, cut, after = content[:start], content[start:end], content[end:]
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return before + draw(st.sampled_from(PIECES)) + after
    if kind == 1:
        return before + draw(st.binary(max_size=8)) + after
    if kind == 2:
        return before + after
    if kind == 3:
        return before + cut * draw(st.integers(2, 50)) + after
    if kind == 4:
        return before
    return after + cut + before
