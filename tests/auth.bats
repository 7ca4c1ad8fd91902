#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who is let in, and who is not: one negative test for each check of the handshake and of the lease.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export DIR=$BATS_FILE_TMPDIR/d
    write_conf "$DIR" CopyConnections=1
    start_vgpud "$DIR"
    ADDRESS=$(address_of "$DIR")
    export ADDRESS
}

teardown_file() {
    stop_daemons "$DIR"
}

setup() {
    PEER=$TOP_SRCDIR/tests/control-peer.py
    KEY=$DIR/key
    cd "$BATS_TEST_TMPDIR"
}

# No check may cost the daemon its life, or a descriptor.
teardown() {
    local pid
    pid=$(cat "$DIR/vgpud.pid")
    stop_daemons "$BATS_TEST_TMPDIR/d" && kill -0 "$pid" && eventually 10 few_descriptors "$pid"
}
few_descriptors() { [ "$(ls "/proc/$1/fd" | wc -l)" -lt 25 ]; }

# lease UID: a fresh one, by hand.
lease() {
    peer "$DIR/vgpud.sock" --key "$KEY" --uid 0 --request lease.acquire "{\"count\": 1, \"uid\": $1, \"memory\": 1048576}" |
        sed -n 's/.*"lease": "\([0-9a-f]*\)".*/\1/p'
}

@test "a tool with the key is welcome, over both sockets" {
    run peer "$DIR/vgpud.sock" --key "$KEY"
    contains "$output" welcome
    run peer "$ADDRESS" --key "$KEY" --request state.get '{}'
    contains "$output" '"ok": true'
    contains "$output" '"name": "Software GPU"'
}

@test "a wrong key is refused" {
    (umask 077 && printf '%064d' 0 >"$BATS_TEST_TMPDIR/other")
    run peer "$ADDRESS" --key "$BATS_TEST_TMPDIR/other"
    contains "$output" "refuse 13"
    contains "$output" "same key file"
}

@test "no credential is refused" {
    run peer "$ADDRESS" --no-credential
    contains "$output" refuse
}

@test "a recorded opening, sent again, is refused" {
    run peer "$ADDRESS" --key "$KEY" --save "$BATS_TEST_TMPDIR/sent"
    contains "$output" welcome
    run peer "$ADDRESS" --replay "$BATS_TEST_TMPDIR/sent"
    contains "$output" "refuse 13"
    contains "$output" "the credential is refused"
}

@test "a credential for another lease is refused" {
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease 00000000000000aa --sign-lease 00000000000000bb
    contains "$output" "refuse 800"
}

@test "another protocol is refused with what to do" {
    run peer "$ADDRESS" --key "$KEY" --protocol 99
    contains "$output" "speaks protocol 99"
    contains "$output" "install the same slurm-vgpu on both"
}

@test "an unknown role is refused" {
    run peer "$ADDRESS" --key "$KEY" --role emperor
    contains "$output" "refuse"
}

@test "garbage, truncated, oversized and lying frames are refused or closed" {
    local kind
    for kind in garbage oversized deep many text; do
        run peer "$ADDRESS" --spoil "$kind"
        contains "$output" "refuse" || { echo "kind: $kind"; return 1; }
    done
    run peer "$ADDRESS" --spoil truncated
    contains "$output" closed
}

@test "bytes after the proof, before its answer, are refused" {
    run peer "$ADDRESS" --key "$KEY" --early
    contains "$output" "before its answer"
}

@test "an unknown method is answered with an error" {
    run peer "$ADDRESS" --key "$KEY" --request make.coffee '{}'
    contains "$output" '"ok": false'
    contains "$output" "does not know the method make.coffee"
}

@test "parameters of another type are answered with an error" {
    run peer "$ADDRESS" --key "$KEY" --request lease.acquire '{"count": "many"}'
    contains "$output" '"ok": false'
}

@test "a user may not take a lease for another" {
    run peer "$ADDRESS" --key "$KEY" --uid 65534 --request lease.acquire '{"count": 1, "uid": 0}'
    contains "$output" "uid 65534 may not take a lease for uid 0"
}

@test "a user may not end another's lease" {
    local id
    id=$(lease 0)
    run peer "$ADDRESS" --key "$KEY" --uid 65534 --request lease.release "{\"lease\": \"$id\"}"
    contains "$output" "belongs to uid 0"
    run peer "$ADDRESS" --key "$KEY" --uid 65534 --request lease.renew "{\"lease\": \"$id\"}"
    contains "$output" "belongs to uid 0"
}

@test "release is idempotent" {
    local id
    id=$(lease 0)
    run peer "$ADDRESS" --key "$KEY" --request lease.release "{\"lease\": \"$id\"}"
    contains "$output" '"ok": true'
    run peer "$ADDRESS" --key "$KEY" --request lease.release "{\"lease\": \"$id\"}"
    contains "$output" '"ok": true'
}

@test "an unknown lease is refused" {
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease 00000000000000aa
    contains "$output" "refuse 100"
    contains "$output" "lease 00000000000000aa is unknown here"
}

@test "a lease that is no lease is refused" {
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease ../../etc/passwd
    contains "$output" "refuse 803"
}

@test "a released lease is refused, with the reason" {
    local id
    id=$(lease 0)
    peer "$ADDRESS" --key "$KEY" --request lease.release "{\"lease\": \"$id\"}"
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease "$id"
    contains "$output" "refuse 100"
    contains "$output" "was released"
}

