# SPDX-License-Identifier: Apache-2.0
# What the scripts below contrib/ say while they work, and how they wait. To be sourced.

progress_start=$SECONDS

# say TEXT: one line with the seconds since the start.
say() { printf '[%3d s] %s\n' $((SECONDS - progress_start)) "$*"; }

# die TEXT: what failed; traps of the caller clean up.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# wait_for SECONDS WHAT COMMAND...: polls until COMMAND succeeds; fails with WHAT once the deadline has passed.
wait_for() {
    local deadline=$((SECONDS + $1)) seconds=$1 what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            printf '%s: %s: not within %s s\n' "${0##*/}" "$what" "$seconds" >&2
            return 1
        fi
        sleep 0.1
    done
}

# last_lines LOG: what `logged` shows of a failed command, unless $explain names a better function.
last_lines() {
    printf -- '--- the last lines of %s:\n' "$1"
    tail -n 25 "$1"
}

# logged LOG WHAT COMMAND...: runs COMMAND with its output in LOG, and shows how long it took or where it failed.
logged() {
    local log=$1 what=$2 begin=$SECONDS status=0 ticker
    shift 2
    say "$what (log: $log)"
    # A line every half minute, so that a long step does not look like a hanging one.
    (while sleep 30; do say "  still at it: $(tail -n 1 "$log" | cut -c 1-100)"; done) 2>/dev/null &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    # The sleep in it is a child of its own, and would hold our output open.
    pkill -P "$ticker" 2>/dev/null || true
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    if ((status != 0)); then
        "${explain:-last_lines}" "$log" >&2
        printf '%s: failed: %s (status %d after %d s); the whole log is %s\n' \
            "${0##*/}" "$what" "$status" $((SECONDS - begin)) "$log" >&2
        return 1
    fi
}
