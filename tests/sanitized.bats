#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every CUDA program over shared memory and TCP with a client, a runtime, a daemon and a worker that were built with a
# sanitizer: any finding of it in any of them fails. The programs are those of a build without, and so is the driver but under
# ThreadSanitizer: CUDA_PROGRAMS and SOFT_BUILD say where they are, WAYS which channels to take.
# Run by `make check-sanitized`, and over every channel with all programs by `make check-sanitized-all`.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_DEVICES=4 VGPU_SOFT_UNITS=2
}

setup() { cd "$BATS_TEST_TMPDIR"; }

teardown() { nothing_left; }

# sanitized NAME COMMAND...: all findings of the processes that this starts go to NAME.found.*.
sanitized() (
    found=$PWD/$1.found
    shift
    export ASAN_OPTIONS=$ASAN_OPTIONS:log_path=$found UBSAN_OPTIONS=$UBSAN_OPTIONS:log_path=$found TSAN_OPTIONS=$TSAN_OPTIONS:log_path=$found
    "$@"
)

# findings NAME: what was found there, if anything.
findings() {
    local file
    for file in "$1".found.*; do
        [ -e "$file" ] || continue
        echo "--- $file" && head -n 60 "$file"
        return 1
    done
}

# one NAME WAY: over a channel, or least-CHANNEL for one of the least size; its output and findings are in NAME.WAY.bad if it
# did not go well.
one() {
    local log=$1.$2 status=0 how=env ranks=() gpus=2 TSAN_OPTIONS=$TSAN_OPTIONS
    [[ $2 != least-* ]] || how=with_least_rings
    # MPI's own threads are in order by what ThreadSanitizer cannot see in libraries that are built without it.
    [[ $1 != mpi-ranks-* ]] || ranks=(mpirun --allow-run-as-root --oversubscribe -n 4) gpus=4 TSAN_OPTIONS+=:ignore_noninstrumented_modules=1
    sanitized "$log" "$how" timeout $((120 * SLOWER)) vgpu-run --gpus "$gpus" --mem "$QUOTA" --channel "${2#least-}" "${ranks[@]}" \
        "$PROGRAMS/$1" ${ranks:+4} >"$log.log" 2>&1 </dev/null || status=$?
    findings "$log" >>"$log.log" && [ "$status" = 0 ] || mv "$log.log" "$log.bad"
    echo "$status" >"$log.status"
}

# In the short run ThreadSanitizer is given no program that needs more libraries, of which that of CUDA 12 is one: they would have to
# be built.
programs() {
    local file without=^$
    [[ $VGPU_SANITIZE != *thread* || -n ${SANITIZE_ALL:-} ]] || without='^(blas|fft|rand|majors$)|-12-shared$'
    for file in "$PROGRAMS"/*-shared "$PROGRAMS/majors" $(driver_programs | sed "s|[^ ]*|$PROGRAMS/&|g"); do
        [ ! -x "$file" ] || basename "$file"
    done | grep -vE "$without"
}

@test "every program" {
    local name way bad ways=${WAYS:-shm tcp}
    [ -z "${SANITIZE_ALL:-}" ] || ways=${WAYS:-shm tcp unix least-shm least-tcp}
    [ "$(programs | wc -l)" != 0 ] || skip "the CUDA programs are not built"
    [ "$(programs | wc -l)" -gt 40 ] || { echo "no CUDA programs in $PROGRAMS"; return 1; }
    for name in $(programs); do
        for way in $ways; do
            while [ "$(jobs -rp | wc -l)" -ge "${AT_ONCE:-2}" ]; do wait -n || :; done
            one "$name" "$way" 3>&- &
        done
    done
    wait
    [ "$(cat ./*.status | wc -l)" = "$(($(programs | wc -l) * $(wc -w <<<"$ways")))" ]
    for bad in *.bad; do
        [ -e "$bad" ] || return 0
        echo "=== ${bad%.bad}: status $(cat "${bad%.bad}.status")" && tail -n 80 "$bad"
    done
    return 1
}

# What a worker, or somebody in its place, says is read as carefully as what a client says: the program may fail, and is
# told so, but no more than that.
@test "a worker that talks nonsense harms no client" {
    local name seed bad=0 noticed=0 proxy dir=$BATS_TEST_TMPDIR/site
    need_program vector-add-shared graph-nodes-shared
    write_conf "$dir" "Driver=$SOFT_LIBDIR/libcuda-soft.so.1"
    start_vgpud "$dir"
    for seed in {1..12}; do
        for name in vector-add-shared graph-nodes-shared; do
            rm -f proxy # the last one's says where that listened
            "$PYTHON" "$TOP_SRCDIR/tests/stream-proxy.py" --noise "$seed" "$(address_of "$dir")" >proxy 3>&- &
            proxy=$!
            eventually 10 grep -q "listens on" proxy
            THROUGH=$(sed -n 's/listens on //p' proxy) sanitized "$name.$seed" timeout $((30 * SLOWER)) vgpu-run --server "$(address_of "$dir")" \
                --conf "$dir/vgpu.conf" --channel tcp sh -c \
                'sed "s/^Address=.*/Address=$THROUGH/" "$VGPU_LEASE" >l && chmod 600 l && VGPU_LEASE=$PWD/l exec "$0"' \
                "$PROGRAMS/$name" >out 2>&1 && status=0 || status=$?
            # 134 is abort(), by which some of them say that a call failed; 66 is a finding.
            [[ ($status -lt 124 || $status = 134) && $status != 66 ]] || { echo "$name, seed $seed: status $status" && cat out && bad=1; }
            findings "$name.$seed" || bad=1
            [ "$status" = 0 ] || noticed=$((noticed + 1))
            kill "$proxy" 2>/dev/null || :
            wait "$proxy" 2>/dev/null || :
        done
    done
    stop_daemons "$dir"
    [ "$noticed" -gt 0 ] || { echo "nothing that was changed was noticed"; return 1; }
    [ "$bad" = 0 ]
}
