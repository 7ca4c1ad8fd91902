#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The network's parts: real daemons and real copies, on a link that vgpud is told is a slow one. What is compared is
# bytes that were counted at the same moments, never seconds.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    need "${PYTHON:-python3}" jq
    stage
    export VGPU_SOFT_UNITS=1 DIR=$BATS_FILE_TMPDIR/d
    write_conf "$DIR" LinkRate=160M LatencyWeight=3 NormalWeight=1 BulkWeight=1 BulkCap=40M
    start_vgpud "$DIR"
    export ADDRESS
    ADDRESS=$(address_of "$DIR")
}

teardown_file() { stop_daemons "$DIR"; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    movers=()
    RUN=(vgpu-run --server "$ADDRESS" --conf "$DIR/vgpu.conf" --channel tcp --mem 64M)
}

teardown() {
    local one
    for one in "${movers[@]}"; do kill "$one" 2>/dev/null || :; done
    wait "${movers[@]}" 2>/dev/null || :
    eventually 10 nobody
}

sessions() { vgpu-smi --server "$ADDRESS" --conf "$DIR/vgpu.conf" --json | jq "$@"; }
nobody() { [ "$(sessions '.sessions | length')" = 0 ]; }

# move CLASS [OPTION]: a program that moves copies in that class, until the test ends.
move() {
    local class=$1
    shift
    "${RUN[@]}" --qos "$class" "${PYTHON:-python3}" "$TOP_SRCDIR/tests/bulk-sender.py" "$@" >"out$1$class" 2>&1 3>&- &
    movers+=($!)
    eventually 20 grep -q moving "out$1$class"
}

# counted WAY CLASS...: bytes moved by the sessions of these classes, all of one moment.
counted() {
    local way=$1 class filter=
    shift
    for class; do filter+="${filter:+, }([.sessions[] | select(.qos == \"$class\") | .bulk_$way] | add // 0)"; done
    sessions -r "[$filter] | @tsv"
}

# grown WAY BYTES CLASS...: until all together have moved so many more; how many each has, in $deltas.
grown() {
    local way=$1 bytes=$2 i sum
    shift 2
    read -ra before < <(counted "$way" "$@")
    enough() {
        read -ra after < <(counted "$way" "$@")
        deltas=() sum=0
        for i in "${!before[@]}"; do
            deltas+=($((after[i] - before[i])))
            sum=$((sum + after[i] - before[i]))
        done
        ((sum >= bytes))
    }
    until enough "$@"; do sleep 0.2; done
}

