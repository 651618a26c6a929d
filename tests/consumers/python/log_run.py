"""Train a small network with Adam in PyTorch and log the run for `natgrad analyze`."""

import sys

import h5py
import torch

torch.manual_seed(0)
x = torch.rand(256, 8) * 2 - 1
target = torch.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
parameters = [p for _, p in model.named_parameters()]


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors]).clone()


losses, gradients, thetas = [], [], [flat(parameters)]
for step in range(200):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), target)
    loss.backward()
    losses.append(loss.item())
    gradients.append(flat([p.grad for p in parameters]))
    optimizer.step()
    thetas.append(flat(parameters))
losses.append(torch.nn.functional.mse_loss(model(x), target).item())

with h5py.File(sys.argv[1], "w") as run:
    run.attrs.update({"format": "natgrad-run", "version": 1, "rule": "torch.optim.Adam"})
    run["gradient"] = torch.stack(gradients).numpy()
    run["theta"] = torch.stack(thetas).numpy()
    run["loss"] = losses
    run["groups/name"] = [name for name, _ in model.named_parameters()]
    run["groups/size"] = [p.numel() for p in parameters]
