#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Sessions over TCP whose connection is lost: they go on over another one, and nobody else goes on with them.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    need "${PYTHON:-python3}"
    stage
    export VGPU_SOFT_UNITS=2
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    DIR=$BATS_TEST_TMPDIR/d
    KEY=$DIR/key
    PEER=$TOP_SRCDIR/tests/control-peer.py
    SESSION=("${PYTHON:-python3}" "$TOP_SRCDIR/tests/driver-session.py")
}

teardown() {
    [ -z "${proxy:-}" ] || kill "$proxy" 2>/dev/null || :
    stop_daemons "$DIR"
    nothing_left
}

# begin [LINE...]: a vgpud with those lines in its vgpu.conf.
begin() {
    write_conf "$DIR" "$@"
    start_vgpud "$DIR"
    ADDRESS=$(address_of "$DIR")
}

# between [CUT...]: tests/cutting-proxy.py before the vgpud, its log is ./proxy.
between() {
    [ -z "${proxy:-}" ] || kill "$proxy"
    rm -f proxy
    "${PYTHON:-python3}" "$TOP_SRCDIR/tests/cutting-proxy.py" "$ADDRESS" "$@" >proxy 3>&- &
    proxy=$!
    eventually 10 grep -q "listens on" proxy
    export THROUGH
    THROUGH=$(sed -n 's/listens on //p' proxy)
}

# through COMMAND...: a program whose lease leads through that, or to ./socket with another CHANNEL; that vgpud's own is in ./own then.
CHANNEL=tcp
through() {
    timeout $((120 * SLOWER)) vgpu-run --server "$ADDRESS" --conf "$DIR/vgpu.conf" --mem "$QUOTA" --channel "$CHANNEL" sh -c \
        'sed -n "s/^Socket=//p" "$VGPU_LEASE" >own &&
        sed "s|^Socket=.*|Socket=$PWD/socket|; s/^Address=.*/Address=$THROUGH/" "$VGPU_LEASE" >l && chmod 600 l &&
        VGPU_LEASE=$PWD/l exec "$@"' - "$@"
}

# same NAME CUTS...: it prints what it does straight, though its connection is cut so often.
same() {
    local name=$1
    shift
    need_program "$name-shared"
    expected "$name-shared" >expected
    between "$@"
    run --separate-stderr through "$PROGRAMS/$name-shared" </dev/null
    [ "$status" = 0 ] || { echo "$name: status $status: $output $stderr"; cat proxy; return 1; }
    diff expected - <<<"$output" || { echo "$name, cut: $*: not as straight"; return 1; }
    [ "$(grep -c "^cut " proxy)" -ge "$CUTS" ] || { echo "$name was not cut $CUTS times:"; cat proxy; return 1; }
    [ "$(grep -c "goes on with the GPU worker" <<<"$stderr")" = "$(grep -c "is lost" <<<"$stderr")" ] || { echo "$stderr"; return 1; }
}

# holding [SIZE]: a program that waits for lines in ./lines, its descriptor 4 here, and says what it does in ./held.
holding() {
    mkfifo lines
    through "${SESSION[@]}" --steps "${1:-1000}" <lines >held 2>errors 3>&- &
    program=$!
    exec 4>lines
    eventually 20 grep -q holding held || { cat held errors; return 1; }
}
step() {
    echo "$1" >&4
    eventually 20 grep -q "^step $1" held || { cat held errors; return 1; }
}

all_cut() { [ "$(grep -c "^cut all" proxy)" = "$1" ]; }
gone_on() { [ "$(grep -c "goes on with" errors)" = "$1" ]; }

session_row() {
    peer "$ADDRESS" --key "$KEY" --request state.get '{}' | sed -n '/^{/p' | "${PYTHON:-python3}" -c '
import json, sys
row = json.load(sys.stdin)["result"]["sessions"][-1]
print(row["session"], row["lease"], row["worker_pid"], row["reconnects"])'
}