# held WAY CLASS: the pace holds that class back.
held() { [ "$(sessions "[.sessions[] | select(.qos == \"$2\") | .paced_ns] | add > 0")" = true ]; }

@test "three to one on a link that both want" {
    local way option
    for way in in out; do
        option=
        [ "$way" = in ] || option=--out
        move latency $option
        move normal $option
        # The shares have settled when both have been waiting for theirs.
        eventually 20 held "$way" latency
        eventually 20 held "$way" normal
        grown "$way" 4000000 latency normal
        grown "$way" 30000000 latency normal
        ((deltas[0] * 10 >= deltas[1] * 27 && deltas[0] * 10 <= deltas[1] * 33)) || { echo "$way: ${deltas[*]}"; sessions .sessions; return 1; }
        kill "${movers[@]}"
        wait "${movers[@]}" || :
        movers=()
        eventually 10 nobody
    done
}

# chunk_of CLASS BYTES: that much is let through at a time from the device: what its pace gives in 6.25 ms.
chunk_of() {
    vgpuctl metrics --server "$ADDRESS" --conf "$DIR/vgpu.conf" >shown
    grep -q "^vgpu_session_from_device_chunk_bytes{.*qos=\"$1\"} $2\$" shown
}

@test "who is alone has the whole link, and a cap holds though nobody else is there" {
    move normal
    eventually 20 held in normal
    [ "$(sessions '.sessions[0] | .pace_in')" = 20000000 ]
    # Every number that says how it is adjusted can be watched.
    vgpuctl metrics --server "$ADDRESS" --conf "$DIR/vgpu.conf" >shown
    local metric
    for metric in pace_bytes_per_second bytes_per_second bytes_total; do
        [ "$(grep -c "^vgpu_session_to_device_$metric{.*,channel=\"tcp\",qos=\"normal\"} [1-9]" shown)" = 1 ] || { cat shown; return 1; }
    done
    grep -q '^vgpu_session_to_device_chunk_bytes{.*} 125000$' shown || { cat shown; return 1; }
    grep -q '^vgpu_session_rtt_seconds{.*} 0\.' shown || grep -qE '^vgpu_session_rtt_seconds.*} [0-9.]+e-' shown || { cat shown; return 1; }
    grep -q '^vgpu_session_to_device_queue_bytes{' shown
    move bulk --out
    eventually 20 held out bulk
    [ "$(sessions '[.sessions[] | select(.qos == "bulk") | .pace_out] | add')" = 5000000 ]
    eventually 20 chunk_of bulk 31250
    # The other direction is another link.
    [ "$(sessions '[.sessions[] | select(.qos == "normal") | .pace_in] | add')" = 20000000 ]
}

# sent MODE OPTION...: how many bytes a program's 12 MiB of copies are on a path of 100 Mb/s.
sent() {
    local mode=$1
    shift
    VGPU_CONF_COMPRESSION=$mode VGPU_TEST_LINK=rate=100M VGPU_LOG_LEVEL=info timeout $((60 * SLOWER)) \
        vgpu-run --channel tcp "${PYTHON:-python3}" "$TOP_SRCDIR/tests/bulk-sender.py" --few "$@" 2>&1 |
        sed -n 's/.*test link: .* messages and \([0-9]*\) bytes out.*/\1/p'
}

@test "on a slow path, and where the site wants it, what gives way is compressed" {
    local all=$((12 << 20)) zeros noise off
    zeros=$(sent adaptive)
    noise=$(sent adaptive --noise)
    off=$(sent no)
    echo "zeros $zeros, noise $noise, off $off"
    ((zeros < all / 2)) # the first of them find out that it is worth it
    ((noise >= all && noise < all + all / 500))
    ((off >= all && off < all + all / 500))
}

@test "what is compressed comes out as it was" {
    local name
    for name in copy-2d array-copies streams-overlap; do
        need_program "$name-shared"
        expected "$name-shared" >expected
        run -0 --separate-stderr env VGPU_CONF_COMPRESSION=adaptive VGPU_TEST_LINK=rate=400M timeout $((60 * SLOWER)) \
            vgpu-run --channel tcp "$PROGRAMS/$name-shared"
        diff expected - <<<"$output"
    done
}

# more FILTER: the first session's row says so.
more() { [ "$(sessions ".sessions[0] | $1")" = true ]; }

@test "on a long path whose connections hold little, there are more of them, and more is under way" {
    local DIR=$BATS_TEST_TMPDIR/d ADDRESS metric
    write_conf "$DIR" CopyConnections=6 CopyWindow=24M
    start_vgpud "$DIR"
    ADDRESS=$(address_of "$DIR")
    RUN=(env VGPU_TEST_LINK=rtt=200ms,window=3M vgpu-run --server "$ADDRESS" --conf "$DIR/vgpu.conf" --channel tcp --mem 64M)
    move normal
    eventually 30 more '.connections == 6'
    eventually 30 more '.window_in > 12 * 1048576 and .window_in <= 24 * 1048576'
    vgpuctl metrics --server "$ADDRESS" --conf "$DIR/vgpu.conf" >shown
    for metric in copy_connections to_device_window_bytes; do
        grep -q "^vgpu_session_$metric{.*} [1-9]" shown || { cat shown; return 1; }
    done
    kill "${movers[@]}"
    stop_daemons "$DIR"
}

@test "the class is the lease's, the site's default or refused" {
    "${RUN[@]}" --qos latency vgpuctl --server "$ADDRESS" --conf "$DIR/vgpu.conf" show leases >shown
    grep -q latency shown || { cat shown; return 1; }
    "${RUN[@]}" sh -c "vgpu-smi --json --server '$ADDRESS' --conf '$DIR/vgpu.conf'" >shown
    [ "$(jq -r '.slices[0].qos' shown)" = normal ]
    run vgpu-run --qos fast true
    [ "$status" = 2 ]
    contains "$output" "latency|normal|bulk"
}
