#!/bin/sh
# tests/langgraph/run.sh: LangGraph interrupts answered from medbay's desk.
#
# Installs langchain and langgraph from the package index into a virtual environment outside the tree, runs
# an agent over a scripted model in this process, lets a person (keys in a console in tmux) approve, edit
# and refuse what it asks, and takes it all down. 0: each answer did what was meant, or there is no tmux,
# no Python or no package index (said so). 1: one did not.
#
#   MEDBAY     the program; else it is built in release mode
#   VENV       a virtual environment with both packages, which is kept
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
skip() { echo "skipped: $1"; exit 0; }
for program in tmux python3; do
    command -v $program >/dev/null || skip "$program is not there"
done
if [ -z "${MEDBAY:-}" ]; then
    (cd "$root" && cargo build --release --quiet) || exit 1
    MEDBAY=${CARGO_TARGET_DIR:-$root/target}/release/medbay
fi
MEDBAY=$(realpath "$MEDBAY")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
venv=${VENV:-$work/venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" || skip "Python has no venv"
    "$venv/bin/pip" install --quiet langchain langgraph || skip "the packages cannot be installed here"
fi
"$venv/bin/python" "$here/check.py" "$MEDBAY" "$work"
