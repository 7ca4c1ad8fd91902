#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody between the two ends of a stream: keeps what passes, changes one bit of it, or talks nonsense."""
import argparse
import random
import selectors
import socket
import threading


def noisy_places(seed):
    """Some bytes behind the opening, most of them early: where sizes, counts and handles are."""
    dice = random.Random(seed)
    return {1000 + int(2 ** dice.uniform(3, 15)) for _ in range(dice.randint(1, 4))}


def relay(client, options):
    host, port = options.address.rsplit(":", 1)
    server = socket.create_connection((host, int(port)))
    ends = {client: ("up", server), server: ("down", client)}
    passed = {"up": 0, "down": 0}
    noise = noisy_places(options.noise) if options.noise is not None else set()
    changed = False
    ready = selectors.DefaultSelector()
    for end in ends:
        ready.register(end, selectors.EVENT_READ)
    with client, server, open(options.record or "/dev/null", "ab") as record:
        while True:
            events = ready.select(0.5 if changed else None)
            if not events:
                return  # who was told of more than there is waits for it: no longer
            for key, _ in events:
                way, other = ends[key.fileobj]
                try:
                    data = bytearray(key.fileobj.recv(65536))
                except ConnectionError:
                    return
                if not data:
                    return
                record.write(data)
                if options.flip and options.flip[0] == way:
                    at = int(options.flip[1]) - passed[way]
                    if 0 <= at < len(data):
                        data[at] ^= 1
                        print("flipped", *options.flip, flush=True)
                for at in noise if way == "down" else ():
                    if 0 <= at - passed[way] < len(data):
                        data[at - passed[way]] ^= random.Random(at).randint(1, 255)
                        changed = True
                passed[way] += len(data)
                try:
                    other.sendall(data)
                except ConnectionError:
                    return


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT of the other end")
    parser.add_argument("--record", help="a file for all that passes")
    parser.add_argument("--flip", nargs=2, metavar=("WAY", "BYTE"), help="up or down, counted from a connection's start")
    parser.add_argument("--noise", type=int, metavar="SEED", help="change some bytes on the way down, and end what stands still then")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    print("listens on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=relay, args=(client, options), daemon=True).start()


if __name__ == "__main__":
    main()
