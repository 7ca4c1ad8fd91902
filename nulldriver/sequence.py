#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the work in a record of the null driver (VGPU_NULL_RECORD) in order, so that two records can be compared: launches, memsets, copies
of every direction, events, host functions, graphs, frees. Addresses and handles are numbered as they come up, pieces of one copy are joined,
and a call has the name of what it does. Left out is what the worker does for itself: its own events, which alone have both flags, host
functions right before a copy, which wait for its bytes, and pieces of memory that several allocations share (what is freed has a mapping of its own if it is larger than that).

usage: sequence.py FILE"""

import re
import sys

PIECE = 2 << 20
COPY = re.compile(r"cuMemcpy(HtoD|DtoH|DtoD|)(?:Async)?(?:_v2)?$")
MEMSET = re.compile(r"cuMemset(D2?D?\d+)(?:_v2|Async)?$")
OWN_FLAGS = "3"  # CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING
EXACT = re.compile(r"0x[0-9a-f]+")


class Names:
    """The k-th thing that came up is PREFIX followed by k."""

    def __init__(self, prefix):
        self.prefix, self.known = prefix, {}

    def __call__(self, value):
        value = hex(int(value, 0))
        return self.known.setdefault(value, f"{self.prefix}{len(self.known)}") if int(value, 0) else "0"


def calls(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, *fields = line.split()
            yield name, dict(field.split("=", 1) for field in fields)


def packed(address):
    return int(address, 0).to_bytes(8, "little").hex()


class Work:
    """Reads a record: each piece of work as a list of words; a copy from or to the host as [direction, stream, address, end, sum]."""

    def __init__(self):
        self.address, self.stream, self.event, self.graph, self.node = map(Names, ("p", "s", "e", "g", "n"))
        self.own, self.large, self.mapped = set(), set(), set()

    def parameters(self, words):
        """A parameter that is an address is a whole word of them: other bytes may look like a low one."""
        names = {packed(known): f"[{name}]" for known, name in self.address.known.items()}
        return "".join(names.get(word, word) for word in re.findall(".{1,16}", words))

    def what(self, text):
        kind, *rest = text.split(",")
        if kind in ("record", "wait"):
            return [kind, self.event(rest[0])]
        if kind == "kernel":
            return [kind, *rest[:-1], self.parameters(rest[-1])]
        return [kind] + [self.address(word) if EXACT.fullmatch(word) else word for word in rest]

    def side(self, text):
        where, _, pitch = text.partition(":")
        return f"{self.address(where)}:{pitch}" if pitch else where

    def piece(self, name, field):
        stream = self.stream(field.get("hStream", "0"))
        copy = COPY.match(name)
        if copy and copy[1] == "HtoD":
            size, total = field["src"].split(":")
            at = int(field["dst"], 0)
            return ["copy", stream, at, at + int(size), int(total, 16)]
        if copy and copy[1] == "DtoH":
            at = int(field["srcDevice"], 0)
            return ["fetch", stream, at, at + int(field["ByteCount"]), 0]
        if copy:
            to, source = list(field.values())[:2]
            return ["move", stream, self.address(to), self.address(source), field["ByteCount"]]
        if name.startswith("cuMemcpy2D"):
            return ["box", stream, self.side(field["dst"]), self.side(field["src"]), field["width"], field["height"]]
        if name == "cuLaunchKernel":
            return ["launch", stream, self.parameters(field["parameters"])] + [field[k] for k in ("f", "grid", "block", "shared", "cooperative")]
        if MEMSET.match(name):
            first, *rest = [value for key, value in field.items() if key != "hStream"]
            return ["memset", stream, self.address(first), MEMSET.match(name)[1], *rest]
        return self.order(name, field, stream)

    def order(self, name, field, stream):
        if name in ("cuEventRecord", "cuEventRecordWithFlags", "cuStreamWaitEvent") and field["hEvent"] not in self.own:
            return ["wait" if "Wait" in name else "record", stream, self.event(field["hEvent"])]
        if name == "cuLaunchHostFunc":
            return ["call", stream]
        if name.startswith("cuStreamDestroy"):
            return ["end", stream]
        if name.startswith(("cuStreamBeginCapture", "cuStreamEndCapture")):
            return ["capture" if "Begin" in name else "captured", stream]
        if name.startswith("cuGraph"):
            return self.of_graph(name, field, stream)
        return self.memory(name, field)

    def of_graph(self, name, field, stream):
        if name == "cuGraphAddNode":
            after = [self.node(one) for one in field["after"].split(",") if one != "-"]
            return ["node", self.graph(field["graph"]), self.node(field["node"]), "after", *after, "is", *self.what(field["what"])]
        if name == "cuGraphExecNodeSetParams":
            return ["change", self.graph(field["exec"]), self.node(field["node"]), *self.what(field["what"])]
        if name.startswith("cuGraphInstantiate"):
            return ["instantiate", self.graph(field["hGraph"]), self.graph(field["phGraphExec"])]
        if name == "cuGraphLaunch":
            return ["run", stream, self.graph(field["hGraph"])]
        return None

    def memory(self, name, field):
        if name == "cuEventCreate" and field["Flags"] == OWN_FLAGS:
            self.own.add(field["phEvent"])
        elif name.startswith("cuMemAlloc") and int(field["bytesize"]) > PIECE:
            self.large.add(field["address"])
        elif name == "cuMemFree_v2" and field["address"] in self.large or name == "cuMemUnmap" and int(field["size"]) > PIECE:
            return ["free", self.address(field.get("address", field.get("ptr")))]
        return None

    def read(self, path):
        done = []
        for item in filter(None, (self.piece(*call) for call in calls(path))):
            if item[0] == "copy" and done and done[-1] == ["call", item[1]]:
                done.pop()
            last = done[-1] if done else [""]
            if item[0] in ("copy", "fetch") and item[:2] == last[:2] and last[3] == item[2]:
                last[3], last[4] = item[3], (last[4] + item[4]) % 2**64
                continue
            if item[0] in ("copy", "fetch"):
                item.append(self.address(str(item[2])))
            done.append(item)
        return done


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    work = Work()
    for item in work.read(sys.argv[1]):
        if item[0] in ("copy", "fetch"):
            kind, stream, begin, end, total, name = item
            item = [kind, stream, name, str(end - begin)] + ([f"{total:016x}"] if kind == "copy" else [])
        print(*item)
    return 0


if __name__ == "__main__":
    sys.exit(main())
