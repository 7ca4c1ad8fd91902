#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a CUDA program sees of a failure: the right code from every call, one line that says what it is and what to do,
# and nothing left behind. What the plugins and daemons say of it stands in slurm/failures.bats, auth.bats, daemon.bats.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_UNITS=1 DIR=$BATS_FILE_TMPDIR/d
    write_conf "$DIR"
    start_vgpud "$DIR"
    ADDRESS=$(address_of "$DIR")
    export ADDRESS KEY=$DIR/key
}

teardown_file() {
    stop_daemons "$DIR"
}

setup() {
    need_program call-codes-shared call-codes-static
    PEER=$TOP_SRCDIR/tests/control-peer.py
    export VGPU_LEASE=$BATS_TEST_TMPDIR/lease
    cd "$BATS_TEST_TMPDIR"
}

teardown() {
    stop server.pid && stop_daemons d && eventually 10 no_workers && eventually 5 no_folders
}
no_workers() { [ -z "$(children "$(cat "$DIR/vgpud.pid")")" ]; }

# acquire UID: a lease of the daemon's.
acquire() {
    peer "$ADDRESS" --key "$KEY" --uid 0 --request lease.acquire "{\"count\": 1, \"uid\": $1, \"memory\": 1048576}" |
        sed -n 's/.*"lease": "\([0-9a-f]*\)".*/\1/p'
}

# write_lease ID [LINE...]: the file of it; without lines for Address or Socket it leads to the daemon.
write_lease() {
    local id=$1
    shift
    printf '%s\n' Version=1 "Lease=$id" Node=gpu1 Auth=key "KeyFile=$KEY" Channel=auto "${@:-Address=$ADDRESS}" >lease
    chmod 600 lease
}

# serve OPTIONS...: something else than a daemon; the lease leads to it.
serve() {
    rm -f server.out
    # Not by peer(): it would be a shell's child, which outlives that.
    "${PYTHON:-python3}" "$PEER" --serve --key "$KEY" "$@" </dev/null >server.out 2>server.err 3>&- &
    echo $! >server.pid
    eventually 10 test -s server.out
    write_lease 00000000000000aa "Address=$(cat server.out)"
}

codes() { "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR" timeout $((60 * SLOWER)) "$PROGRAMS/call-codes-$1"; }

# sees RESULT ERROR TEXT: each link gets these from cuInit and from the runtime's calls, and one line with TEXT.
sees() {
    local link call
    for link in shared static; do
        run --separate-stderr codes "$link"
        [ "$status" = 1 ]
        for call in "cuInit $1" "cuInit again $1" "cudaGetDeviceCount $2" "cudaMalloc $2" "cudaMemset $2" "cudaMemcpy $2"; do
            contains "$output" "call-codes: $call" || { echo "$stderr"; return 1; }
        done
        contains "$stderr" "$3"
        [ "$(wc -l <<<"$stderr")" = 1 ] || { echo "more than a line: $stderr"; return 1; }
    done
}

@test "no lease" {
    unset VGPU_LEASE
    sees CUDA_ERROR_NO_DEVICE cudaErrorNoDevice "no vgpu lease: run under sbatch --gres=vgpu:N or vgpu-run"
}

@test "the file of a lease that is over" {
    sees CUDA_ERROR_NO_DEVICE cudaErrorNoDevice "cannot open the lease $VGPU_LEASE"
}

@test "a malformed lease file" {
    write_lease 00000000000000aa "Address=$ADDRESS" Banana=yes
    sees CUDA_ERROR_SYSTEM_NOT_READY cudaErrorSystemNotReady "$VGPU_LEASE:8: "
}

@test "a lease file open to others" {
    write_lease 00000000000000aa
    chmod 644 lease
    sees CUDA_ERROR_NOT_PERMITTED cudaErrorNotPermitted "chmod 600"
}

@test "no daemon" {
    write_lease 00000000000000aa "Address=127.0.0.1:$(free_port)"
    sees CUDA_ERROR_SYSTEM_NOT_READY cudaErrorSystemNotReady "node gpu1 cannot be reached"
    write_lease 00000000000000aa "Socket=$BATS_TEST_TMPDIR/nosuch"
    sees CUDA_ERROR_SYSTEM_NOT_READY cudaErrorSystemNotReady "node gpu1 cannot be reached"
}

