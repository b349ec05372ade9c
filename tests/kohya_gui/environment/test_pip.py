"""Advice from pip's output, and the user's own pip configuration, found and shown without passwords."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.environment import pip as environment_pip
from kohya_gui.environment.pip import Pip, SetupError, configured_source, explain, without_secrets

NOT_FOUND = "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)\n"


@pytest.mark.parametrize(("output", "advice"), [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk is full"),
    ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
    ("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/torch/\n" + NOT_FOUND, "network"),
    ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "network"),
    ("WARNING: Retrying ... 'ProxyError('Cannot connect to proxy.'...\n" + NOT_FOUND, "HTTPS_PROXY"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] ...'\n" + NOT_FOUND, "PIP_CERT"),
    (NOT_FOUND, "another Python"),
    ("ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied: 'torch.dll'", "Close every"),
    ("error: Microsoft Visual C++ 14.0 or greater is required.", "CRUCIBLE_PYTHON"),
    ("ERROR: something nobody has seen", ""),
])
def test_a_failure_is_followed_by_what_to_do(output, advice):
    found = explain(output)
    assert advice in found and bool(advice) == bool(found)


def test_the_users_pip_configuration_is_found_in_every_place_that_counts():
    listing = ("global.cert='/etc/ca.pem'\nglobal.index-url='https://ann:pw@mirror.example/pypi'\n"
               ":env:.find-links='/wheels'\ndownload.index-url='https://not.for/install'\nglobal.timeout='60'\n")
    assert configured_source(listing) == "find-links /wheels, index-url https://…@mirror.example/pypi"


@pytest.mark.parametrize("listing", ["", "global.timeout='60'\n", "install.no-index='false'\n", "site.index-url=''\n"])
def test_a_configuration_that_says_nothing_about_sources_is_none(listing):
    assert configured_source(listing) == ""


LETTERS = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(LETTERS, LETTERS)
def test_no_password_is_ever_shown(name, password):
    shown = without_secrets(f"index-url https://{name}:{password}@mirror.example/pypi")
    assert shown == "index-url https://…@mirror.example/pypi"


def test_what_would_lead_python_astray_is_left_behind(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/pypi")
    environ = environment_pip.clean_environ()
    assert not {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET"} & set(environ)
    assert environ["PIP_USER"] == "0"
    assert environ["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert environ["PIP_INDEX_URL"] == "https://mirror.example/pypi"


def test_a_failing_pip_shows_its_own_words_then_ours(tmp_path, monkeypatch, capsys):
    pip = Pip(tmp_path / "python", tmp_path / "log")
    script = "import sys; print('[Errno 28] No space left on device', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(pip, "command", lambda *_: [sys.executable, "-c", script])
    with pytest.raises(SetupError, match=r"The disk is full.*\n.*log"):
        pip.run("install", "x")
    assert "Errno 28" in capsys.readouterr().err


def test_pips_index_from_the_environment_variable_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/pypi")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none"))
    assert "index-url https://mirror.example/pypi" in Pip(sys.executable, tmp_path / "log").configured_source()
