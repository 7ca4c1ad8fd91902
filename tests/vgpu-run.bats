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
    cd "$BATS_TEST_TMPDIR"
}

teardown() { nothing_left; }

# ways LINK: the channels for a link of a program, each with what comes before the command. The runtime is what differs
# between the links, and knows nothing of channels: so each has ways of its own, and what has one link alone all of them.
ways() {
    [[ $1 != *-shared ]] || printf '%s\n' "shm env" "tcp env" "unix env"
    [[ $1 != *-shared || -e $TOP_SRCDIR/tests/cuda/samples/${1%-shared}.cu ]] || return 0
    printf '%s\n' "shm with_least_rings" "tcp with_least_rings"
    [[ $1 = *-static || $1 = *-shared ]] || printf '%s\n' "shm env" "tcp env"
}

# same NAME [OPTIONS...]: each link of a program, over each channel, gives what it gives straight on the software GPU.
same() {
    need_root
    need unshare ip
    local name=$1 channel link command how
    shift
    for link in $(links "$name"); do
        need_program "$link"
        expected "$link" >expected
        command=("$PROGRAMS/$link")
        [ "$name" != mpi-ranks ] || command=(mpirun --allow-run-as-root --oversubscribe -n 4 "$PROGRAMS/$link" 4)
        while read -r channel how; do
            run --separate-stderr "$how" timeout $((120 * SLOWER)) vgpu-run --mem "$QUOTA" --channel "$channel" "$@" "${command[@]}" </dev/null
            [ "$status" = 0 ] || { echo "$link over $channel ($how): status $status: $output $stderr"; return 1; }
            diff expected - <<<"$output" || { echo "$link over $channel ($how) is not as straight"; return 1; }
        done < <(ways "$link")
    done
}

# sanitized.bats runs them all, in these ways too.
# bats file_tags=plain

@test "vector-add" { same vector-add; }
@test "matmul-tiled" { same matmul-tiled; }
@test "reduce-shuffle" { same reduce-shuffle; }
@test "histogram" { same histogram; }
@test "streams-overlap" { same streams-overlap; }
@test "constant-memory" { same constant-memory; }
@test "copy-2d" { same copy-2d; }
@test "pageable-copies" { same pageable-copies; }
@test "jacobi: 10,000 launches" { same jacobi; }
@test "device-printf" { same device-printf; }
@test "two-devices" { same two-devices --gpus 2; }
@test "two-devices: two slices of one device" { VGPU_SOFT_DEVICES=1 same two-devices --gpus 2; }
@test "halo-exchange: two devices" { same halo-exchange --gpus 2; }
@test "visible-devices" { same visible-devices --gpus 2; }
@test "visible-devices: two slices of one device" { VGPU_SOFT_DEVICES=1 same visible-devices --gpus 2; }
@test "device-calls: two devices" { same device-calls --gpus 2; }
@test "device-calls: two slices of one device" { VGPU_SOFT_DEVICES=1 same device-calls --gpus 2; }
@test "device-array" { same device-array; }
@test "device-features" { same device-features; }
@test "tensor-cores" { same tensor-cores; }
@test "thrust-sort" { same thrust-sort; }
@test "error-codes" { same error-codes; }
@test "copy-behind-kernel" { same copy-behind-kernel; }
@test "call-codes" { same call-codes; }
@test "memory-quota" { same memory-quota; }
@test "driver-ptx" { same driver-ptx; }
@test "nvrtc" { same nvrtc; }
@test "two majors of the runtime in one process" { same majors; }
@test "ipc: memory of two processes" { same ipc; }
@test "ipc-events: of two processes" { same ipc-events; }
@test "ipc-pools: of two processes" { same ipc-pools; }
@test "mpi-ranks: a device for each of four" { need mpirun && same mpi-ranks --gpus 4; }

@test "every other program" {
    local name
    for name in $(others same); do
        same "$name"
    done
}

# bats file_tags=

@test "a descriptor of memory is good in another process of the same lease, and in no other's" {
    need_program shareable-handles
    local program=$PROGRAMS/shareable-handles line
    run --separate-stderr vgpu-run sh -c '"$0" lend door | { read -r line && "$0" borrow door; }' "$program"
    [ "$output" = "shareable-handles: borrows, CUDA_SUCCESS" ] || { echo "$output $stderr"; return 1; }
    rm door
    vgpu-run "$program" lend door 2>lent.err | { read -r line && vgpu-run "$program" borrow door; } >borrowed 2>&1
    contains "$(cat borrowed)" "borrows, CUDA_ERROR_NOT_PERMITTED" || { cat lent.err; return 1; }
    contains "$(cat borrowed)" "cuMemImportFromShareableHandle: it is another job's"
}

@test "the channel is the one that was asked for" {
    need_program vector-add-shared
    local channel
    for channel in shm unix tcp; do
        run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run --channel "$channel" "$PROGRAMS/vector-add-shared"
        [ "$status" = 0 ]
        contains "$stderr" " over $channel (lease"
    done
}

