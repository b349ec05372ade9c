"""The surroundings that gradio needs before it is imported. Imports nothing of it."""

from __future__ import annotations

import os

from train_core.config.places import caches_dir

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def prepare_surroundings() -> None:
    """No telemetry, files in our own place, and no proxy that would end the import."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # The default is one folder for all users of a machine, which only the first of them may write to.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(caches_dir() / "gradio"))
    drop_unusable_proxies()


def drop_unusable_proxies() -> None:
    """Take the variables about proxies away where httpx cannot use them; nothing on the page needs the network.

    gradio makes a client of httpx as it is imported, and that raises for a proxy by SOCKS, for `socks://` as GNOME
    writes it, and for some addresses in NO_PROXY.
    """
    import httpx  # noqa: PLC0415  - half a second, of use to the page alone

    try:
        httpx.Client().close()
    except Exception:  # an ImportError, ValueError or InvalidURL, as the variable happens to be wrong
        for name in [name for name in os.environ if name.lower() in PROXIES]:
            del os.environ[name]
