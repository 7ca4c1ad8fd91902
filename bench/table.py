#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's tables from bench.json: prints them, or with --into puts them between the marks of a file.

usage: bench/table.py bench.json [--into README.md]"""

import argparse
import json
import re
import sys
from pathlib import Path

BEGIN, END = "<!-- made by make bench-readme -->", "<!-- end of what make bench-readme made -->"

# What a result is called, and what its floor is; in this order. A result that is not here is not in the README.
CALLPATH = [
    ("channel-shm-round-trip", "the ring alone, round trip", "bare ring"),
    ("sync-shm-p50", "synchronous call, shared memory, p50", "bare ring, round trip"),
    ("sync-shm-p99", "the same, p99", "its p50"),
    ("sync-tcp-p50", "synchronous call, TCP, p50", "bare TCP round trip"),
    ("sync-tcp-beside-copy-p99", "the same beside a copy of 1 GiB to the device, p99", "its p99 alone"),
    ("sync-tcp-beside-copy-out-p99", "and to the host, p99", "its p99 alone"),
    ("launch-shm-cpu", "launch, client's CPU, shared memory", "bare ring, a message"),
    ("launch-shm-rate", "launches sustained, shared memory", "bare ring, messages"),
    ("launch-tcp-rate", "launches sustained, TCP", "bare socket, 128 bytes each"),
    ("instructions-launch-shm", "instructions of a launch, client", ""),
    ("round-trips-step", "round trips of a training-like step", ""),
    ("round-trips-first-result", "round trips to a first result", ""),
    ("copy-pinned-shm-soft-in-1M", "pinned copy to the device, 1 MiB, shared memory", "memcpy"),
    ("copy-pinned-shm-soft-out-1M", "pinned copy to the host, 1 MiB, shared memory", "memcpy"),
    ("copy-pageable-shm-null-in-128M", "pageable copy in, 128 MiB, shared memory", "memcpy"),
    ("copy-pageable-shm-null-out-128M", "pageable copy out, 128 MiB, shared memory", "memcpy"),
    ("copy-pageable-tcp-null-in-128M", "pageable copy in, 128 MiB, TCP", "bare socket"),
    ("copy-pageable-tcp-null-out-128M", "pageable copy out, 128 MiB, TCP", "bare socket"),
    ("program-long-kernels", "program of kernels of 100 us and more", "straight"),
    ("program-tiny-launches", "program of 10,000 tiny launches", "straight"),
    ("session-start", "start of a session, beyond the driver's", "the driver's own"),
    ("worker-memory", "worker's memory, idle, beyond the driver's", "the driver's own"),
    ("load-only", "loading libcuda.so.1, no CUDA call", "loading SQLite"),
]
SOFTGPU = [
    ("softgpu-vector-add", "vector addition, 4 Mi"), ("softgpu-matmul", "matrix product by tiles, 512"),
    ("softgpu-shuffle-reduce", "sum by shuffles, 8 Mi"), ("softgpu-divergent", "divergent loop"),
    ("softgpu-histogram", "histogram, 8 Mi"), ("softgpu-stencil", "stencil, 2048 x 2048"), ("softgpu-mma-gemm", "f16 product by mma, 256"),
]


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def tables(document):
    rows = {row["name"]: row for row in document["results"]}
    machine = document["machine"]
    yield (f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}, commit {document['commit']}. No GPU: calls and pageable copies "
           "go to a driver that does nothing, the rest to the software GPU. Each figure stands beside its floor of the same run.")
    if document["effort"] != "full" or machine["load"] > machine["cores"] + 1:
        yield f"\n*A {document['effort']} run, on a machine with a load of {machine['load']:.1f}: not figures to go by.*"
    yield "\n| what | measured | floor | | ratio | aim |\n|---|---|---|---|---|---|"
    for name, what, floor in CALLPATH:
        if name in rows:
            row = rows[name]
            beside = f"{number(row['floor'])} {row['unit']}" if floor else ""
            ratio = number(row["ratio"]) if floor and not row.get("aim", "").startswith("value") else ""
            yield f"| {what} | {number(row['value'])} {row['unit']} | {beside} | {floor} | {ratio} | {row.get('aim', '')} |"
    if any(name in rows for name, _ in SOFTGPU):
        yield "\nThe software GPU beside plain C at -O2, both on one core, by the processor's time:\n\n| kernel | software GPU | plain C | ratio | aim |\n|---|---|---|---|---|"
        for name, what in SOFTGPU:
            if name in rows:
                row = rows[name]
                yield f"| {what} | {number(row['value'])} ms | {number(row['floor'])} ms | {number(row['ratio'])} | {row.get('aim', '')} |"
    for work, unit in (("launch", "million launches/s"), ("copy", "GB/s"), ("bare", "GB/s of bare copies that take turns")):
        for kind in ("clients", "threads"):
            points = sorted((int(m[1]), row["value"]) for name, row in rows.items() if (m := re.fullmatch(f"scale-{work}-{kind}-(\\d+)", name)))
            if points:
                yield f"\n{unit} by {kind} at once: " + ", ".join(f"{n}: {number(v)}" for n, v in points) + "."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", help="bench.json")
    parser.add_argument("--into", metavar="FILE", help="a file with the two marks")
    args = parser.parse_args()
    text = "\n".join(tables(json.loads(Path(args.results).read_text(encoding="utf-8"))))
    if not args.into:
        print(text)
        return 0
    whole = Path(args.into).read_text(encoding="utf-8")
    if whole.count(BEGIN) != 1 or whole.count(END) != 1:
        print(f"{args.into} has not the two lines that say where:\n{BEGIN}\n{END}", file=sys.stderr)
        return 1
    before, rest = whole.split(BEGIN)
    Path(args.into).write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
