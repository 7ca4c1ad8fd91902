#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vgpu-run from end to end: the CUDA programs over every channel, and every way in which it may end.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_DEVICES=2 VGPU_SOFT_UNITS=2
}

setup() {
    PROGRAMS=$TOP_BUILDDIR/tests/cuda
    cd "$BATS_TEST_TMPDIR"
}

teardown() { nothing_left; }

# same NAME [OPTIONS...]: both links of a program, over each channel, give what it gives straight on the software GPU.
same() {
    local name=$1 expected channel link
    shift
    need_program "$name-shared"
    expected=$(straight "$PROGRAMS/$name-shared")
    for channel in shm:shared shm:static unix:shared tcp:shared tcp:static; do
        link=${channel#*:} channel=${channel%:*}
        run --separate-stderr timeout 60 vgpu-run --channel "$channel" "$@" "$PROGRAMS/$name-$link"
        [ "$status" = 0 ] || { echo "$name-$link over $channel: status $status: $output $stderr"; return 1; }
        [ "$output" = "$expected" ] || { echo "$name-$link over $channel: $output, straight: $expected"; return 1; }
    done
}

@test "vector-add" { same vector-add; }
@test "matmul-tiled" { same matmul-tiled; }
@test "reduce-shuffle" { same reduce-shuffle; }
@test "histogram" { same histogram; }
@test "streams-overlap" { same streams-overlap; }
@test "constant-memory" { same constant-memory; }
@test "copy-2d" { same copy-2d; }
@test "jacobi" { same jacobi; }
@test "device-printf" { same device-printf; }
@test "two-devices" { same two-devices --gpus 2; }
@test "thrust-sort" { same thrust-sort; }
@test "error-codes" { same error-codes; }

@test "the channel is the one that was asked for" {
    need_program vector-add-shared
    local channel
    for channel in shm unix tcp; do
        run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run --channel "$channel" "$PROGRAMS/vector-add-shared"
        [ "$status" = 0 ]
        contains "$stderr" " over $channel (lease"
    done
}

# Nothing may count on room: every message waits for the other side to read.
@test "the programs with rings of the smallest size" {
    local name expected
    export VGPU_CONF_RING_SIZE=4K
    for name in vector-add matmul-tiled reduce-shuffle histogram streams-overlap constant-memory copy-2d jacobi device-printf \
        thrust-sort error-codes; do
        need_program "$name-shared"
        expected=$(straight "$PROGRAMS/$name-shared")
        run --separate-stderr timeout 60 vgpu-run --channel shm "$PROGRAMS/$name-shared"
        [ "$status" = 0 ] && [ "$output" = "$expected" ] || { echo "$name: status $status: $output $stderr"; return 1; }
    done
}

@test "a ring's size is checked" {
    run env VGPU_CONF_RING_SIZE=5K vgpu-run true
    [ "$status" = 1 ]
    contains "$output" "a power of two from 4K to 64M"
}

# Who can connect to the Unix socket is on the execution host, whatever his namespaces are called.
@test "another network namespace has shared memory, and no need of the network" {
    need_root
    need unshare
    need_program vector-add-shared
    run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run unshare --net "$PROGRAMS/vector-add-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$stderr" " over shm (lease"
}

@test "a mount namespace without the socket has TCP" {
    need_root
    need unshare
    need_program vector-add-shared
    : >nothing
    run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run unshare --mount --uts sh -c '
        hostname elsewhere
        mount --bind nothing "$(sed -n "s/^Socket=\"*\([^\"]*\)\"*$/\1/p" "$VGPU_LEASE")" && exec "$0"' "$PROGRAMS/vector-add-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$stderr" " over tcp (lease"
}

@test "driver-ptx and nvrtc" {
    local name expected
    for name in driver-ptx nvrtc; do
        need_program "$name"
        expected=$(straight "$PROGRAMS/$name")
        for channel in shm tcp; do
            run --separate-stderr vgpu-run --channel "$channel" "$PROGRAMS/$name"
            [ "$status" = 0 ] && [ "$output" = "$expected" ] || { echo "$name over $channel: $output $stderr"; return 1; }
        done
    done
}

@test "the ranks of an MPI program have a device each" {
    need mpirun
    need_program mpi-ranks-shared
    run --separate-stderr vgpu-run --gpus 2 mpirun --allow-run-as-root --oversubscribe -n 2 "$PROGRAMS/mpi-ranks-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$output" "mpi-ranks: ok"
}

@test "a slice's memory is a quota" {
    need_program memory-quota-shared
    run --separate-stderr vgpu-run --mem 256M "$PROGRAMS/memory-quota-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$output" "total 256 MiB"
}

@test "a program's device arrays are in its slice's quota" {
    need_program device-array-shared
    local channel
    for channel in shm tcp; do
        run -0 --separate-stderr vgpu-run --channel "$channel" --mem 64M "$PROGRAMS/device-array-shared"
        [ "$output" = "device-array: ok, refused" ] || { echo "$output $stderr"; return 1; }
        run -0 --separate-stderr vgpu-run --channel "$channel" --mem 128M "$PROGRAMS/device-array-shared"
        [ "$output" = "$(straight "$PROGRAMS/device-array-shared")" ] || { echo "$output $stderr"; return 1; }
    done
}

@test "a program with NVIDIA's static runtime is told the ways out" {
    local name
    for name in vector-add-nvidia vector-add-nvidia-stripped; do
        need_program "$name"
        run --separate-stderr vgpu-run "$PROGRAMS/$name"
        [ "$status" != 0 ]
        contains "$stderr" "-cudart shared"
    done
}

@test "a program that never calls CUDA opens no descriptor and starts no thread" {
    local expected
    expected=$(sh -c 'ls /proc/self/fd; grep Threads /proc/self/status')
    run --separate-stderr vgpu-run sh -c 'ls /proc/self/fd; grep Threads /proc/self/status'
    [ "$output" = "$expected" ] || { echo "$output, straight: $expected"; return 1; }
}

@test "the exit status is the program's" {
    run vgpu-run sh -c 'exit 7'
    [ "$status" = 7 ]
    run vgpu-run sh -c 'kill -9 $$'
    [ "$status" = 137 ]
    run -127 vgpu-run nosuchprogram
    contains "$output" "nosuchprogram: No such file"
    run -126 vgpu-run /etc/passwd
}

@test "standard input and output are the program's" {
    run --separate-stderr bash -c 'echo in | vgpu-run sh -c "cat; echo err >&2"'
    [ "$output" = in ]
    [ "$stderr" = err ]
}

@test "wrong options are refused at once" {
    run vgpu-run --mem banana true
    [ "$status" = 2 ]
    contains "$output" "--mem: 'banana' is not a size"
    run vgpu-run --cores 101 true
    [ "$status" = 2 ]
    run vgpu-run --gpus 0 true
    [ "$status" = 2 ]
    run vgpu-run --channel pigeon true
    [ "$status" = 2 ]
    run vgpu-run
    [ "$status" = 2 ]
    contains "$output" "a program to run"
    run vgpu-run -- sh -c 'echo --gpus'
    [ "$output" = --gpus ]
}

@test "more than there is is refused with what is free" {
    run vgpu-run --gpus 3 --mem 3G true
    [ "$status" = 1 ]
    contains "$output" "no free slice: 3 asked for, 2 free"
}

@test "a driver that is none is named" {
    run vgpu-run --driver /nonexistent/libcuda.so true
    [ "$status" = 1 ]
    contains "$output" /nonexistent/libcuda.so
    run vgpu-run --driver "$VGPU_LIBDIR/libcuda.so.1" true
    [ "$status" = 1 ]
    contains "$output" "slurm-vgpu's own client library"
}

@test "no daemon at the server's address" {
    local port
    port=$(free_port)
    write_conf "$BATS_TEST_TMPDIR/d"
    run vgpu-run --conf "$BATS_TEST_TMPDIR/d/vgpu.conf" --server "127.0.0.1:$port" true
    [ "$status" = 1 ]
    contains "$output" "127.0.0.1:$port"
    contains "$output" "refused"
}

@test "signals are forwarded" {
    vgpu-run sh -c 'trap "echo got it; exit 3" TERM; echo ready; while :; do sleep 0.1; done' >out 3>&- &
    local pid=$!
    eventually 10 grep -q ready out
    kill "$pid"
    outcome "$pid"
    [ "$status" = 3 ]
    grep -q "got it" out
}

@test "nothing stays when vgpu-run is killed" {
    vgpu-run sh -c 'echo $$; exec sleep 600' >out 3>&- &
    local pid=$! program
    eventually 10 test -s out
    program=$(cat out)
    kill -9 "$pid"
    eventually 10 is_gone "$program"
}

@test "vgpu-run inside vgpu-run" {
    need_program vector-add-shared
    run --separate-stderr vgpu-run vgpu-run "$PROGRAMS/vector-add-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
}

@test "vgpu-smi shows the program that runs" {
    need jq
    run --separate-stderr vgpu-run --mem 64M --cores 50 vgpu-smi --json
    [ "$status" = 0 ]
    [ "$(jq -r '.slices[0] | "\(.memory) \(.cores) \(.state)"' <<<"$output")" = "67108864 50 idle" ]
    [ "$(jq '.devices | length' <<<"$output")" = 2 ]
}

# start_jacobi CHANNEL: in the background, until its worker ($worker) has begun.
start_jacobi() {
    need_program jacobi-shared
    rm -f err pid
    VGPU_LOG_LEVEL=info vgpu-run --channel "$1" sh -c 'echo $$ >pid; exec "$0"' "$PROGRAMS/jacobi-shared" >out 2>err 3>&- &
    run_pid=$!
    eventually 20 grep -q "worker [0-9]* serves" err
    worker=$(sed -n 's/.*worker \([0-9]*\) serves.*/\1/p' err)
}

@test "a worker killed in mid-call ends the program with an error" {
    local channel
    for channel in shm unix tcp; do
        start_jacobi "$channel"
        kill -9 "$worker"
        eventually 20 is_gone "$run_pid" || { kill -9 "$run_pid"; return 1; }
        outcome "$run_pid"
        [ "$status" != 0 ] || { cat out err; return 1; }
        contains "$(cat err)" "was killed by SIGKILL"
        contains "$(cat err)" "is gone"
        contains "$(cat out)" "cudaErrorDevicesUnavailable"
    done
}

@test "a client killed in mid-call leaves no worker" {
    local channel
    for channel in shm tcp; do
        start_jacobi "$channel"
        kill -9 "$(cat pid)"
        eventually 20 is_gone "$worker"
        outcome "$run_pid"
        [ "$status" = 137 ]
    done
}