@test "a daemon of another version" {
    serve --protocol 99
    sees CUDA_ERROR_SYSTEM_DRIVER_MISMATCH cudaErrorSystemDriverMismatch "speaks 99: install the same slurm-vgpu on both"
}

@test "a refusal's code is the program's, if CUDA knows it" {
    serve --refuse 803
    sees CUDA_ERROR_SYSTEM_DRIVER_MISMATCH cudaErrorSystemDriverMismatch "the test refuses"
    stop server.pid
    serve --refuse 12345
    sees CUDA_ERROR_SYSTEM_NOT_READY cudaErrorSystemNotReady "the test refuses"
}

@test "a handshake of garbage, too large or cut off" {
    local kind
    for kind in garbage oversized; do
        serve --spoil "$kind"
        sees CUDA_ERROR_SYSTEM_DRIVER_MISMATCH cudaErrorSystemDriverMismatch "node gpu1 cannot be reached"
        stop server.pid
    done
    serve --spoil truncated
    sees CUDA_ERROR_SYSTEM_NOT_READY cudaErrorSystemNotReady "node gpu1 cannot be reached"
}

@test "a worker that answers with garbage, too much or too little" {
    local kind
    for kind in garbage oversized short truncated; do
        serve --spoil-calls "$kind"
        sees CUDA_ERROR_DEVICE_UNAVAILABLE cudaErrorDevicesUnavailable "the GPU worker on gpu1 was lost at the start" || { echo "kind: $kind"; return 1; }
        stop server.pid
    done
}

@test "a client that sends garbage, too much or too little ends its own session alone, with the reason in the log" {
    local kind id api session
    api=$(sed -n 's/.*kTableHash = \(0x[0-9a-f]*\).*/\1/p' "$TOP_BUILDDIR/remoting/api/calls.h")
    for kind in garbage oversized short truncated unknown empty; do
        id=$(acquire 0)
        run peer "$ADDRESS" --key "$KEY" --role session --lease "$id" --api "$api" --spoil-calls "$kind"
        contains "$output" welcome
        eventually 10 no_workers
        eventually 10 grep -q "worker [0-9]* of lease $id exited" "$DIR/vgpud.log" || { echo "kind: $kind"; return 1; }
        session=$(sed -n "s/.*session \([0-9a-f]*\): process .*, lease $id,.*/\1/p" "$DIR/vgpud.log")
        case $kind in
        # To leave in the middle of a message is what a killed client does.
        truncated) grep -q "the client is gone: the peer closed the connection inside a message" "$DIR/vgpud.log" ;;
        *) grep -q "error: session $session: " "$DIR/vgpud.log" ;;
        esac || { echo "kind: $kind"; tail -n 4 "$DIR/vgpud.log"; return 1; }
    done
}

@test "an expired lease" {
    # A daemon of its own: the others' leases shall not expire on a slow machine.
    local id KEY=$PWD/d/key ADDRESS
    write_conf "$PWD/d" LeaseTimeout=1
    start_vgpud "$PWD/d"
    ADDRESS=$(address_of "$PWD/d")
    id=$(acquire 0)
    write_lease "$id"
    eventually 20 grep -q "lease $id .*has expired" d/vgpud.log
    sees CUDA_ERROR_NO_DEVICE cudaErrorNoDevice "lease $id has expired"
}

@test "a foreign lease" {
    need_root
    local id
    id=$(acquire 65534)
    write_lease "$id"
    sees CUDA_ERROR_NOT_PERMITTED cudaErrorNotPermitted "lease $id belongs to uid 65534, not to uid 0"
}

# It is known by who asks for the driver's functions, which a sanitizer's runtime stands before.
# bats test_tags=plain
@test "a program with NVIDIA's static runtime, stripped or not" {
    local name
    for name in vector-add-nvidia vector-add-nvidia-stripped; do
        need_program "$name"
        run --separate-stderr vgpu-run "$PROGRAMS/$name"
        [ "$status" = 1 ]
        contains "$output" "cudaErrorNotSupported"
        contains "$stderr" "-cudart shared"
        contains "$stderr" "libcudart_static.a"
        [ "$(wc -l <<<"$stderr")" = 1 ]
    done
}

