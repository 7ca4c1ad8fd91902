#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody between the two ends of TCP connections who resets them: each after so many bytes, or all on SIGUSR1; SIGUSR2 as
well, and from then on whoever comes. Says what it does in lines on standard output."""
import argparse
import itertools
import os
import re
import selectors
import signal
import socket
import struct


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # at once: others read it while we write


def reset(end):
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


class Link:
    """One connection: what its opener said it is for decides which cut is its."""

    def __init__(self, client, server):
        self.ends = {client: server, server: client}
        self.client = client
        self.role = None
        self.hello = b""
        self.left = {client: None, server: None}  # bytes until the cut; None: no end
        self.early = {client: 0, server: 0}  # bytes before the role was known

    def learn(self, data, cuts):
        self.hello += data
        found = re.search(rb"\xa4role[\xa0-\xbf]([a-z]+)", self.hello)
        if not found:
            return
        self.role = found.group(1).decode()
        self.hello = b""
        for cut in cuts:
            if cut[0] == self.role or (cut[0] == "any" and self.role != "bulk"):
                cuts.remove(cut)
                end = self.client if cut[1] == "up" else self.ends[self.client]
                self.left[end] = max(0, int(cut[2]) - self.early[end])
                break

    def pass_on(self, end, cuts):
        """False when it has ended."""
        try:
            data = end.recv(65536)
            if not data:
                end.shutdown(socket.SHUT_RD)
                self.ends[end].shutdown(socket.SHUT_WR)
                return None
            if self.role is None and end is self.client:
                self.learn(data, cuts)
            if self.role is None:
                self.early[end] += len(data)
            left = self.left[end]
            if left is not None:
                data, self.left[end] = data[:left], left - len(data)
            if data:
                self.ends[end].sendall(data)
            if left is not None and self.left[end] <= 0:
                say("cut", self.role)
                return False
        except OSError:
            return False
        return True

    def cut(self):
        for end in self.ends:
            reset(end)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT of the other end")
    parser.add_argument("--cut", nargs=3, action="append", default=[], metavar=("ROLE", "WAY", "BYTES"),
                        help="for one connection of that role (any: all but bulk), up or down, counted from its start")
    options = parser.parse_args()
    host, port = options.address.rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    ready = selectors.DefaultSelector()
    links = set()
    orders, away = [], False

    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda got, frame: orders.append(got))
    ready.register(listener, selectors.EVENT_READ)
    ready.register(wake, selectors.EVENT_READ)
    say("listens on 127.0.0.1:%d" % listener.getsockname()[1])

    def end(link):
        links.discard(link)
        for one in link.ends:
            try:
                ready.unregister(one)
            except KeyError:
                pass
        link.cut()

    while True:
        events = ready.select()
        for key, _ in events:
            if key.fileobj is wake:
                wake.recv(64)
                while orders:
                    away = orders.pop(0) == signal.SIGUSR2
                    for link in list(links):
                        end(link)
                    say("cut all")
            elif key.fileobj is listener:
                client, _ = listener.accept()
                if away:
                    reset(client)
                    continue
                link = Link(client, socket.create_connection((host, int(port))))
                links.add(link)
                for one in link.ends:
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    ready.register(one, selectors.EVENT_READ, link)
            elif key.data in links:
                passed = key.data.pass_on(key.fileobj, options.cut)
                if passed is None:  # in order, this way
                    ready.unregister(key.fileobj)
                    if all(one not in ready.get_map() for one in key.data.ends):
                        links.discard(key.data)
                        for one in key.data.ends:
                            one.close()
                elif not passed:
                    end(key.data)


if __name__ == "__main__":
    main()
