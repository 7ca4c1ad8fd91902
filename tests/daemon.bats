#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vgpuctld, vgpud and the tools together: leases, restarts, losses, and what each says of bad input.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_DEVICES=2 VGPU_SOFT_UNITS=1
}

setup() {
    PEER=$TOP_SRCDIR/tests/control-peer.py
    DIR=$BATS_TEST_TMPDIR/d
    KEY=$DIR/key
}

teardown() {
    stop_daemons "$DIR" && eventually 10 no_processes
}

# A site of one host: vgpuctld, and vgpud registered with it.
start_site() {
    PORT=$(free_port)
    write_conf "$DIR" "VgpuctldHost=127.0.0.1 VgpuctldPort=$PORT" "$@"
    export VGPU_CONF=$DIR/vgpu.conf
    start_vgpuctld "$DIR"
    start_vgpud "$DIR"
    eventually 10 node_is up
}
state() { vgpu-smi --json | jq -r "$@"; }
node_is() { [ "$(state '.nodes[0].state')" = "$1" ]; }
leases() { state '[.slices[].lease] | unique | length'; }
no_leases() { [ "$(leases)" = 0 ]; }
logged() { grep -q "$2" "$DIR/$1.log"; }
# ask METHOD JSON: of vgpuctld.
ask() { peer "127.0.0.1:$PORT" --key "$KEY" --uid 0 --request "$@"; }

@test "a node registers whenever vgpuctld comes" {
    need jq
    PORT=$(free_port)
    write_conf "$DIR" "VgpuctldHost=127.0.0.1 VgpuctldPort=$PORT"
    export VGPU_CONF=$DIR/vgpu.conf
    start_vgpud "$DIR"
    eventually 5 logged vgpud "no connection to vgpuctld"
    start_vgpuctld "$DIR"
    eventually 10 node_is up
    [ "$(state '.devices | length')" = 2 ]
    [ "$(state '.devices[0].kind')" = soft ]
}

@test "a program has a lease of vgpuctld, and the lease ends with it" {
    need jq
    start_site
    need_program vector-add-shared
    run --separate-stderr vgpu-run --server "127.0.0.1:$PORT" --gpus 2 --mem 64M \
        sh -c "'$PROGRAMS/vector-add-shared' && VGPU_LEASE= vgpu-smi --json"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$output" "vector-add: ok"
    [ "$(tail -1 <<<"$output" | jq '.slices | length')" = 2 ]
    no_leases
}

@test "the tables show devices, slices and processes" {
    start_site
    run vgpu-run --server "127.0.0.1:$PORT" sh -c 'VGPU_LEASE= vgpu-smi; vgpuctl --conf "$VGPU_CONF" show leases; vgpuctl show nodes'
    [ "$status" = 0 ]
    contains "$output" "Software GPU"
    contains "$output" "Processes"
    contains "$output" "gpu1"
    contains "$output" "Ends in"
}

@test "the same request gets the same lease, and a job's leases are released together" {
    start_site
    local first second
    first=$(ask lease.acquire '{"count": 1, "uid": 0, "job": 7, "step": 1, "task_host": "cpu1"}' | grep -o '"lease": "[0-9a-f]*"')
    second=$(ask lease.acquire '{"count": 1, "uid": 0, "job": 7, "step": 1, "task_host": "cpu1"}' | grep -o '"lease": "[0-9a-f]*"')
    [ -n "$first" ] && [ "$first" = "$second" ]
    ask lease.acquire '{"count": 1, "uid": 0, "job": 7, "step": 2, "task_host": "cpu1"}'
    [ "$(leases)" = 2 ]
    ask lease.release '{"job": 7, "step": 2, "restart": 0}'
    [ "$(leases)" = 1 ]
    ask lease.release '{"job": 7}'
    no_leases
}

# step NUMBER COUNT HAS [MORE]: the slices that a step of job 7 gets, which has HAS on its host.
step() {
    ask lease.acquire "{\"count\": $2, \"uid\": 0, \"job\": 7, \"step\": $1, \"task_host\": \"cpu1\", \"job_count\": $3${4:-}}"
}
distinct() { state '[.slices[] | [.pages, .page]] | unique | length'; }

