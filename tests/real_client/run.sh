#!/bin/sh
# tests/real_client/run.sh [CLIENT[:PROOF]]...: the whole path with the real agent programs, offline.
#
# On a bench that runs a program against a scripted model, in a sandbox without a network, medbay is connected
# to the program by `medbay connect`, and a person (desk.py) sits at the console in the same sandbox: the agent
# claims that all tests pass, they do not, the person approves the correction. What proves that it arrived is
# the model's own log of what it was asked, never medbay's word. 0: all of it was shown, or there is no bench
# (said so). 1: something was not; its run is kept.
#
#   CLIENT   claude, codex (code mode), codex-classic, gemini: hooks. codex-app: Codex behind its app server.
#            opencode: its own server
#   PROOF    end      the claim ends the turn: the turn is kept open with the correction
#            context  the claim is made on the way: the correction comes with a later tool's result
#            gate     the same, and calls are held: one for 20 s until the person has decided; it is refused
#                     with the correction as the reason
#            steer    codex-app, opencode: the correction is put into the turn under way
#
#   RC_BENCH   the bench; else ../shared/realclients beside this repository
#   MEDBAY     the program; else it is built in release mode
#   KEEP=1     keep the runs that went well, too
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
skip() { echo "skipped: $1"; exit 0; }

bench=${RC_BENCH:-$root/../shared/realclients}
[ -x "$bench/check.sh" ] || skip "there is no bench at $bench (set RC_BENCH)"
bench=$(cd "$bench" && pwd -P)
[ "$(id -u)" = 0 ] || skip "the bench's sandbox needs root"
[ -x /usr/bin/python3 ] || skip "the bench needs /usr/bin/python3"
[ $# -gt 0 ] || set -- claude codex codex-classic gemini codex-app opencode
installed=${RC_ROOT:-/opt/rc}
program_of() { program=${1%%:*}; program=${program%-classic}; echo "${program%-app}"; }
for wanted; do
    program=$(program_of "$wanted")
    [ -e "$installed/$program" ] && continue
    "$bench/install.sh" >/dev/null 2>&1 || skip "the agent programs cannot be installed here ($bench/install.sh)"
    [ -e "$installed/$program" ] || skip "the bench did not install $program"
done
if [ -z "${MEDBAY:-}" ]; then
    (cd "$root" && cargo build --release --quiet) || exit 1
    MEDBAY=${CARGO_TARGET_DIR:-$root/target}/release/medbay
fi
MEDBAY=$(realpath "$MEDBAY")

# An agent that has run here before: else the console shows the bundled runs as well.
before() { # HOLD AGENT
    cat <<BEFORE_END
mkdir -p ~/.claude/projects/-w-app ~/.codex/sessions/2026 ~/.config/medbay && cat > ~/.config/medbay/config.toml <<'CONFIG_END'
grace_seconds = 1

[policy]
hold_seconds = $1

[channels]
opencode = "$server"
CONFIG_END
[ -z "$2" ] || medbay connect $2 </dev/null
[ -z "$server" ] || {
    export OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1
    "\$RC_ROOT/opencode/node_modules/opencode-linux-x64/bin/opencode" serve --port 4096 --hostname 127.0.0.1 &
    for _ in \$(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/4096) 2>/dev/null && break; sleep 0.05; done
}
BEFORE_END
}
beside() { # SECONDS
    echo "export DESK_PATIENCE=150 DESK_THINK=$1; exec python3 - <<'DESK_END'"
    cat "$here/desk.py"
    echo DESK_END
}

# The ledger of a run says that a text was approved and seen in the log, and its decisions hang together.
ledger() {
    db=$1/home/.local/share/medbay/ledger.db
    list=$("$MEDBAY" --db "$db" decisions list) || return 1
    chain=$("$MEDBAY" --db "$db" decisions verify) || return 1
    printf '%s\n%s\n' "$list" "$chain" | sed 's/^/      /'
    echo "$list" | grep -q ' confirmed .* approve '
}

asked() { python3 "$bench/model.py" seen "$1/log/model" "$2" --not-system; }

# The longest time between two requests to the model, in whole seconds.
longest() {
    python3 - "$1/log/model/log.jsonl" <<'LONGEST_END'
import json, sys
times = [json.loads(line)["t"] for line in open(sys.argv[1])]
print(int(max((b - a for a, b in zip(times, times[1:])), default=0)))
LONGEST_END
}

# How each program words a call that a hook refused.
refused='hook error: Operator:|blocked by PreToolUse hook: Operator:|Tool execution blocked: Operator:'

prove() { # CLIENT PROOF
    client=$1 proof=$2
    run=$(mktemp -d "${TMPDIR:-/tmp}/medbay-real.XXXXXX")
    scenario=$here/mid-claim.json hold=0 think=0 model='' wrap='' server='' agent=$(program_of "$client")
    [ "$agent" = claude ] && agent=claude-code
    case $proof in
    end) scenario=$bench/scenarios/false-pass.json hold=45 ;;
    gate) hold=45 think=26 ;;
    steer) agent='' wrap='python3 /w/log/bench/codex_app.py' ;;
    esac
    case $client in
    codex-classic) model=gpt-5.5 ;;
    opencode) wrap='' server=http://127.0.0.1:4096 ;;
    esac
    mkdir -p "$run/log/bench" && cp "$here/codex_app.py" "$run/log/bench/"
    RC_TIMEOUT=240 RC_HOOKS='' RC_ANSWERS='' RC_CODEX_MODEL=$model RC_WRAP=$wrap RC_MEDBAY=$MEDBAY RC_BEFORE=$(before $hold "$agent") \
        RC_BESIDE=$(beside $think) \
        "$bench/run_$(program_of "$client").sh" "$scenario" "$run/app" "$run/home" ${server:+--attach $server} \
        >"$run/out" 2>&1
    why=
    if ! asked "$run" 'Operator:' >"$run/seen" 2>&1; then
        why='the correction did not reach the model'
    elif ! grep -q 'My earlier statement was wrong' "$run/log/model/log.jsonl"; then
        why='the model did not correct itself'
    elif ! grep -q '^desk: approved, delivered, confirmed' "$run/log/beside.out"; then
        why='the console did not show the delivery'
    elif [ "$proof" = gate ] && ! asked "$run" "$refused" >"$run/seen" 2>&1; then
        why='the held call was not refused with the correction'
    elif [ "$proof" = gate ] && [ "$(longest "$run")" -lt 25 ]; then
        # 5 s of them the model takes for its answer.
        why='the call was not held for 20 s'
    elif [ "$proof" != gate ] && asked "$run" "$refused" >/dev/null 2>&1; then
        why='a call was refused that nobody held'
    elif ! ledger "$run"; then
        why='the ledger does not say that it was confirmed'
    fi
    if [ -z "$why" ]; then
        echo "ok    $client $proof: $(head -1 "$run/seen" | cut -c1-100)"
        [ -n "${KEEP:-}" ] && echo "      kept $run" || rm -rf "$run"
        return 0
    fi
    echo "FAIL  $client $proof: $why"
    grep -n 'FAIL' "$run/log/beside.out" 2>/dev/null | sed 's/^/      desk: /'
    echo "      kept $run"
    return 1
}

bad=0
for wanted; do
    client=${wanted%%:*}
    case $wanted in
    *:*) proofs=${wanted#*:} ;;
    codex-app | opencode) proofs=steer ;;
    *) proofs='end context gate' ;;
    esac
    echo "medbay beside the real $client:"
    for proof in $proofs; do prove "$client" "$proof" || bad=1; done
done
exit $bad
