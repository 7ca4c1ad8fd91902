#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer that speaks the control plane by hand, well or badly, and prints what it is answered; or, with --serve, a
daemon that is none.

It is written from HACKING.md alone, so that it also shows that the page tells all one needs."""
import argparse
import hashlib
import hmac
import json
import os
import resource
import socket
import struct
import sys
import time


def pack(value):
    """The part of msgpack that is needed, in its longest forms."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">BQ", 0xCF, value)
    if isinstance(value, str):
        data = value.encode()
        return struct.pack(">BI", 0xDB, len(data)) + data
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xC6, len(value)) + value
    if isinstance(value, list):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))
    return struct.pack(">BI", 0xDF, len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())


def unpack(data, at=0):
    """One value, and the place behind it."""
    tag = data[at]
    at += 1

    def number(form):
        size = struct.calcsize(form)
        return struct.unpack(form, data[at:at + size])[0], at + size

    def body(length, start):
        return data[start:start + length], start + length

    if tag < 0x80:
        return tag, at
    if tag >= 0xE0:
        return tag - 256, at
    if 0xA0 <= tag < 0xC0:
        text, at = body(tag - 0xA0, at)
        return text.decode(), at
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], at
    numbers = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    if tag in numbers:
        return number(numbers[tag])
    lengths = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I",
               0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
    if tag in lengths:
        length, at = number(lengths[tag])
    else:
        length = tag & 0x0F
    if tag in (0xC4, 0xC5, 0xC6):
        return body(length, at)
    if tag in (0xD9, 0xDA, 0xDB):
        text, at = body(length, at)
        return text.decode(), at
    if tag in (0xDC, 0xDD) or 0x90 <= tag < 0xA0:
        items = []
        for _ in range(length):
            item, at = unpack(data, at)
            items.append(item)
        return items, at
    items = {}
    for _ in range(length):
        key, at = unpack(data, at)
        items[key], at = unpack(data, at)
    return items, at


def connect(address):
    if address.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.connect(address)
        return made
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


class Peer:
    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(30)

    def send(self, value, times=1):
        data = pack(value)
        self.socket.sendall((struct.pack("<I", len(data)) + data) * times)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError("closed")
            data += piece
        return data

    def payload(self):
        (length,) = struct.unpack("<I", self.exactly(4))
        return self.exactly(length)

    def receive(self):
        return unpack(self.payload())[0]


def frame(payload):
    return struct.pack("<I", len(payload)) + payload


def transcript(challenge, hello):
    said = b"".join(struct.pack("<Q", len(part)) + part for part in (challenge, hello))
    return hashlib.blake2b(said, digest_size=32).digest()


def credential(key_file, words, said):
    with open(key_file) as file:
        key = bytes.fromhex(file.read().strip())
    return hmac.new(key, words + said, hashlib.sha512).digest()[:32]


def spoil(peer, kind):
    """Frames of the control plane that no side of ours sends."""
    if kind == "garbage":
        peer.socket.sendall(b"GET / HTTP/1.0\r\n\r\n" + bytes(range(256)))
    elif kind == "truncated":
        peer.socket.sendall(struct.pack("<I", 100) + b"\xdf")
        peer.socket.shutdown(socket.SHUT_WR)
    elif kind == "oversized":
        peer.socket.sendall(struct.pack("<I", 1 << 31))
    elif kind == "deep":
        peer.socket.sendall(struct.pack("<I", 60000) + b"\x91" * 60000)
    elif kind == "many":  # an array that claims four thousand million elements
        peer.socket.sendall(struct.pack("<I", 5) + b"\xdd\xff\xff\xff\xff")
    elif kind == "text":
        peer.send("hello")
    else:
        raise SystemExit(f"no such kind: {kind}")


