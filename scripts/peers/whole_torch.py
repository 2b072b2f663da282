"""A training script as one writes it in PyTorch: 10 000 steps, an evaluation at each, the curve as CSV at the end.

Usage: whole_torch.py CURVE.csv
"""

import csv
import sys

import torch
from torch import nn

STEPS = 10_000

torch.manual_seed(0)
inputs = torch.rand(32, 1)
targets = inputs**2 + inputs
test_inputs = torch.linspace(0, 1, 100)[:, None]
test_targets = test_inputs**2 + test_inputs

model = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
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

with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "train_loss", "test_loss"])
    writer.writerows(curve)
