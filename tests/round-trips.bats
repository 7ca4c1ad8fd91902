#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the network's latency is multiplied by: how often a program waits for its worker, counted by the client itself.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_UNITS=2
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

teardown() { nothing_left; }

# trips CHANNEL PROGRAM...: into $trips.
trips() {
    local channel=$1
    shift
    run --separate-stderr env VGPU_LOG_LEVEL=debug timeout $((60 * SLOWER)) vgpu-run --channel "$channel" "$@"
    [ "$status" = 0 ] || { echo "$* over $channel: status $status: $output $stderr"; return 1; }
    trips=$(sed -n 's/.* requests, \([0-9]*\) round trips.*/\1/p' <<<"$stderr")
    [ "$trips" ] || { echo "no count in: $stderr"; return 1; }
}

@test "a training step is one round trip" {
    need_program round-trips
    local channel once
    for channel in shm unix tcp; do
        trips "$channel" "$PROGRAMS/round-trips" 1
        once=$trips
        trips "$channel" "$PROGRAMS/round-trips" 21
        # Whoever is held up for 20 ms between recording and looking asks the worker: allowed for, once.
        ((trips - once == 20 || trips - once == 21)) || { echo "over $channel: 20 steps, $((trips - once)) round trips"; return 1; }
    done
}

@test "the first result is there after twelve round trips" {
    need_program vector-add-shared
    local channel
    for channel in shm tcp; do
        trips "$channel" "$PROGRAMS/vector-add-shared"
        ((trips <= 12)) || { echo "over $channel: $trips"; return 1; }
    done
}
