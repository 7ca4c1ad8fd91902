# SPDX-License-Identifier: Apache-2.0
"""The groups of measurements, and what is aimed at. A part is a function of (stage, effort, add, take): `add` takes a result, `take` the
BENCH lines of a program that measured by itself."""

import re

import callpath_group
import link_group
import scale_group
import softgpu_group
import trust_group


class Aim:
    """`ratio <= 2`, `value >= 0.5` and the like, for the results whose name matches."""

    def __init__(self, pattern, what, sense, limit):
        self.pattern, self.what, self.sense, self.limit = re.compile(pattern), what, sense, limit
        self.text = f"{what} {sense} {limit:g}"

    def met(self, value, ratio):
        figure = ratio if self.what == "ratio" else value
        return figure <= self.limit if self.sense == "<=" else figure >= self.limit


AIMS = [Aim(*row) for row in callpath_group.AIMS + link_group.AIMS + softgpu_group.AIMS + scale_group.AIMS]
GROUPS = {
    "callpath": callpath_group.PARTS + [link_group.round_trips],
    "softgpu": softgpu_group.PARTS,
    "scale": scale_group.PARTS,
    "link": [link_group.link],
    "trust": trust_group.PARTS,
}


def aim_of(name):
    return next((aim for aim in AIMS if aim.pattern.fullmatch(name)), None)