@test "programs give the same wherever their connection is cut" {
    begin
    local name at
    for name in vector-add streams-overlap host-functions jacobi; do
        for at in 700 1501 2750; do
            CUTS=1 same "$name" --cut session up "$at" --cut resume up "$at" --cut resume down 500 --cut resume up 100
        done
    done
    CUTS=4 same jacobi --cut session up 9001 --cut resume up 100011 --cut resume up 300017 --cut resume up 299
}

@test "sealed sessions go on, each connection with keys of its own" {
    begin Encrypt=yes
    CUTS=3 same jacobi --cut session up 9001 --cut resume up 100011 --cut resume up 300017
}

@test "a session that stands still goes on when it is needed, and the tools count it" {
    begin
    between
    holding
    step 1
    local worker row
    read -r _ _ worker _ < <(session_row)
    kill -USR1 "$proxy"
    eventually 20 grep -q "goes on with" errors || { cat errors; return 1; }
    step 2
    kill -USR1 "$proxy"
    step 3
    once "$(cat errors)" "every CUDA call" && return 1
    [ "$(grep -c "is lost" errors)" = 2 ]
    [ "$(grep -c "goes on over another connection" "$DIR/vgpud.log")" = 2 ] || { cat "$DIR/vgpud.log"; return 1; }
    read -r _ _ row _ < <(session_row)
    [ "$row" = "$worker" ]
    run vgpuctl --server "$ADDRESS" --conf "$DIR/vgpu.conf" metrics
    contains "$output" vgpu_session_reconnects_total
    run vgpu-smi --server "$ADDRESS" --conf "$DIR/vgpu.conf" --json
    contains "$output" reconnects
    exec 4>&-
    outcome "$program"
    [ "$status" = 0 ]
}

@test "the best way that there is now is taken" {
    begin
    between
    CHANNEL=auto holding 231000
    step 1
    # Only now can the vgpud of this host be reached.
    ln -s "$(cat own)" socket
    kill -USR2 "$proxy" # nobody gets through it again
    eventually 20 all_cut 1 || { cat proxy; return 1; } # while a copy is on its way it would be the end
    step 2
    step 3
    [ "$(grep -c "goes on with" errors)" = 1 ]
    exec 4>&-
    outcome "$program"
    [ "$status" = 0 ] || { cat errors; return 1; }
}

@test "the connections of large copies are replaced" {
    begin
    between
    holding 231000
    local at
    for at in 1 2 3; do
        step "$at"
        kill -USR1 "$proxy"
        # While a copy is on its way it would be the end.
        eventually 20 all_cut "$at" || { cat proxy; return 1; }
        [ "$at" != 2 ] || eventually 20 gone_on 2
    done
    step 4
    exec 4>&-
    outcome "$program"
    [ "$status" = 0 ] || { cat errors; return 1; }
    [ "$(grep -c "bulk connection 0 is another one now" "$DIR/vgpud.log")" -ge 3 ] || { cat "$DIR/vgpud.log"; return 1; }
}

# Cut where it was writing, it goes on; cut where bytes are gone for good, it says so. Never are other bytes there.
@test "a large copy that is cut is sent again, or the session ends and says why" {
    begin
    local at whole=0
    expected pageable-copies-shared >expected
    for at in 500 70000 300000 1100000 5000000 20000000; do
        between --cut bulk up "$at" --cut bulk up 100000
        run --separate-stderr through "$PROGRAMS/pageable-copies-shared" </dev/null
        grep -q "^cut bulk" proxy
        if [ "$status" = 0 ]; then
            diff expected - <<<"$output"
            whole=$((whole + 1))
        else
            contains "$stderr" "the GPU worker on gpu1 is gone"
            contains "$stderr$(cat "$DIR/vgpud.log")" "bytes of a large copy were lost with their connection"
        fi
    done
    echo "went on $whole times of 6"
}

