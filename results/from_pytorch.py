import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # From the notebook where it fails

    A network is asked to add three numbers, and does not learn it: [a question of the PyTorch forum](https://discuss.pytorch.org/t/output-of-the-model-depends-on-the-shape-of-the-weights-tensor/148155).
    It has one linear layer without a bias, so it could be exact. The loss stays near 0.25, and predictions near 1.5. The program below is
    that question's, restated; it also had a scheduler, which changes nothing of it.

    Five cells: the program as it was asked, what its loop does, the diagnosis, the repair, and the proof.
    """)
    return


@app.cell
def _():
    import warnings

    import torch
    from torch import nn

    import misfit

    warnings.filterwarnings("ignore", "Using a target size")
    torch.manual_seed(0)
    X = torch.rand((1024, 3))
    y = X[:, 0] + X[:, 1] + X[:, 2]
    model = nn.Sequential(nn.Linear(3, 1, bias=False))
    nn.init.zeros_(model[0].weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = nn.MSELoss()
    return X, loss, misfit, model, optimizer, torch, y


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    PyTorch warns of what is wrong here, once, in a line that is easily missed (and left out above). `misfit.trace` watches the user's own loop.
    """)
    return


@app.cell
def _(X, loss, misfit, model, optimizer, y):
    with misfit.trace(model, optimizer, loss) as seen:
        for epoch in range(500):
            optimizer.zero_grad()
            value = loss(model(X), y)
            value.backward()
            optimizer.step()
    seen
    return (seen,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    It names the loss. Is that all, and is it enough? The experiment of what was seen begins where the loop began; a diagnosis tries out what might
    mend it, over several seeds.
    """)
    return


@app.cell
def _(X, seen, y):
    experiment = seen.experiment(X, y, name="sum-of-three")
    results = experiment.diagnose(fresh=True)
    results
    return (results,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The fixes that are enough, made of this very model; `.lines` are the same as lines of code.
    """)
    return


@app.cell
def _(X, model, optimizer, results, y):
    repaired = results.repaired(model, optimizer)
    x, t = repaired.scale_input(X), repaired.scale_target(y)
    for step in range(repaired.steps):
        repaired.optimizer.zero_grad()
        repaired.loss(repaired.model(x), t).backward()
        repaired.optimizer.step()
    repaired
    return repaired, x


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    As asked, predictions are drawn to the mean; repaired, the three weights are 1.
    """)
    return


@app.cell
def _(X, model, repaired, torch, x, y):
    with torch.no_grad():
        errors = {
            "as asked": model(X).squeeze(1) - y,
            "repaired": repaired.unscale_target(repaired.model(x)).squeeze(1) - y,
        }
    for name, error in errors.items():
        print(f"{name}: root mean square error {error.square().mean().sqrt():.2g}")
    print("weights:", repaired.model[0].weight.detach().numpy().round(4))
    return


if __name__ == "__main__":
    app.run()