@test "an expired lease is refused" {
    # A daemon of its own: the others' leases shall not expire on a slow machine.
    local id DIR=$BATS_TEST_TMPDIR/d KEY=$BATS_TEST_TMPDIR/d/key ADDRESS
    write_conf "$DIR" LeaseTimeout=1
    start_vgpud "$DIR"
    ADDRESS=$(address_of "$DIR")
    id=$(lease 0)
    eventually 20 grep -q "lease $id .*has expired" "$DIR/vgpud.log"
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease "$id"
    contains "$output" "refuse 100"
    contains "$output" "has expired"
    run peer "$ADDRESS" --key "$KEY" --request lease.renew "{\"lease\": \"$id\"}"
    contains "$output" "has expired"
}

@test "a foreign lease is refused, to root too" {
    local id
    id=$(lease 65534)
    run peer "$DIR/vgpud.sock" --key "$KEY" --role session --lease "$id"
    contains "$output" "refuse 800"
    contains "$output" "belongs to uid 65534, not to uid 0"
}

@test "a bulk connection is its session's owner's, over the same lease, and one of those that it may have" {
    need "${PYTHON:-python3}"
    local lease session other
    timeout $((120 * SLOWER)) vgpu-run --server "$ADDRESS" --conf "$DIR/vgpu.conf" --channel tcp \
        "${PYTHON:-python3}" "$TOP_SRCDIR/tests/driver-session.py" --hold >held 3>&- &
    eventually 20 grep -q holding held
    read -r session lease < <(peer "$ADDRESS" --key "$KEY" --request state.get '{}' | sed -n '/^{/p' | "${PYTHON:-python3}" -c '
import json, sys
row = json.load(sys.stdin)["result"]["sessions"][-1]
print(row["session"], row["lease"])')
    other=$(lease 0)
    bulk() { run peer "$ADDRESS" --key "$KEY" --role bulk "$@"; }
    bulk --lease "$other" --session "$session"
    contains "$output" "refuse 100 lease $other has no session $session here"
    bulk --lease "$lease" --session 00000000000000aa
    contains "$output" "refuse 100 lease $lease has no session 00000000000000aa here"
    bulk --lease 00000000000000aa --session "$session"
    contains "$output" "refuse 100 lease 00000000000000aa is unknown here"
    bulk --lease "$lease" --session "$session" --uid 65534
    contains "$output" "refuse 800"
    bulk --lease "$lease" --session ../../etc/passwd
    contains "$output" "refuse 803"
    bulk --lease "$lease" --session "$session" --no-credential
    contains "$output" refuse
    bulk --lease "$lease" --session "$session" --sign-lease "$other"
    contains "$output" "refuse 800"
    # The program has it: it has copied much.
    bulk --lease "$lease" --session "$session" --save sent
    contains "$output" "refuse 802 this session has its bulk connection already"
    run peer "$ADDRESS" --replay sent
    contains "$output" "the credential is refused"
    kill %1
    wait %1 || :
}

@test "shared memory over TCP is refused" {
    local id
    id=$(lease 0)
    run peer "$ADDRESS" --key "$KEY" --role session --lease "$id" --channel ring
    contains "$output" "refuse 802"
    contains "$output" "Unix socket"
}

@test "another table of calls is refused by the worker" {
    local id
    id=$(lease 0)
    run peer "$ADDRESS" --key "$KEY" --role session --lease "$id" --api 12345
    contains "$output" "refuse"
    contains "$output" "install the same slurm-vgpu on both"
}

@test "more requests than slices are refused with what is free" {
    run peer "$ADDRESS" --key "$KEY" --request lease.acquire '{"count": 99, "uid": 0, "memory": 1048576}'
    contains "$output" "no free slice: 99 asked for"
}

@test "a key file open to others is not read" {
    need_root
    write_conf "$BATS_TEST_TMPDIR/open"
    chmod 644 "$BATS_TEST_TMPDIR/open/key"
    run vgpu-smi --conf "$BATS_TEST_TMPDIR/open/vgpu.conf" --server "$ADDRESS"
    [ "$status" = 1 ]
    contains "$output" "chmod 600"
}

@test "a socket of another node is not taken for the lease's" {
    need_program vector-add-shared
    local lease=$BATS_TEST_TMPDIR/lease
    run vgpu-run --server "$ADDRESS" --conf "$DIR/vgpu.conf" sh -c \
        'sed s/^Node=.*/Node=gpu9/ "$VGPU_LEASE" >"$0" && chmod 600 "$0" && VGPU_LEASE=$0 exec "$1"' \
        "$lease" "$PROGRAMS/vector-add-shared"
    [ "$status" != 0 ]
    contains "$output" "is served by node gpu1, the lease is for gpu9"
}

@test "munge: the uid is proved, and a dead munged is said to be dead" {
    need_root
    need munged
    local dir=$BATS_TEST_TMPDIR/m
    write_conf "$dir"
    dd if=/dev/urandom of="$dir/munge.key" bs=128 count=1 2>/dev/null
    chmod 700 "$dir"
    chmod 600 "$dir/munge.key"
    munged --force --foreground --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munge.pid" \
        --log-file="$dir/munge.log" --seed-file="$dir/munge.seed" </dev/null >"$dir/munge.out" 2>&1 3>&- &
    local munged=$!
    eventually 10 test -S "$dir/munge.sock"
    sed -i "s|AuthType=key KeyFile=[^ ]*|AuthType=munge MungeSocket=$dir/munge.sock|" "$dir/vgpu.conf"
    start_vgpud "$dir"
    run vgpu-smi --conf "$dir/vgpu.conf" --server "$(address_of "$dir")"
    local seen=$status text=$output
    kill "$munged"
    wait "$munged" || :
    run vgpu-smi --conf "$dir/vgpu.conf" --server "$(address_of "$dir")"
    stop_daemons "$dir"
    [ "$seen" = 0 ] || { echo "$text"; return 1; }
    [ "$status" = 1 ]
    contains "$output" munge
}
