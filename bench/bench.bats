#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The benchmark says every line that it should, and each can be read. What the figures are is not asked here.

load ../tests/lib

setup() { cd "$BATS_TEST_TMPDIR"; }

# names: of the results in bench.json.
names() { "$PYTHON" -c 'import json; print("\n".join(r["name"] for r in json.load(open("bench.json"))["results"]))'; }

@test "a smoke run gives every result, in lines and in JSON" {
    "$PYTHON" "$TOP_SRCDIR/bench/run" --build "$TOP_BUILDDIR" --smoke >lines 2>log || { cat log; false; }
    [ "$(grep -cE '^BENCH name=[^ ]+ value=[0-9.e+-]+ unit=[^ ]+ floor=[0-9.e+-]+ ratio=[0-9.e+-]+$' lines)" = "$(wc -l <lines)" ]
    sed -E 's/^BENCH name=([^ ]+).*/\1/' lines >said
    names | cmp - said
    for name in channel-shm-round-trip channel-tcp-round-trip sync-shm-p50 sync-shm-p99 sync-tcp-p50 sync-tcp-p99 sync-tcp-beside-copy-p99 sync-tcp-beside-copy-out-p99 launch-shm-cpu launch-shm-rate launch-tcp-rate \
        copy-pinned-shm-soft-in-1M copy-pageable-shm-null-out-1M copy-pageable-tcp-null-in-1M program-long-kernels \
        managed-shm-unchanged-64M managed-tcp-unchanged-64M managed-tcp-changed-1M managed-shm-touched-page managed-tcp-page managed-tcp-touched-page program-tiny-launches worker-memory session-start load-only round-trips-step round-trips-first-result link-10G-1ms auth-key-unix auth-key-tcp scale-launch-clients-4 scale-copy-threads-2; do
        grep -qx "$name" said || { echo "no $name"; cat said log; false; }
    done
    if [ -e "$TOP_BUILDDIR/bench/kernels" ]; then
        grep -qx softgpu-shuffle-reduce said
        grep -qx softgpu-uneven-blocks said
    fi
}

@test "what cannot be measured is said, and fails" {
    run "$PYTHON" "$TOP_SRCDIR/bench/run" --build "$BATS_TEST_TMPDIR" callpath
    [ "$status" = 1 ]
    contains "$output" "is not built"
    run "$PYTHON" "$TOP_SRCDIR/bench/table.py" bench.json --into "$TOP_SRCDIR/NEWS"
    [ "$status" = 1 ]
    run "$PYTHON" "$TOP_SRCDIR/bench/run" nonsense
    [ "$status" = 2 ]
    contains "$output" "no group nonsense"
}

@test "the README's tables are made of the results" {
    cat >bench.json <<'END'
{"machine": {"cpu": "A CPU", "cores": 2, "date": "today", "load": 9}, "commit": "c0ffee", "effort": "full", "failed": [], "results": [
 {"group": "callpath", "name": "sync-shm-p50", "value": 1.5, "unit": "us", "floor": 1.0, "ratio": 1.5, "aim": "ratio <= 2", "met": true},
 {"group": "scale", "name": "scale-launch-clients-64", "value": 2.5, "unit": "M/s", "floor": 2.0, "ratio": 1.25}]}
END
    sed -n '/<!--/p' "$TOP_SRCDIR/README.md" >text
    [ "$(wc -l <text)" = 2 ]
    "$PYTHON" "$TOP_SRCDIR/bench/table.py" bench.json --into text
    grep -q 'A CPU, 2 cores, today, commit c0ffee' text
    grep -q '| synchronous call, shared memory, p50 | 1.5 us | 1 us | bare ring, round trip | 1.5 | ratio <= 2 |' text
    grep -q 'million launches/s by clients at once: 64: 2.5' text
    grep -q 'a load of 9.0: not figures to go by' text
    [ "$(tail -1 text)" = "$(sed -n '/<!-- end/p' "$TOP_SRCDIR/README.md")" ]
}

@test "the curves are drawn, as PNG and SVG" {
    run "$TOP_SRCDIR/contrib/plot" none.json
    case $output in *"matplotlib is not there"*) skip "no matplotlib: contrib/deps --plot installs it" ;; esac
    [ "$status" = 1 ]
    contains "$output" "none.json"
    "$PYTHON" - >bench.json <<'END'
import json
row = lambda group, name, value, floor: {"group": group, "name": name, "value": value, "unit": "ms", "floor": floor, "ratio": value / floor}
results = [row("link", f"link-{rate}G-{rtt}ms", 50 + 50 * rtt + 100 / rate, 50 + 49 * rtt) for rate in (1, 100) for rtt in (0, 0.5, 30)]
results += [row("scale", f"scale-{work}-{kind}-{n}", n, 1) for work in ("launch", "copy") for kind in ("clients", "threads") for n in (1, 2, 64)]
results += [row("callpath", "sync-shm-p50", 1.5, 1.0)]
print(json.dumps({"machine": {"cpu": "A CPU", "cores": 2, "date": "today", "load": 9}, "commit": "c0ffee", "results": results}))
END
    "$TOP_SRCDIR/contrib/plot" bench.json --out pictures
    for curve in scale link ratios; do
        [ "$(head -c 4 "pictures/bench-$curve.png" | tail -c 3)" = PNG ]
        grep -q '<svg ' "pictures/bench-$curve.svg"
    done
    # Both the measured and the predicted curve of each rate.
    [ "$(grep -c 'Gb/s, predicted' pictures/bench-link.svg)" = 2 ]
}
