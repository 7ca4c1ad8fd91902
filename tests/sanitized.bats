#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every CUDA program over shared memory and TCP with a client, a runtime, a daemon and a worker that were built with a
# sanitizer: any finding of it in any of them fails. The programs are those of a build without, and so is the driver but under
# ThreadSanitizer: CUDA_PROGRAMS and SOFT_BUILD say where they are, CHANNELS which channels to take. Run by `make check-sanitized`.
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
sanitized() {
    local found=$PWD/$1.found
    shift
    env ASAN_OPTIONS="$ASAN_OPTIONS:log_path=$found" UBSAN_OPTIONS="$UBSAN_OPTIONS:log_path=$found" \
        TSAN_OPTIONS="$TSAN_OPTIONS:log_path=$found" "$@"
}

# findings NAME: what was found there, if anything.
findings() {
    local file
    for file in "$1".found.*; do
        [ -e "$file" ] || continue
        echo "--- $file" && head -n 60 "$file"
        return 1
    done
}

# one NAME CHANNEL: its output and findings are in NAME.CHANNEL.bad if it did not go well.
one() {
    local log=$1.$2 status=0 launch=(vgpu-run --gpus 2 --mem "$QUOTA" --channel "$2" "$PROGRAMS/$1")
    [[ $1 != mpi-ranks-* ]] ||
        launch=(vgpu-run --gpus 4 --mem "$QUOTA" --channel "$2" mpirun --allow-run-as-root --oversubscribe -n 4 "$PROGRAMS/$1" 4)
    sanitized "$log" timeout 300 "${launch[@]}" >"$log.log" 2>&1 </dev/null || status=$?
    findings "$log" >>"$log.log" && [ "$status" = 0 ] || mv "$log.log" "$log.bad"
    echo "$status" >"$log.status"
}

# ThreadSanitizer is given no libraries that have threads of their own, nor the walks through wrong calls: they are long, and
# have one thread.
programs() {
    local file without=^$
    [[ $VGPU_SANITIZE != *thread* ]] || without='^(mpi-ranks|blas|fft|rand|wrong-(runtime-)?calls)'
    for file in "$PROGRAMS"/*-shared $(driver_programs | sed "s|[^ ]*|$PROGRAMS/&|g"); do
        [ ! -x "$file" ] || basename "$file"
    done | grep -vE "$without"
}

@test "every program" {
    local name channel bad
    [ "$(programs | wc -l)" != 0 ] || skip "the CUDA programs are not built"
    [ "$(programs | wc -l)" -gt 40 ] || { echo "no CUDA programs in $PROGRAMS"; return 1; }
    for name in $(programs); do
        for channel in ${CHANNELS:-shm tcp}; do
            while [ "$(jobs -rp | wc -l)" -ge "${AT_ONCE:-2}" ]; do wait -n || :; done
            one "$name" "$channel" 3>&- &
        done
    done
    wait
    [ "$(cat ./*.status | wc -l)" = "$(($(programs | wc -l) * $(wc -w <<<"${CHANNELS:-shm tcp}")))" ]
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
            THROUGH=$(sed -n 's/listens on //p' proxy) sanitized "$name.$seed" timeout 120 vgpu-run --server "$(address_of "$dir")" \
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
