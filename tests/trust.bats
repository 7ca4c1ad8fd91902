#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Sealed streams, what somebody between the two ends can do to them, the limits on who comes in, and a look at every
# socket that listens.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    need "${PYTHON:-python3}"
    stage
    export VGPU_SOFT_UNITS=1 DIR=$BATS_FILE_TMPDIR/d
    local port
    port=$(free_port)
    write_conf "$DIR" Encrypt=yes MaxSessionsPerUser=2 "VgpuctldHost=127.0.0.1 VgpuctldPort=$port"
    start_vgpuctld "$DIR"
    start_vgpud "$DIR"
    export ADDRESS CONTROL=127.0.0.1:$port
    ADDRESS=$(address_of "$DIR")
    eventually 10 grep -q "registered with vgpuctld" "$DIR/vgpud.log"
}

teardown_file() { stop_daemons "$DIR"; }

setup() {
    PEER=$TOP_SRCDIR/tests/control-peer.py
    KEY=$DIR/key
    SESSION=("${PYTHON:-python3}" "$TOP_SRCDIR/tests/driver-session.py")
    cd "$BATS_TEST_TMPDIR"
}

# sealed [OPTION...] COMMAND...: vgpu-run over the sealed daemons.
sealed() { timeout $((60 * SLOWER)) vgpu-run --server "$CONTROL" --conf "$DIR/vgpu.conf" "$@"; }

# through PROXY_OPTION...: a session whose lease leads through tests/stream-proxy.py, whose log is ./proxy.
through() {
    rm -f proxy # the last one's says where that listened
    "${PYTHON:-python3}" "$TOP_SRCDIR/tests/stream-proxy.py" "$ADDRESS" "$@" >proxy 3>&- &
    proxy=$!
    eventually 10 grep -q "listens on" proxy
    export THROUGH
    THROUGH=$(sed -n 's/listens on //p' proxy)
    run sealed --channel tcp sh -c \
        'sed "s/^Address=.*/Address=$THROUGH/" "$VGPU_LEASE" >l && chmod 600 l && VGPU_LEASE=$PWD/l exec "$0" "$1"' "${SESSION[@]}"
    kill "$proxy" 2>/dev/null || :
    wait "$proxy" 2>/dev/null || :
}

@test "programs, tools and daemons talk sealed" {
    run sealed --channel tcp "${SESSION[@]}"
    [ "$status" = 0 ] || { echo "$output"; cat "$DIR/vgpud.log"; return 1; }
    run vgpu-smi --conf "$DIR/vgpu.conf"
    [ "$status" = 0 ]
    contains "$output" "Software GPU"
}

@test "nothing readable passes a sealed stream" {
    through --record seen
    [ "$status" = 0 ] || { echo "$output"; cat proxy; return 1; }
    [ "$(stat -c %s seen)" -gt 1000000 ]
    grep -qa challenge seen # who talks to whom one sees
    run ! grep -qa "shall read this" seen
}

@test "a changed byte in a sealed stream ends the session, whichever way it went" {
    local where
    for where in "up 2000" "up 200000" "down 200000"; do
        # shellcheck disable=SC2086
        through --flip $where
        [ "$status" != 0 ] || { echo "$where: the program ended well"; cat proxy; return 1; }
        grep -q "flipped" proxy || { echo "$where: nothing was flipped, and status $status: $output"; cat proxy "$DIR/vgpud.log"; return 1; }
        [[ "$output$(cat "$DIR/vgpud.log")" == *"sealed stream is broken"* ]] || { echo "$where: $output"; return 1; }
    done
    # The daemon lives, and serves the next.
    run sealed "${SESSION[@]}"
    [ "$status" = 0 ]
}

@test "a side that does not seal is refused, and so is one that was made to believe it need not" {
    run peer "$ADDRESS" --key "$KEY"
    contains "$output" "takes sealed streams only (Encrypt=yes)"
    run peer "$CONTROL" --key "$KEY"
    contains "$output" "takes sealed streams only (Encrypt=yes)"
    run peer "$ADDRESS" --key "$KEY" --downgrade
    contains "$output" refuse
    # On this machine's own socket there is nothing to seal.
    run peer "$DIR/vgpud.sock" --key "$KEY"
    contains "$output" welcome
}

@test "a user has no more processes on a node than MaxSessionsPerUser" {
    local pids=() i
    for i in 1 2; do
        sealed sh -c 'echo $$ >"$0"; exec "$@" --hold' "pid$i" "${SESSION[@]}" >"held$i" 2>&1 3>&- &
        pids+=($!)
        eventually 20 grep -q holding "held$i" || { cat "held$i"; return 1; }
    done
    run sealed "${SESSION[@]}"
    kill "$(cat pid1)" "$(cat pid2)"
    wait "${pids[@]}" || :
    [ "$status" != 0 ]
    contains "$output" "has 2 processes on this node already (MaxSessionsPerUser)"
}

