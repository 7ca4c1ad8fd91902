#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks by hand at the door of a worker whose program has exported something (HACKING.md, "IPC"), and prints a line for each
request: "closed", or the code that it is answered and how many descriptors came."""
import argparse
import os
import socket
import struct


def ask(name, request):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(30)
        line.connect(b"\0" + name.encode())
        try:
            line.sendall(request)
            answer, descriptors, _, _ = socket.recv_fds(line, 4096, 8)
        except ConnectionError:
            return "closed"
        for one in descriptors:
            os.close(one)
        return f"{struct.unpack_from('<I', answer)[0]} {len(descriptors)}" if answer else "closed"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="@ and the name of the abstract socket")
    parser.add_argument("handle", help="the 64 bytes of what was exported, as digits")
    parser.add_argument("lease", help="whose it is")
    parser.add_argument("--uid", type=int, default=os.geteuid(), help="become this user first")
    options = parser.parse_args()
    name, handle = options.address.removeprefix("@"), bytes.fromhex(options.handle)
    assert name == "slurm-vgpu/ipc/%016x" % struct.unpack_from("<Q", handle, 8)
    os.setuid(options.uid)
    secret = handle[16:32]
    right = secret + options.lease.encode() + b"\0"
    for request in [b"GET / HTTP/1.0\r\n\r\n" * 40, secret[:15], b"", right, right + bytes(1000)]:
        print(ask(name, request))
    print(ask(name, bytes(16) + right[16:]), ask(name, secret + b"another lease\0"))


if __name__ == "__main__":
    main()