@test "the steps of a job have slices of the job, and never more than it was granted" {
    need jq
    start_site
    step 100 2 2
    step 0 1 2
    step 1 1 2
    [ "$(leases)" = 3 ]
    [ "$(distinct)" = 2 ]
    [ "$(state '[.slices[] | select(.step < 100) | .page] | sort | join(",")')" = 0,1 ]
    run vgpu-smi
    contains "$output" "1/8"
    run step 2 3 2
    contains "$output" "the job has 2 vgpus on cpu1, and this step asks for 3"
    run step 2 1 2 ', "memory": 1048576'
    contains "$output" "leave out --vgpu-mem and --vgpu-cores, or say the same"
    # They outlive the lease that they were first in, also over a restart.
    ask lease.release '{"job": 7, "step": 100, "restart": 0}'
    stop "$DIR/vgpuctld.pid"
    start_vgpuctld "$DIR"
    eventually 15 node_is up
    [ "$(distinct)" = 2 ]
    step 3 2 2
    [ "$(distinct)" = 2 ]
}

@test "programs of two steps share the quota of the slice that both have" {
    need jq
    need_program memory-quota-shared call-codes-shared
    start_site
    local number id
    for number in 100 0; do
        id=$(step "$number" 1 1 ', "memory": 301989888' | sed -n 's/.*"lease": "\([0-9a-f]*\)".*/\1/p')
        printf '%s\n' Version=1 "Lease=$id" Node=gpu1 "Address=$(address_of "$DIR")" Auth=key "KeyFile=$KEY" \
            Slices=0:GPU:288M:0 >"$DIR/lease.$number"
        chmod 600 "$DIR/lease.$number"
    done
    "${PRELOADED[@]}" VGPU_LEASE="$DIR/lease.100" LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/call-codes-shared" wait >"$DIR/out" 2>&1 3>&- &
    local pid=$!
    eventually 10 grep -q "launch cudaSuccess" "$DIR/out"
    used() { [ "$(state '[.slices[] | select(.memory_used > 0)] | length')" = 2 ]; }
    eventually 5 used # by the rows of both
    [ "$(state '.devices[0].memory_used + .devices[1].memory_used')" = "$(state '.slices[0].memory_used')" ]
    # The other finds less than all of it.
    run "${PRELOADED[@]}" VGPU_LEASE="$DIR/lease.0" LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/memory-quota-shared"
    kill -9 "$pid"
    outcome "$pid"
    [ "$output" != "$(expected memory-quota-shared)" ]
    contains "$output" "memory-quota: ok total 288 MiB, plain 192 MiB"
    no_memory() { [ "$(state '[.slices[].memory_used] | add')" = 0 ]; }
    eventually 5 no_memory
    run "${PRELOADED[@]}" VGPU_LEASE="$DIR/lease.0" LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/memory-quota-shared"
    [ "$output" = "$(expected memory-quota-shared)" ]
}

@test "a user cannot take leases past Slurm" {
    start_site
    run peer "127.0.0.1:$PORT" --key "$KEY" --uid 65534 --request lease.acquire '{"count": 1, "uid": 65534}'
    contains "$output" "ask Slurm"
    run peer "127.0.0.1:$PORT" --key "$KEY" --uid 65534 --role daemon --request node.register '{}'
    contains "$output" "may not register nodes"
    run peer "127.0.0.1:$PORT" --key "$KEY" --uid 65534 --request state.get '{}'
    contains "$output" '"ok": true'
    run peer "$(address_of "$DIR")" --key "$KEY" --request lease.acquire '{"count": 1, "uid": 0}'
    contains "$output" "granted by vgpuctld"
}

@test "a heartbeat without a registration is refused" {
    start_site
    run peer "127.0.0.1:$PORT" --key "$KEY" --role daemon --request node.heartbeat '{"epoch": 1}'
    contains "$output" "has not registered"
}

@test "a lease that nobody renews expires, and its device is free again" {
    start_site "LeaseTimeout=2"
    ask lease.acquire '{"count": 1, "uid": 0, "job": 7}'
    [ "$(leases)" = 1 ]
    eventually 8 no_leases
    eventually 5 logged vgpud "has expired"
}