@test "connections come no faster than MaxConnectionRate" {
    local dir=$BATS_TEST_TMPDIR/slow
    write_conf "$dir" MaxConnectionRate=5
    start_vgpud "$dir"
    run peer "$(address_of "$dir")" --key "$dir/key" --crowd 60
    local over_tcp=$output
    run peer "$dir/vgpud.sock" --key "$dir/key" --crowd 60
    stop_daemons "$dir"
    contains "$over_tcp" "127.0.0.1 opens more than 5 connections a second to vgpud on gpu1 (MaxConnectionRate)"
    contains "$output" "uid $(id -u) opens more than 5 connections a second"
}

@test "who has not said who he is, and one user, can have so many connections and no more" {
    local dir=$BATS_TEST_TMPDIR/many
    write_conf "$dir" MaxConnectionRate=0
    start_vgpud "$dir"
    run peer "$dir/vgpud.sock" --key "$dir/key" --crowd 300 --silent
    local silent=$output
    run peer "$dir/vgpud.sock" --key "$dir/key" --uid 65534 --crowd 300
    stop_daemons "$dir"
    contains "$silent" "has 256 connections that have not yet said who they are, its limit"
    contains "$output" "uid 65534 has 128 connections here, the most of one user"
}

# full DAEMON ADDRESS COUNT: so many connections and no more, whoever has them; one that leaves makes room.
full() {
    run peer "$2" --key "$dir/key" --crowd 5000 --leave
    [ "${lines[0]}" = $(($3 + 1)) ] && contains "${lines[1]}" "refuse 16 $1 has $3 connections, its limit" &&
        [ "${lines[2]}" = "welcome  " ] || { echo "$1: $output"; cat "$dir/${1%% *}.log"; return 1; }
}

@test "a daemon has no more connections than its limit, whoever has them and whatever its shell allows" {
    [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt 5000 ] || skip "no process may have 5000 descriptors here (ulimit -Hn)"
    local dir=$BATS_TEST_TMPDIR/full port
    port=$(free_port)
    write_conf "$dir" MaxConnectionRate=0 "VgpuctldHost=127.0.0.1 VgpuctldPort=$port"
    ulimit -Sn 1024
    start_vgpuctld "$dir"
    local failed=
    full vgpuctld "127.0.0.1:$port" 4096 || failed=yes
    stop_daemons "$dir"
    write_conf "$dir" MaxConnectionRate=0
    start_vgpud "$dir"
    full "vgpud on gpu1" "$dir/vgpud.sock" 1024 || failed=yes
    stop_daemons "$dir"
    [ -z "$failed" ]
}

# listening PID...: every socket on which one of them listens, as an address.
listening() {
    local pid pattern=
    for pid; do pattern+="${pattern:+|}pid=$pid,"; done
    ss -Hltnp | grep -E "$pattern" | awk '{ print $4 }' | sed 's/^\*:/127.0.0.1:/; s/^0\.0\.0\.0:/127.0.0.1:/; s/^\[::\]:/127.0.0.1:/'
    ss -Hlxnp | grep -E "$pattern" | awk '{ print $5 }'
}

@test "no socket of a running cluster answers whom it does not know" {
    need ss
    # It exports, so that its worker has a door too.
    sealed sh -c 'sed -n "s/^Lease=//p" "$VGPU_LEASE" >lease && exec "$@"' - "${SESSION[@]}" --export --hold >out 2>&1 3>&- &
    local running=$!
    eventually 20 grep -q holding out || { cat out; return 1; }
    local vgpud vgpuctld pids sockets address
    vgpud=$(cat "$DIR/vgpud.pid") vgpuctld=$(cat "$DIR/vgpuctld.pid")
    # shellcheck disable=SC2046
    pids="$vgpud $vgpuctld $running $(children "$vgpud") $(children "$running")"
    # shellcheck disable=SC2086
    sockets=$(listening $pids)
    [ "$(sort -u <<<"$sockets" | wc -l)" = 4 ] || { echo "expected four, of vgpuctld, vgpud and a worker: $sockets"; return 1; }
    for address in $(grep -v ^@ <<<"$sockets"); do
        run peer "$address" --unknown
        [ "$status" = 0 ] || { echo "$address: $output"; return 1; }
        [ "$(wc -l <<<"$output")" = 6 ]
        run grep -vxE 'challenge( refuse)?' <<<"$output"
        [ -z "$output" ] || { echo "$address answered a stranger: $output"; return 1; }
    done
    # The door refuses its user what is not right (1, 800), and says nothing to what is no request.
    local ask=("${PYTHON:-python3}" "$TOP_SRCDIR/tests/door-peer.py" "$(grep ^@ <<<"$sockets")" "$(sed -n 's/^exported //p' out)" "$(cat lease)")
    run "${ask[@]}"
    [ "$output" = "$(printf '%s\n' closed closed closed "0 1" closed "1 0 800 0")" ] || { echo "the door: $output"; return 1; }
    if [ "$(id -u)" = 0 ]; then
        run "${ask[@]}" --uid 65534
        [ "$output" = "$(printf '%s\n' closed closed closed closed closed "closed closed")" ] || { echo "the door to another user: $output"; return 1; }
    fi
    # $running is a shell that waits for them.
    # shellcheck disable=SC2046
    kill $(children "$running")
    wait "$running" || :
}