@test "a session that nobody comes back to ends after ReconnectTime, at both ends" {
    begin ReconnectTime=1s
    between
    holding
    step 1
    local worker
    read -r _ _ worker _ < <(session_row)
    kill -USR2 "$proxy"
    eventually 10 is_gone "$worker"
    grep -q "has not come back within 1 s" "$DIR/vgpud.log"
    echo 2 >&4
    outcome "$program"
    [ "$status" = 1 ]
    once "$(cat errors)" "in 1 s there was no other"
}

@test "ReconnectTime=0 ends a session with its connection" {
    begin ReconnectTime=0
    between
    holding
    step 1
    local worker
    read -r _ _ worker _ < <(session_row)
    kill -USR1 "$proxy"
    eventually 10 is_gone "$worker"
    echo 2 >&4
    outcome "$program"
    [ "$status" = 1 ]
    contains "$(cat errors)" "the peer closed the connection"
}

@test "a worker that has ended is not waited for" {
    begin
    between
    holding
    step 1
    local worker
    read -r _ _ worker _ < <(session_row)
    kill -STOP "$program"
    kill -9 "$worker"
    eventually 10 is_gone "$worker"
    kill -CONT "$program"
    echo 2 >&4
    outcome "$program"
    [ "$status" = 1 ]
    contains "$(cat errors)" "the GPU worker on gpu1 is gone"
}

@test "only its own client goes on with a session" {
    begin
    between
    holding
    step 1
    local session lease
    read -r session lease _ < <(session_row)
    resume() { run peer "$ADDRESS" --key "$KEY" --role resume "$@"; }
    resume --lease "$lease" --session "$session"
    contains "$output" "refuse 800 only the client of session $session may go on with it"
    resume --lease "$lease" --session 00000000000000aa
    contains "$output" "refuse 100 lease $lease has no session 00000000000000aa here"
    resume --lease 00000000000000aa --session "$session"
    contains "$output" "refuse 100 lease 00000000000000aa is unknown here"
    resume --lease "$lease" --session "$session" --uid 65534
    contains "$output" "refuse 800"
    resume --lease "$lease" --session "$session" --secret 00
    contains "$output" "refuse 803"
    resume --lease "$lease" --session "$session" --no-credential
    contains "$output" refuse
    # Also while it has lost its connection, and none of them has made it lose it.
    step 2
    run ! grep -q "is lost" errors
    kill -USR1 "$proxy"
    eventually 20 grep -q "goes on with" errors
    resume --lease "$lease" --session "$session"
    contains "$output" "refuse 800 only the client of session $session may go on with it"
    step 3
}

# As a firewall does that has forgotten a connection: neither end hears of it, and only new ones get through.
@test "a connection that swallows what is sent is left for another" {
    need_root
    need unshare nsenter ip ss
    mkfifo lines
    unshare --net sh -c 'ip link set lo up && exec vgpu-run --channel tcp "$@"' - "${SESSION[@]}" --steps 1000 <lines >held 2>errors 3>&- &
    program=$!
    exec 4>lines
    eventually 20 grep -q holding held || { cat held errors; return 1; }
    step 1
    inside() { nsenter --target "$program" --net "$@"; }
    # The table of local addresses, which comes first, would let everything through.
    inside ip rule add pref 100 lookup local
    inside ip rule del pref 0
    local one other count=0
    while read -r _ _ one other; do
        inside ip rule add pref 50 ipproto tcp sport "${one##*:}" dport "${other##*:}" blackhole
        count=$((count + 1))
    done < <(inside ss -Htn state established)
    [ "$count" -ge 2 ] # both ends of one
    step 2
    once "$(cat errors)" "nothing was heard of the peer for 20 s"
    [ "$(grep -c "goes on with" errors)" = 1 ]
    exec 4>&-
    outcome "$program"
    [ "$status" = 0 ]
}