@test "a program outlives a vgpuctld that is started again" {
    start_site
    need_program vector-add-shared
    vgpu-run --server "127.0.0.1:$PORT" sh -c "echo up; read x; exec '$PROGRAMS/vector-add-shared'" \
        < <(eventually 30 test -e "$DIR/go"; echo) >"$DIR/out" 2>"$DIR/err" 3>&- &
    local pid=$!
    eventually 10 grep -q up "$DIR/out"
    stop "$DIR/vgpuctld.pid"
    start_vgpuctld "$DIR"
    eventually 15 node_is up
    [ "$(leases)" = 1 ]
    touch "$DIR/go"
    wait "$pid" || { cat "$DIR/out" "$DIR/err" "$DIR"/*.log; return 1; }
    grep -q "vector-add: ok" "$DIR/out"
    eventually 5 no_leases
}

@test "a lost state table comes back from the nodes" {
    start_site
    ask lease.acquire '{"count": 1, "uid": 0, "job": 7}'
    stop "$DIR/vgpuctld.pid"
    rm -r "$DIR/state"
    start_vgpuctld "$DIR"
    eventually 15 node_is up
    [ "$(leases)" = 1 ]
    logged vgpuctld "came back with node gpu1"
}

@test "leases of a vgpud that was started anew are void, with the reason" {
    start_site
    local id
    id=$(ask lease.acquire '{"count": 1, "uid": 0, "job": 7}' | sed -n 's/.*"lease": "\([0-9a-f]*\)".*/\1/p')
    stop "$DIR/vgpud.pid"
    start_vgpud "$DIR"
    eventually 15 no_leases
    run ask lease.renew "{\"lease\": \"$id\"}"
    contains "$output" "started anew"
}

@test "a node that is not heard of is lost, and comes back" {
    start_site
    local pid
    pid=$(cat "$DIR/vgpud.pid")
    kill -STOP "$pid"
    eventually 15 node_is lost
    run ask lease.acquire '{"count": 1, "uid": 0, "job": 7}'
    contains "$output" "no GPU node is up"
    kill -CONT "$pid"
    eventually 15 node_is up
}

@test "vgpuctl release takes a program's GPU away" {
    start_site
    need_program jacobi-shared
    vgpu-run --server "127.0.0.1:$PORT" "$PROGRAMS/jacobi-shared" >"$DIR/out" 2>"$DIR/err" 3>&- &
    local pid=$!
    eventually 15 logged vgpud "worker [0-9]* serves"
    vgpuctl release "$(state '.slices[0].lease')"
    outcome "$pid"
    [ "$status" != 0 ]
    contains "$(cat "$DIR/err")" "is gone"
}

@test "a second user's worker is the second user's, and only he uses it" {
    need_root
    need setpriv
    need_program vector-add-shared
    setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$VGPU_LIBEXECDIR/vgpustepd" -a -r "$PROGRAMS/vector-add-shared" ||
        skip "the build tree is closed to other users"
    write_conf "$DIR"
    start_vgpud "$DIR"
    local other=$BATS_TEST_TMPDIR/other
    mkdir "$other"
    sed "s|KeyFile=[^ ]*|KeyFile=$other/key|" "$DIR/vgpu.conf" >"$other/vgpu.conf"
    cp "$KEY" "$other/key"
    chown -R 65534:65534 "$other"
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$DIR"
    run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups env TMPDIR=/tmp \
        vgpu-run --conf "$other/vgpu.conf" --server "$(address_of "$DIR")" "$PROGRAMS/vector-add-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; cat "$DIR/vgpud.log"; return 1; }
    logged vgpud "uid 65534)"
    # Root has another's lease file: the uid behind the credential is what counts.
    cp "$KEY" "$BATS_TEST_TMPDIR/key"
    local id
    id=$(peer "$(address_of "$DIR")" --key "$KEY" --request lease.acquire '{"count": 1, "uid": 65534}' |
        sed -n 's/.*"lease": "\([0-9a-f]*\)".*/\1/p')
    printf '%s\n' Version=1 "Lease=$id" Node=gpu1 Instance=0000000000000000 "Address=$(address_of "$DIR")" Auth=key \
        "KeyFile=$KEY" Channel=auto >"$BATS_TEST_TMPDIR/lease"
    chmod 600 "$BATS_TEST_TMPDIR/lease"
    run --separate-stderr "${PRELOADED[@]}" VGPU_LEASE="$BATS_TEST_TMPDIR/lease" LD_LIBRARY_PATH="$VGPU_LIBDIR" "$PROGRAMS/vector-add-shared"
    [ "$status" != 0 ]
    contains "$stderr" "belongs to uid 65534"
}

@test "a missing worker program is said to be missing" {
    need_program vector-add-shared
    write_conf "$DIR"
    local VGPU_LIBEXECDIR=$BATS_TEST_TMPDIR/empty
    mkdir "$VGPU_LIBEXECDIR"
    VGPU_LIBEXECDIR=$VGPU_LIBEXECDIR start_vgpud "$DIR"
    run --separate-stderr vgpu-run --conf "$DIR/vgpu.conf" --server "$(address_of "$DIR")" "$PROGRAMS/vector-add-shared"
    [ "$status" != 0 ]
    contains "$stderr" "vgpustepd: No such file"
}

@test "SIGTERM leaves no file behind" {
    write_conf "$DIR" "PidFile=$DIR/run.pid"
    start_vgpud "$DIR"
    [ "$(cat "$DIR/run.pid")" = "$(cat "$DIR/vgpud.pid")" ]
    [ -S "$DIR/vgpud.sock" ]
    stop "$DIR/vgpud.pid"
    [ ! -e "$DIR/vgpud.sock" ]
    [ ! -e "$DIR/run.pid" ]
}

@test "two vgpuds do not share a socket" {
    write_conf "$DIR"
    start_vgpud "$DIR"
    run timeout $((20 * SLOWER)) vgpud --conf "$DIR/vgpu.conf"
    [ "$status" = 1 ]
    contains "$output" "$DIR/vgpud.sock"
}

@test "the log goes to LogFile" {
    write_conf "$DIR" "LogFile=$DIR/%h.%p.log DebugLevel=debug"
    vgpud --conf "$DIR/vgpu.conf" </dev/null >/dev/null 2>&1 3>&- &
    echo $! >"$DIR/vgpud.pid"
    eventually 10 grep -q "listens on" "$DIR/gpu1.vgpud.log"
}

@test "a malformed vgpu.conf is refused with file and line" {
    write_conf "$DIR" "Gpus=4"
    for program in vgpud vgpuctld vgpu-smi "vgpuctl show nodes"; do
        run $program --conf "$DIR/vgpu.conf"
        [ "$status" != 0 ]
        contains "$output" "$DIR/vgpu.conf:4: " || { echo "$program"; return 1; }
    done
    run vgpud --conf "$DIR/nosuch.conf"
    [ "$status" = 1 ]
    contains "$output" nosuch.conf
    write_conf "$DIR" "SlicesPerDevice=0"
    run vgpud --conf "$DIR/vgpu.conf"
    contains "$output" "vgpu.conf:4: SlicesPerDevice: '0' is out of range"
}

@test "vgpuctld without a host of its own says what it lacks" {
    write_conf "$DIR"
    run vgpuctld --conf "$DIR/vgpu.conf"
    [ "$status" = 1 ]
    contains "$output" "VgpuctldHost"
}

@test "a state table that is no table is refused" {
    write_conf "$DIR" "VgpuctldHost=127.0.0.1 VgpuctldPort=$(free_port)"
    mkdir -p "$DIR/state"
    printf '%0200d' 0 >"$DIR/state/vgpuctld.db"
    run timeout $((20 * SLOWER)) vgpuctld --conf "$DIR/vgpu.conf"
    [ "$status" = 1 ]
    contains "$output" "vgpuctld.db"
}

@test "every program explains itself" {
    for program in vgpud vgpuctld vgpu-run vgpu-smi vgpuctl; do
        run "$program" --help
        [ "$status" = 0 ]
        contains "$output" "--conf"
        run "$program" --version
        [ "$status" = 0 ]
        contains "$output" "$program 0."
    done
}

# bats test_tags=plain
@test "the manual pages are well formed" {
    need mandoc
    local page
    for page in "$TOP_BUILDDIR"/man/*.[1-8]; do
        run mandoc -Tlint -Wwarning "$page"
        [ -z "$output" ] || { echo "$output"; return 1; }
    done
}
