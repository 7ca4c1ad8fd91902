# SPDX-License-Identifier: Apache-2.0
"""Group `trust`: what authentication and encryption cost."""

import os
import re

from stage import Failed, say

AIMS = []
MUNGE = "/run/munge/munge.socket.2"


def authentication(stage, effort, _add, take):
    """a connection opened and proved, beside one that was only greeted"""
    rounds = effort.pick(3, 20, 60)
    with stage.daemon("null") as daemon:
        for where, address in (("unix", daemon.socket), ("tcp", daemon.address)):
            take(stage.local(stage.program("opening"), f"auth-key-{where}", address, "key", daemon.key, rounds))
    if not os.path.exists(MUNGE):
        say("left out: no munged runs here")
        return
    with stage.daemon("null", "AuthType=munge", f"MungeSocket={MUNGE}") as daemon:
        take(stage.local(stage.program("opening"), "auth-munge-unix", daemon.socket, "munge", MUNGE, rounds))


def measured(done):
    return {name: (float(value), unit) for name, value, unit in re.findall(r"^BENCH name=(\S+) value=(\S+) unit=(\S+)", done.stdout, re.M)}


def encryption(stage, effort, add, _take):
    """calls and copies over TCP with sealed streams, beside plain ones, in turns"""
    program = stage.program("callpath")
    commands = ([program, "calls", "tcp", effort.pick(1, 3, 11)],
                [program, "copies", "tcp-null", effort.pick(1, 3, 7), "pageable", "64", effort.pick("1024", "16384", "131072")])
    with stage.daemon("null") as plain:
        try:
            with stage.daemon("null", "Encrypt=yes") as sealed:
                for command in commands:
                    without, with_it = measured(plain.run("tcp", *command)), measured(sealed.run("tcp", *command))
                    for name, (value, unit) in with_it.items():
                        add(f"sealed-{name}", value, unit, without[name][0])
        except Failed as error:
            if "Encrypt" not in str(error):
                raise
            say("left out: this version does not encrypt")


PARTS = [authentication, encryption]