# bats test_tags=plain
@test "an object with NVIDIA's static runtime that a program of ours loads later" {
    [ -n "${NVCC:-}" ] || skip "no nvcc"
    cat >plugin.cu <<'END'
__global__ void add(int *x) { *x += 1; }
extern "C" int run(void)
{
    int *x = nullptr, y = 0, failed = cudaMalloc(&x, sizeof y) != cudaSuccess;
    add<<<1, 1>>>(x);
    failed += cudaGetLastError() != cudaSuccess;
    return failed += cudaMemcpy(&y, x, sizeof y, cudaMemcpyDefault) != cudaSuccess;
}
END
    cat >program.cu <<'END'
#include <cstdio>
#include <dlfcn.h>
__global__ void set(int *x) { *x = 41; }
static int own()
{
    int *x, y = 0;
    cudaMalloc(&x, sizeof y);
    set<<<1, 1>>>(x);
    cudaMemcpy(&y, x, sizeof y, cudaMemcpyDefault);
    cudaFree(x);
    return y;
}
int main(int count, char **files)
{
    if (count > 2)
        std::printf("%d ", own());
    void *plugin = dlopen(files[1], RTLD_NOW);
    auto run = reinterpret_cast<int (*)()>(dlsym(plugin, "run"));
    int first = run(), second = run(); // in this order
    std::printf("%d %d %d\n", first, second, own());
    return 0;
}
END
    local build=("$NVCC" -gencode arch=compute_75,code=compute_75 -L"$CUDA_HOME_DIR/lib64" -L"$CUDA_HOME_DIR/lib")
    "${build[@]}" -cudart static -shared -Xcompiler -fPIC plugin.cu -o plugin.so
    "${build[@]}" -cudart shared program.cu -o program
    # Whichever of the two calls first, the program goes on, and the plugin has errors and one line that names it.
    local more
    for more in "" more; do
        run -0 --separate-stderr vgpu-run ./program ./plugin.so $more
        [ "$output" = "${more:+41 }3 3 41" ] || { echo "$output $stderr"; return 1; }
        contains "$stderr" "plugin.so has NVIDIA's CUDA runtime linked in"
        contains "$stderr" "-cudart shared"
        [ "$(wc -l <<<"$stderr")" = 1 ]
    done
}

# start_waiting CHANNEL: a program that waits in a call, in the background, until its worker ($worker) is at it.
start_waiting() {
    rm -f out err pid
    VGPU_LOG_LEVEL=info vgpu-run --channel "$1" sh -c 'echo $$ >pid; exec "$0" wait' "$PROGRAMS/call-codes-shared" >out 2>err 3>&- &
    run_pid=$!
    eventually 60 grep -q "launch cudaSuccess" out || { cat out err; return 1; }
    worker=$(sed -n 's/.*worker \([0-9]*\) serves.*/\1/p' err)
}

@test "a worker killed in mid-call" {
    local channel call
    for channel in shm unix tcp; do
        start_waiting "$channel"
        kill -9 "$worker"
        eventually 20 is_gone "$run_pid" || { kill -9 "$run_pid"; return 1; }
        outcome "$run_pid"
        [ "$status" = 1 ] || { cat out err; return 1; }
        for call in "cudaDeviceSynchronize cuda" "cuInit later CUDA_" "cudaMalloc later cuda" "cudaMemcpy cuda"; do
            contains "$(cat out)" "call-codes: $call" || return 1
        done
        [ "$(grep -c 'cudaErrorDevicesUnavailable$' out)" = 3 ]
        [ "$(grep -c 'cuInit later CUDA_ERROR_DEVICE_UNAVAILABLE$' out)" = 1 ]
        contains "$(cat err)" "was killed by SIGKILL"
        [ "$(grep -c 'the GPU worker on .* is gone' err)" = 1 ]
    done
}

@test "a client killed in mid-call leaves no worker" {
    local channel
    for channel in shm unix tcp; do
        start_waiting "$channel"
        kill -9 "$(cat pid)"
        eventually 20 is_gone "$worker"
        outcome "$run_pid"
        [ "$status" = 137 ]
    done
}
