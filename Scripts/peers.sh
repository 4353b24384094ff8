#!/usr/bin/env bash
# Makes the virtual environment with the reference readers; prints nothing where it is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../.build/venv
stamp=$venv/requirements.txt
cmp -s "$here/requirements.txt" "$stamp" && exit 0
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/requirements.txt" "$stamp"
