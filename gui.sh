#!/bin/sh
# Starts Crucible: finds a Python 3.11 to 3.14 and hands over to gui.py, which does everything else.
set -eu

script=$0
while [ -L "$script" ]; do
    target=$(readlink -- "$script")
    case $target in
        /*) script=$target ;;
        *) script=$(dirname -- "$script")/$target ;;
    esac
done
folder=$(CDPATH='' cd -- "$(dirname -- "$script")" && pwd)
# Finder and some desktops start programs without the folders that Homebrew and python.org install into.
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/opt/homebrew/bin
export PATH PYTHONUTF8=1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

if [ -n "${CRUCIBLE_PYTHON:-}" ]; then
    exec "$CRUCIBLE_PYTHON" "$folder/gui.py" "$@"
fi
for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if fits "$python"; then
        exec "$python" "$folder/gui.py" "$@"
    fi
done
# gui.py itself says which version it needs, where there is a Python that can say so.
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' >/dev/null 2>&1; then
    exec python3 "$folder/gui.py" "$@"
fi
echo "Crucible needs Python 3.11 to 3.14, but found none. Install it (Debian and Ubuntu: sudo apt install python3" \
    "python3-venv; Fedora: sudo dnf install python3; macOS: https://www.python.org/downloads/) and start again." >&2
exit 1
