#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One training of a small convolutional network with SGD, one of a small transformer with Adam: forward, backward, optimizer, a few steps
each, from the same seed. contrib/pytorch-sequence runs it straight and remoted, and compares what the driver and the libraries were
asked to do. Numbers mean nothing on the null driver: it computes none."""

import sys

import torch
from torch import nn


def convolutional():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, stride=2),
                         nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(16 * 3 * 3, 10))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 50)

    def forward(self, tokens):
        return self.head(self.layers(self.embed(tokens)))


def train(network, optimizer, inputs, targets, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        out = network(inputs)
        loss = nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), targets.reshape(-1))
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()


def main():
    what = sys.argv[1:] or ["cnn", "transformer"]
    torch.manual_seed(7)
    if "cnn" in what:
        network = convolutional().cuda()
        train(network, torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9), torch.rand(4, 3, 16, 16).cuda(),
              torch.tensor([1, 2, 3, 4]).cuda(), 3)
        print("cnn: done")
    if "transformer" in what:
        network = Transformer().cuda()
        tokens = torch.randint(50, (2, 16))
        train(network, torch.optim.Adam(network.parameters(), lr=1e-3), tokens.cuda(), tokens.roll(-1, 1).cuda(), 3)
        print("transformer: done")


if __name__ == "__main__":
    main()