def spoil_calls(peer, kind):
    """Messages of the call plane that no side of ours sends."""
    header = struct.Struct("<IHHII")  # size, call, flags, sequence, word
    if kind == "garbage":
        peer.socket.sendall(bytes(range(256)) * 64)
    elif kind == "truncated":
        peer.socket.sendall(header.pack(64, 1, 1, 1, 0))
        peer.socket.shutdown(socket.SHUT_WR)
    elif kind == "oversized":
        peer.socket.sendall(header.pack(0xFFFFFFF8, 1, 1, 1, 0))
    elif kind == "short":
        peer.socket.sendall(header.pack(8, 1, 1, 1, 0))
    elif kind == "unknown":
        peer.socket.sendall(header.pack(16, 65000, 1, 1, 0))
    elif kind == "empty":  # a call that has parameters, without them
        peer.socket.sendall(header.pack(16, 1, 1, 1, 0))
    else:
        raise SystemExit(f"no such kind: {kind}")


def drain(peer):
    """Until the other side closes."""
    while peer.socket.recv(65536):
        pass


def serve(options):
    """A daemon of node gpu1 that lets nobody in, or a worker that answers with nonsense; prints where it listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    print("%s:%d" % listener.getsockname(), flush=True)
    while True:
        peer = Peer(listener.accept()[0])
        try:
            if options.spoil:
                spoil(peer, options.spoil)
            else:
                challenge = pack({"type": "challenge", "protocol": options.protocol, "minor": 0, "software": "test",
                                  "daemon": "vgpud", "node": "gpu1", "instance": "0" * 16, "nonce": os.urandom(32),
                                  "auth": "key", "encrypt": False})
                peer.socket.sendall(frame(challenge))
                said = transcript(challenge, peer.payload())
                if options.spoil_calls:
                    peer.receive()  # the proof
                    peer.send({"type": "welcome", "session": "1" * 16, "channel": "stream",
                               "proof": credential(options.key, b"slurm-vgpu acceptor ", said)})
                    peer.exactly(16)  # the first request has begun to come
                    spoil_calls(peer, options.spoil_calls)
                else:
                    peer.send({"type": "refuse", "code": options.refuse, "reason": "the test refuses"})
            drain(peer)
        except (EOFError, ConnectionError):
            pass
        peer.socket.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?")
    parser.add_argument("--serve", action="store_true", help="instead of connecting")
    parser.add_argument("--key")
    parser.add_argument("--uid", type=int, default=os.geteuid())
    parser.add_argument("--role", default="tool")
    parser.add_argument("--lease", default="")
    parser.add_argument("--session", default="", help="with --role bulk and resume: the one that it is for")
    parser.add_argument("--secret", default="00" * 32, help="with --role resume")
    parser.add_argument("--received", type=int, default=0, help="with --role resume: bytes")
    parser.add_argument("--sign-lease", help="the lease that the credential is for, if it is another")
    parser.add_argument("--channel", default="stream")
    parser.add_argument("--protocol", type=int, default=2)
    parser.add_argument("--api", type=lambda text: int(text, 0), default=0)
    parser.add_argument("--no-credential", action="store_true")
    parser.add_argument("--save", metavar="FILE", help="keep what is sent")
    parser.add_argument("--replay", metavar="FILE", help="send what was kept of another connection")
    parser.add_argument("--downgrade", action="store_true", help="prove a challenge that did not insist on sealing")
    parser.add_argument("--early", action="store_true", help="more than the hello and its proof, in one piece")
    parser.add_argument("--spoil", help="garbage, truncated, oversized, deep, many or text, instead of a hello")
    parser.add_argument("--spoil-calls", help="after a session's welcome: garbage, truncated, oversized, short, unknown or empty")
    parser.add_argument("--refuse", type=int, default=802, help="with --serve: the code")
    parser.add_argument("--crowd", type=int, help="open so many connections, and show what the last is told")
    parser.add_argument("--leave", action="store_true", help="with --crowd: then one leaves, and one more comes")
    parser.add_argument("--silent", action="store_true", help="with --crowd: without saying who we are")
    parser.add_argument("--unknown", action="store_true", help="try requests without a hello, for whatever listens")
    parser.add_argument("--request", nargs=2, metavar=("METHOD", "JSON"), help="after the welcome")
    options = parser.parse_args()
    try:
        if options.serve:
            serve(options)
        elif options.crowd:
            crowd(options)
        elif options.unknown:
            unknown(options.address)
        else:
            talk(options)
    except (EOFError, ConnectionError):
        print("closed")


def opening(options, asked):
    """The bytes of hello and proof that answer a challenge."""
    hello = {"type": "hello", "protocol": options.protocol, "minor": 0, "software": "test", "role": options.role,
             "host": "tester", "pid": os.getpid(), "auth": "key", "uid": options.uid, "nonce": os.urandom(32),
             "encrypt": False, "unknown-key": "ignored"}
    if options.role == "session":
        hello.update(lease=options.lease, channel=options.channel, api=options.api)
    if options.role == "resume":
        hello.update(lease=options.lease, session=options.session, secret=bytes.fromhex(options.secret), received=options.received)
    if options.role == "bulk":
        hello.update(lease=options.lease, session=options.session)
    said = pack(hello)
    if options.no_credential:
        return frame(said) + frame(pack({"type": "proof"}))
    if options.sign_lease is not None:
        hello["lease"] = options.sign_lease
    if options.downgrade:
        asked = asked.replace(b"\xa7encrypt\xc3", b"\xa7encrypt\xc2")
    proof = credential(options.key, b"slurm-vgpu connector", transcript(asked, pack(hello)))
    return frame(said) + frame(pack({"type": "proof", "credential": proof}))


def greet(options):
    """A connection that has said who it is, and the answer."""
    peer = Peer(connect(options.address))
    asked = peer.payload()
    challenge = unpack(asked)[0]
    if challenge["type"] == "refuse":
        return peer, challenge
    assert challenge["type"] == "challenge" and len(challenge["nonce"]) == 32, challenge
    if options.spoil:
        spoil(peer, options.spoil)
        return peer, peer.receive()
    if options.replay:
        with open(options.replay, "rb") as file:
            sent = file.read()
    else:
        sent = opening(options, asked)
    if options.save:
        with open(options.save, "wb") as file:
            file.write(sent)
    peer.socket.sendall(sent + (sent if options.early else b""))
    answer = peer.receive()
    if answer["type"] == "welcome" and not options.replay:
        (length,) = struct.unpack("<I", sent[:4])
        said = transcript(asked, sent[4:4 + length])
        assert answer["proof"] == credential(options.key, b"slurm-vgpu acceptor ", said), "the daemon proves nothing"
    return peer, answer


def show(answer):
    print(answer["type"], answer.get("code", ""), answer.get("reason", ""))


def talk(options):
    peer, answer = greet(options)
    show(answer)
    if options.spoil_calls and answer["type"] == "welcome":
        spoil_calls(peer, options.spoil_calls)
        drain(peer)
    if options.request and answer["type"] == "welcome":
        method, params = options.request
        peer.send({"type": "request", "id": 7, "method": method, "params": json.loads(params)})
        print(json.dumps(peer.receive(), default=str))


def crowd(options):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    peers = []
    for _ in range(options.crowd):
        if options.silent:
            peer = Peer(connect(options.address))
            answer = peer.receive()
        else:
            peer, answer = greet(options)
        peers.append(peer)
        if answer["type"] == "refuse":
            break
    print(len(peers))
    show(answer)
    if options.leave:
        peers[0].socket.close()
        deadline = time.monotonic() + 60
        while answer["type"] == "refuse" and time.monotonic() < deadline:  # until it has seen that
            _, answer = greet(options)
        show(answer)


def unknown(address):
    """Whatever listens may challenge and refuse, and nothing else, to whom it does not know."""
    requests = [{"type": "request", "id": 1, "method": "state.get", "params": {}},
                {"type": "hello"}, {"type": "welcome"}, {"type": "proof", "credential": bytes(32)}]
    for said in [frame(pack(one)) for one in requests] + [b"GET / HTTP/1.0\r\n\r\n", struct.pack("<IHHII", 16, 1, 1, 1, 0)]:
        peer = Peer(connect(address))
        heard = []
        try:
            heard.append(peer.receive()["type"])
            peer.socket.sendall(said)
            peer.socket.shutdown(socket.SHUT_WR)
            while True:
                heard.append(peer.receive()["type"])
        except (EOFError, ConnectionError):
            pass
        print(*heard)


if __name__ == "__main__":
    sys.exit(main())
