#!/bin/sh
# tests/real_client/run.sh [claude|codex|codex-classic]...: the whole path with the real agent programs, offline.
#
# On a bench that runs a program against a scripted model, in a sandbox without a network, medbay is the
# program's hook, and a person (desk.py) sits at the console in the same sandbox: the agent claims that all
# tests pass, they do not, the person approves the correction, and the bench says whether the model was
# given it. 0: it was, or there is no bench (said so). 1: it was not; the run is kept.
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
[ $# -gt 0 ] || set -- claude codex
installed=${RC_ROOT:-/opt/rc}
for client; do
    [ -e "$installed/${client%-classic}" ] && continue
    "$bench/install.sh" >/dev/null 2>&1 || skip "the agent programs cannot be installed here ($bench/install.sh)"
    [ -e "$installed/${client%-classic}" ] || skip "the bench did not install ${client%-classic}"
done
if [ -z "${MEDBAY:-}" ]; then
    (cd "$root" && cargo build --release --quiet) || exit 1
    MEDBAY=${CARGO_TARGET_DIR:-$root/target}/release/medbay
fi
MEDBAY=$(realpath "$MEDBAY")

# An agent that has run here before: else the console shows the bundled runs as well.
before="mkdir -p ~/.claude/projects/-w-app ~/.codex/sessions/2026 ~/.config/medbay && cat > ~/.config/medbay/config.toml <<'CONFIG_END'
grace_seconds = 1

[policy]
hold_seconds = 45
CONFIG_END"
beside="exec python3 - <<'DESK_END'
$(cat "$here/desk.py")
DESK_END"

# The ledger of a run says that a text was approved and seen in the log, and its decisions hang together.
ledger() {
    db=$1/home/.local/share/medbay/ledger.db
    list=$("$MEDBAY" --db "$db" decisions list) || return 1
    chain=$("$MEDBAY" --db "$db" decisions verify) || return 1
    printf '%s\n%s\n' "$list" "$chain" | sed 's/^/      /'
    echo "$list" | grep -q ' confirmed .* approve '
}

one() {
    client=$1
    run=$(mktemp -d "${TMPDIR:-/tmp}/medbay-real.XXXXXX")
    scenario=$bench/scenarios/false-pass.json
    if [ "$client" = claude ]; then
        # As a person sets it up: `medbay connect` writes the hook into the settings that are there.
        mkdir -p "$run/home/.claude"
        echo '{"permissions":{"allow":["Bash","Edit","Write","Read"]}}' >"$run/home/.claude/settings.json"
        RC_KEEP_SETTINGS=1 RC_HOOKS='' RC_ANSWERS='' RC_MEDBAY=$MEDBAY RC_BESIDE=$beside RC_BEFORE="$before
echo y | medbay connect claude-code" "$bench/run_claude.sh" "$scenario" "$run/app" "$run/home" >"$run/out" 2>&1
    else
        model=; [ "$client" = codex-classic ] && model=gpt-5.5
        RC_HOOKS=medbay RC_ANSWERS='' RC_CODEX_MODEL=$model RC_MEDBAY=$MEDBAY RC_BEFORE=$before RC_BESIDE=$beside \
            "$bench/run_${client%-classic}.sh" "$scenario" "$run/app" "$run/home" >"$run/out" 2>&1
    fi
    if ! python3 "$bench/model.py" seen "$run/log/model" 'Operator:' --not-system >"$run/seen" 2>&1; then
        echo "FAIL  $client: the correction did not reach the model"
    elif ! grep -q 'My earlier statement was wrong' "$run/log/model/log.jsonl"; then
        echo "FAIL  $client: the model did not correct itself"
    elif ! grep -q '^desk: approved, delivered, confirmed' "$run/log/beside.out"; then
        echo "FAIL  $client: the console did not show the delivery"
    elif ! ledger "$run"; then
        echo "FAIL  $client: the ledger does not say that it was confirmed"
    else
        echo "ok    $client: $(head -1 "$run/seen" | cut -c1-100)"
        [ -n "${KEEP:-}" ] && echo "      kept $run" || rm -rf "$run"
        return 0
    fi
    grep -n 'FAIL' "$run/log/beside.out" 2>/dev/null | sed 's/^/      desk: /'
    echo "      kept $run"
    return 1
}

bad=0
for client; do
    echo "medbay beside the real $client:"
    one "$client" || bad=1
done
if [ $bad = 0 ]; then
    echo "the bench's own check:"
    RC_MEDBAY=$MEDBAY RC_BEFORE=$before RC_BESIDE=$beside "$bench/check.sh" "$@" || bad=1
fi
exit $bad
