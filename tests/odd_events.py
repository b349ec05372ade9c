"""Lines of event files that hold any JSON at all, for tests of whatever reads them."""

from __future__ import annotations

from hypothesis import strategies as st

from train_core.events.reading import KINDS

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**400) | st.floats() | st.text()
    | st.sampled_from(["\ud800", "completed", "x0.1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
_names = sorted({name for kind in KINDS.values() for name in kind.__dataclass_fields__})
# Lines of known and unknown kinds whose fields hold any JSON at all.
any_line = st.builds(
    lambda kind, found: {**found, "kind": kind},
    st.sampled_from([*KINDS, "later"]), st.dictionaries(st.sampled_from(_names) | st.text(), _json),
)  # fmt: skip