@test "the child of a fork does not keep the session of a parent that is killed" {
    need "${PYTHON:-python3}"
    local channel
    for channel in shm tcp; do
        run --separate-stderr vgpu-run --channel "$channel" "${PYTHON:-python3}" - <<'END'
import ctypes, json, os, signal, subprocess, time

def sessions():
    return json.loads(subprocess.run(["vgpu-smi", "--json"], check=True, capture_output=True).stdout)["sessions"]

up, say_up = os.pipe()
end, say_end = os.pipe()
parent = os.fork()
if parent == 0:
    assert ctypes.CDLL("libcuda.so.1").cuInit(0) == 0
    assert len(sessions()) == 1
    if os.fork() == 0:
        os.close(say_end)
        os.write(say_up, b"x")
        os.read(end, 1)  # until the first of us closes it
        os._exit(0)
    os.read(up, 1)
    os.kill(os.getpid(), signal.SIGKILL)
os.close(end)
assert os.WTERMSIG(os.waitpid(parent, 0)[1]) == signal.SIGKILL
deadline = time.monotonic() + 40
while sessions():
    assert time.monotonic() < deadline, "the session is still there"
    time.sleep(0.05)
os.write(say_end, b"x")
print("ended")
END
        [ "$output" = ended ] || { echo "$channel: $output $stderr"; return 1; }
    done
}

@test "CUDA_VISIBLE_DEVICES chooses the GPUs of a daemon of its own, and the program does not get it" {
    CUDA_VISIBLE_DEVICES=1 run -0 --separate-stderr vgpu-run sh -c 'echo "variable: ${CUDA_VISIBLE_DEVICES-none}"; vgpu-smi --json'
    contains "$output" "variable: none"
    contains "$output" "0000:00:01.0"
    [[ $output != *0000:00:00.0* ]] || { echo "$output"; return 1; }
    CUDA_VISIBLE_DEVICES=2 run vgpu-run true
    [ "$status" = 1 ]
    contains "$output" "CUDA error 100, and CUDA_VISIBLE_DEVICES=2"
}

@test "rings and buffers are as small as the programs are told" {
    need_root
    need unshare ip "${PYTHON:-python3}"
    run -0 --separate-stderr with_least_rings sh -c 'echo $VGPU_CONF_RING_SIZE; cat /proc/sys/net/ipv4/tcp_rmem /proc/sys/net/ipv4/tcp_wmem'
    [ "$(tr -s '\t\n' ' ' <<<"$output")" = "4K 4096 4096 4096 4096 4096 4096 " ] || { echo "$output $stderr"; return 1; }
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

# As in a container: other processes, another name, another view of the files, no network.
@test "namespaces of its own in every way have shared memory, as long as the socket can be reached" {
    need_root
    need unshare
    need_program vector-add-shared
    run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run unshare --net --pid --fork --uts --ipc --cgroup --mount --mount-proc sh -c '
        hostname elsewhere
        [ "$$" = 1 ] || exit 1
        exec "$0"' "$PROGRAMS/vector-add-shared"
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    contains "$stderr" " over shm (lease"
}

@test "a user namespace in which nobody is who he is has shared memory" {
    need_root
    need unshare
    need_program vector-add-shared
    unshare --user --map-root-user true 2>/dev/null || skip "no user namespaces here"
    run --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run unshare --user --map-root-user --net "$PROGRAMS/vector-add-shared"
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

@test "a program that never calls CUDA opens no descriptor and starts no thread" {
    local expected
    expected=$(sh -c 'ls /proc/self/fd; grep Threads /proc/self/status')
    run --separate-stderr vgpu-run sh -c 'ls /proc/self/fd; grep Threads /proc/self/status'
    [ "$output" = "$expected" ] || { echo "$output, straight: $expected"; return 1; }
}

@test "a program that links libcuda and libcudart and calls nothing has no thread, descriptor or connection of theirs" {
    [ -e "$PROGRAMS/stub/libcuda.so" ] || skip "the CUDA programs are not built"
    cat >idle.c <<'END'
#include <stdlib.h>
int cuInit(unsigned), cudaFree(void *);
int main(int argc, char **argv)
{
#ifndef PLAIN
    if (argc > 99)
        return cuInit(0) + cudaFree(0);
#endif
    return system("ls /proc/$PPID/fd; grep Threads /proc/$PPID/status") +
           system("grep -o 'libcuda[rt]*\\.so' /proc/$PPID/maps | sort -u >maps");
}
END
    ${CC:-gcc} -DPLAIN idle.c -o plain
    # As nvcc links them: against the driver's stub and NVIDIA's name of the runtime.
    ${CC:-gcc} idle.c -Wl,--no-as-needed "$PROGRAMS/stub/libcuda.so" "$CUDART_LIBDIR"/libcudart.so.1[0-9] -o idle
    run -0 --separate-stderr ./plain
    local plain=$output
    run -0 --separate-stderr env VGPU_LOG_LEVEL=info vgpu-run ./idle
    [ "$(paste -sd' ' maps)" = "libcuda.so libcudart.so" ]
    [ "$output" = "$plain" ] || { echo "$output, without the libraries: $plain"; return 1; }
    contains "$stderr" "listens on"
    [[ $stderr != *" serves process"* ]]
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
