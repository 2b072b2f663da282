"""A training script as one writes it in PyTorch: 10 000 steps, an evaluation at each, the curve as CSV at the end.

Usage: whole_torch.py START.npz CURVE.csv
"""

import csv
import sys

import numpy as np
import torch
from torch import nn

STEPS = 10_000

start = {name: torch.from_numpy(values) for name, values in np.load(sys.argv[1]).items()}
inputs, targets = start["inputs"], start["targets"]
test_inputs, test_targets = start["test_inputs"], start["test_targets"]

model = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
with torch.no_grad():
    for at, layer in enumerate(model[::2]):
        layer.weight.copy_(start[f"weights{at}"].T)
        layer.bias.copy_(start[f"biases{at}"])
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())

curve = []
for step in range(STEPS):
    with torch.no_grad():
        test_loss = mse(model(test_inputs), test_targets)
    optimizer.zero_grad()
    loss = mse(model(inputs), targets)
    loss.backward()
    optimizer.step()
    curve.append((step, loss.item(), test_loss.item()))

with open(sys.argv[2], "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "train_loss", "test_loss"])
    writer.writerows(curve)
