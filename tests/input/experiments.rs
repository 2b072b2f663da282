//! Faults of experiment files.

use misfit::experiment::Experiment;

use super::{EVERY, Misfit, in_full, refused};

/// `(experiment, what the line must be)`.
const CASES: &[(&str, &str)] = &[
    ("nmae = 'x'", "x.toml:1: nmae: unknown key \"nmae\", did you mean \"name\"? {KEYS}"),
    (
        "[train]\nstepz = 4",
        "x.toml:2: train.stepz: unknown key \"stepz\", did you mean \"steps\"? accepted: steps, epochs, log_points, engine, mode or stop",
    ),
    ("[train]\nsteps = -4", "x.toml:2: train.steps: expected a whole number of at least 1, got -4"),
    ("[train]\nsteps = 4.5", "x.toml:2: train.steps: expected a whole number of at least 1, got 4.5"),
    ("[train]\nsteps = '5'", "x.toml:2: train.steps: expected a whole number of at least 1, got \"5\""),
    ("[train]\nsteps = 10\nepochs = 3", "x.toml:3: train.epochs: steps and epochs at once: keep one"),
    ("[train]\nlog_points = 1", "x.toml:2: train.log_points: expected a whole number of at least 2, got 1"),
    ("[train]\nengine = 'gpu'", "x.toml:2: train.engine: unknown value \"gpu\", accepted: auto, torch or fused"),
    ("[train]\nengine = 1", "x.toml:2: train.engine: expected auto, torch or fused, got 1"),
    ("engine = 'torch'", "x.toml:1: engine: unknown key \"engine\", did you mean \"train.engine\"?"),
    ("train = 5", "x.toml:1: train: expected a table, got an integer (5)"),
    ("a = 1\na = 2", "x.toml:2: duplicate key"),
    ("[a\nb = 1", "x.toml:1: unclosed table, expected `]`"),
    ("name = 7", "x.toml:1: name: expected a string, got 7"),
    ("seeds = 0", "x.toml:1: seeds: expected {SEEDS}, got 0"),
    ("seeds = [1, 2, 1]", "x.toml:1: seeds: the seed 1 is there twice"),
    ("seeds = [-1]", "x.toml:1: seeds: expected seeds of at least 0, got -1"),
    ("[data]\ntarget = 'x'", "x.toml:2: data.target: expected {TARGET}, got \"x\""),
    (
        "[data]\ntarget = { polynomial = [] }",
        "x.toml:2: data.target.polynomial: expected at least one coefficient, constant first",
    ),
    (
        "[data]\ntarget = { polynomial = ['a'] }",
        "x.toml:2: data.target.polynomial: expected a finite number, got \"a\"",
    ),
    ("[data]\ntarget = { polynomial = [nan] }", "x.toml:2: data.target.polynomial: expected a finite number, got NaN"),
    (
        "[data]\ntarget = { polynomial = [1], degree = 2 }",
        "x.toml:2: data.target.degree: unknown key \"degree\", accepted: polynomial",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = 1 } }",
        "x.toml:2: data.inputs.grid.count: missing, expected how many points",
    ),
    (
        "[data]\ninputs = { grid = { from = 2, to = 1, count = 3 } }",
        "x.toml:2: data.inputs.grid.from: from = 2.0 is above to = 1.0: swap them",
    ),
    (
        "[data]\ninputs = { gird = { from = 0, to = 1, count = 3 } }",
        "x.toml:2: data.inputs.gird: unknown key \"gird\", did you mean \"grid\"? accepted: grid or uniform",
    ),
    (
        "[data]\nscale_input = 0",
        "x.toml:2: data.scale_input: expected a number other than 0, \"standardize\" or \"unit\", got 0",
    ),
    (
        "[data]\nscale_target = 'standardise'",
        "x.toml:2: data.scale_target: unknown value \"standardise\", did you mean \"standardize\"? accepted: standardize or unit",
    ),
    ("[data]\nnoise = -1", "x.toml:2: data.noise: expected a number of at least 0, got -1"),
    ("[data]\nnoise = 1e999", "x.toml:2: 1e999 does not fit a 64-bit float"),
    (
        "[data]\ntest = 'gird'",
        "x.toml:2: data.test: expected \"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }, got \"gird\"",
    ),
    (
        "[data]\nholdout = 0.5",
        "x.toml:2: data.holdout: only rows of a CSV can be held out: remove this key, a polynomial is tested on its grid",
    ),
    ("[batch]\nsize = 0", "x.toml:2: batch.size: expected a whole number of at least 1, got 0"),
    ("[batch]\nsize = 'al'", "x.toml:2: batch.size: expected \"all\" or a whole number of at least 1, got \"al\""),
    (
        "framework = 'torch'",
        "x.toml:1: framework: unknown value \"torch\", did you mean \"pytorch\"? accepted: pytorch, keras, flux or flax",
    ),
    ("framework = 3", "x.toml:1: framework: expected pytorch, keras, flux or flax, got 3"),
    (
        "[batch]\ndraw = 'once'\nlast = 'short'",
        "x.toml:3: batch.last: draw = \"once\" makes no passes that could end: remove this key, or set batch.draw to \"epoch\" or \"sequential\"",
    ),
    (
        "[model]\ndropout = 1.0",
        "x.toml:2: model.dropout: expected a number from 0 up to, but not including, 1, got 1.0",
    ),
    (
        "[model]\nhidden = [4]\ndropout = [0.1, 0.2, 0.3]",
        "x.toml:3: model.dropout: 3 shares for 1 hidden layers: give one a layer, or a single one for all",
    ),
    (
        "[model]\nnorm = 'bach'",
        "x.toml:2: model.norm: unknown value \"bach\", did you mean \"batch\"? accepted: none, batch or layer",
    ),
    ("[model]\nnorm_eps = 1e-3", "x.toml:2: model.norm_eps: no layer has a norm: remove this key, or set model.norm"),
    (
        "[model]\nnorm = 'layer'\nnorm_momentum = 0.1",
        "x.toml:3: model.norm_momentum: only a batch norm has it: remove this key, or set model.norm = \"batch\"",
    ),
    (
        "[model]\nnorm = 'batch'\nnorm_frozen = 'eval'",
        "x.toml:3: model.norm_frozen: no layer with a batch norm is frozen: remove this key, or set model.frozen",
    ),
    (
        "[model]\nhidden = [4]\nfrozen = [2]",
        "x.toml:3: model.frozen: no layer 2: they are counted from 0, and the last one, of the outputs, is 1",
    ),
    ("[model]\nfrozen = [-1]", "x.toml:2: model.frozen: expected a whole number of at least 0, got -1"),
    ("[model]\nfrozen = 0", "x.toml:2: model.frozen: expected a list of layers, as [0] for the first, got 0"),
    (
        "[model]\nnegative_slope = 0.1",
        "x.toml:2: model.negative_slope: no layer is leaky_relu: remove this key, or set model.activation",
    ),
    ("[loss]\nl2 = -1", "x.toml:2: loss.l2: expected a number of at least 0, got -1"),
    (
        "[loss]\nguard = 'clip'",
        "x.toml:2: loss.guard: only bce and cross_entropy from probabilities, and poisson, have it: remove this key",
    ),
    (
        "[loss]\nkind = 'cross_entropy'\nfrom = 'probabilities'\nguard = 'clamp'",
        "x.toml:4: loss.guard: \"clamp\" is of bce alone, accepted here: clip, divide, add, none",
    ),
    ("[optimizer]\nclip_norm = 0", "x.toml:2: optimizer.clip_norm: expected a number above 0, got 0"),
    (
        "[optimizer]\nclip_over = 'each'",
        "x.toml:2: optimizer.clip_over: no norm is clipped: remove this key, or set optimizer.clip_norm",
    ),
    ("[optimizer]\nzero_grad = 0", "x.toml:2: optimizer.zero_grad: expected true or false, got 0"),
    ("[train]\nmode = 'test'", "x.toml:2: train.mode: unknown value \"test\", accepted: train or eval"),
    ("[train]\nstop = 5", "x.toml:2: train.stop: expected a table, as { patience = 10 }, got 5"),
    ("[train]\nstop = {}", "x.toml:2: train.stop.patience: missing, expected passes without an improvement"),
    (
        "[train]\nstop = { patience = 1, on = 'train', validation = 0.5 }",
        "x.toml:2: train.stop.validation: rows are kept only where on = \"validation\", not \"train\": remove this key",
    ),
    (
        "framework = 'keras'\n[ablation]\nframework = 'keras'",
        "x.toml:3: ablation.framework: keras does nothing otherwise here: set framework to another one, or leave out keys that it has defaults for",
    ),
    (
        "[batch]\ndraw = 'epochs'",
        "x.toml:2: batch.draw: unknown value \"epochs\", did you mean \"epoch\"? accepted: once, epoch, sequential or fresh",
    ),
    (
        "[model]\nhidden = 45",
        "x.toml:2: model.hidden: expected a list of widths, as [45, 45]; [] is a linear model, got 45",
    ),
    ("[model]\nhidden = [0]", "x.toml:2: model.hidden: expected a whole number of at least 1, got 0"),
    (
        "[model]\nactivation = 'rleu'",
        "x.toml:2: model.activation: unknown value \"rleu\", did you mean \"relu\"? accepted: relu, leaky_relu, elu, gelu, gelu_tanh, sigmoid, tanh or identity",
    ),
    (
        "[model]\nhidden = [4]\nactivation = ['relu', 'tanh']",
        "x.toml:3: model.activation: 2 activations for 1 hidden layers: give one a layer, or a single one for all",
    ),
    ("[model]\nbias = 1", "x.toml:2: model.bias: expected true or false, got 1"),
    (
        "[model]\noutput = 'softmx'",
        "x.toml:2: model.output: unknown value \"softmx\", did you mean \"softmax\"? accepted: identity, relu, sigmoid, tanh, softmax or log_softmax",
    ),
    ("[model]\ninit = { uniform = [1, -1] }", "x.toml:2: model.init.uniform: [1.0, -1.0] runs downwards: swap them"),
    ("[model]\ninit = { uniform = [1] }", "x.toml:2: model.init.uniform: expected a list of two numbers, got [1]"),
    ("[model]\ninit = { normal = [0, -1] }", "x.toml:2: model.init.normal: the standard deviation -1.0 is below 0"),
    (
        "[loss]\nkind = 'mes'",
        "x.toml:2: loss.kind: unknown value \"mes\", did you mean \"mse\"? accepted: mse, sse, mae, huber, log_cosh, mape, poisson, hinge, bce, cross_entropy, nll or torchscript",
    ),
    (
        "[loss]\npairing = 'broadcast_mean'",
        "x.toml:2: loss.pairing: unknown value \"broadcast_mean\", did you mean \"broadcast-mean\"? accepted: matched, broadcast or broadcast-mean",
    ),
    (
        "[loss]\ndelta = 2",
        "x.toml:2: loss.delta: only the huber loss has a delta: remove this key, or set loss.kind = \"huber\"",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nbetas = [0.9, 0.9]",
        "x.toml:3: optimizer.betas: sgd has no such key, accepted: momentum, nesterov, weight_decay, decay",
    ),
    (
        "[optimizer]\nbetas = [0.9, 1]",
        "x.toml:2: optimizer.betas: expected a number from 0 up to, but not including, 1, got 1",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nnesterov = true",
        "x.toml:3: optimizer.nesterov: nesterov needs a momentum above 0: set optimizer.momentum",
    ),
    ("[optimizer]\nlearning_rate = 0", "x.toml:2: optimizer.learning_rate: expected a number above 0, got 0"),
    (
        "[optimizer]\nschedule = 'step'",
        "x.toml:2: optimizer.schedule: unknown value \"step\", accepted: constant, linear or cosine",
    ),
    (
        "[fix.a]\nwhy = 'x'",
        "x.toml:1: fix.a.set: missing, expected what the fix changes, as set = { model.output = \"identity\" }",
    ),
    (
        "[fix.a]\nset = { model.outptu = 'relu' }",
        "x.toml:2: model.outptu: unknown key \"outptu\", did you mean \"output\"? accepted: hidden, activation, bias, outputs, output, init, init_bias, negative_slope, dropout, norm, norm_place, norm_eps, norm_momentum, norm_variance, norm_frozen, frozen or 2 more (in fix \"a\")",
    ),
    (
        "[fix.a]\nset = { modle.output = 'relu' }",
        "x.toml:2: fix.a.set: unknown table \"modle\", did you mean \"model\"? accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    (
        "[fix.seed]\nset = { train.steps = 3 }",
        "x.toml:1: fix.seed: is a column of runs.csv already: give the fix another name",
    ),
    (
        "[fix.'a+b']\nset = { train.steps = 3 }",
        "x.toml:1: fix.a+b: '+' joins the names of fixes: give the fix a name without it",
    ),
    ("[fix.'a,b']\nset = { train.steps = 3 }", "x.toml:1: fix.a,b: \"a,b\" cannot be a name: {LABEL}"),
    ("[[variant]]\nfixes = []", "x.toml:1: variant[0].name: missing, expected the variant's name"),
    (
        "[[variant]]\nname = 'v'\nfixes = ['b']",
        "x.toml:3: variant[0].fixes: no fix \"b\": the file has none, add [fix.NAME] with its set = { … }",
    ),
    (
        "[fix.aa]\nset = { train.steps = 3 }\n[[variant]]\nname = 'v'\nfixes = ['ab']",
        "x.toml:5: variant[0].fixes: unknown fix \"ab\", did you mean \"aa\"? accepted: aa",
    ),
    (
        "[[variant]]\nname = 'v'\n[[variant]]\nname = 'v'",
        "x.toml:1: variant: two variants are called \"v\": give one another name",
    ),
    (
        "[[variant]]\nname = 'v'\nset = { train.steps = 0 }",
        "x.toml:3: train.steps: expected a whole number of at least 1, got 0 (in variant \"v\")",
    ),
    ("[ablation]\ndesign = 'full'", "x.toml:1: ablation: has no fixes: name some under [fix.…]"),
    (
        "[sweep]\n'model.hiden' = [[1], [2]]",
        "x.toml:2: model.hiden: unknown key \"hiden\", did you mean \"hidden\"? accepted: hidden, activation, bias, outputs, output, init, init_bias, negative_slope, dropout, norm, norm_place, norm_eps, norm_momentum, norm_variance, norm_frozen, frozen or 2 more",
    ),
    ("[sweep]\n'train.steps' = 5", "x.toml:2: sweep.train.steps: expected a list of values, got 5"),
    ("[sweep]\n'train.steps' = [5, 5]", "x.toml:2: sweep.train.steps: 5 is there twice"),
    (
        "[[published]]\nvariant = 'nobody'\nfigure = 'r2'\nvalue = 1",
        "x.toml:2: published[0].variant: unknown variant \"nobody\", accepted: baseline",
    ),
    (
        "[sweep]\n'optimizer.learning_rate' = [1]\noptimizer.learning_rate = [2]",
        "x.toml:2: sweep.optimizer.learning_rate: is swept twice: keep one",
    ),
    (
        "[sweep]\n'model.activation' = ['relu', ['relu']]\n'data.target.csv' = ['d#.csv', 'd.csv']\n[data]\ntarget = { csv = 'a', inputs = ['a'], output = 'y' }\n[model]\nhidden = [1]",
        "x.toml:1: sweep: two points are both called \"baseline model.activation=relu data.target.csv=d.csv\": their values differ only in characters that a name cannot hold",
    ),
    (
        "[train]\nsteps = 9223372036854775807",
        "x.toml:2: train.steps: expected a whole number of at most 10¹², got 9223372036854775807",
    ),
    (
        "[[variant]]\nname = '1e3'",
        "x.toml:2: variant[0].name: \"1e3\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "[[variant]]\nname = 'None'",
        "x.toml:2: variant[0].name: \"None\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    ("name = 1.5", "x.toml:1: name: expected a string, got 1.5"),
    ("name = true", "x.toml:1: name: expected a string, got true"),
    ("name = ['a']", "x.toml:1: name: expected a string, got [\"a\"]"),
    ("title = 5", "x.toml:1: title: expected a string, got 5"),
    ("title = ['x']", "x.toml:1: title: expected a string, got [\"x\"]"),
    ("name = 1979-05-27", "x.toml:1: no key takes a date or a time: a text needs quotes"),
    ("title = 07:32:00", "x.toml:1: no key takes a date or a time: a text needs quotes"),
    ("seeds = 1979-05-27T07:32:00Z", "x.toml:1: no key takes a date or a time: a text needs quotes"),
    ("seeds = -1", "x.toml:1: seeds: expected {SEEDS}, got -1"),
    ("seeds = 1000001", "x.toml:1: seeds: expected {SEEDS}, got 1000001"),
    ("seeds = []", "x.toml:1: seeds: expected {SEEDS}, got []"),
    ("seeds = 1e3", "x.toml:1: seeds: expected {SEEDS}, got 1000.0"),
    ("seeds = 1.0", "x.toml:1: seeds: expected {SEEDS}, got 1.0"),
    ("seeds = '3'", "x.toml:1: seeds: expected {SEEDS}, got \"3\""),
    ("seeds = [1.5]", "x.toml:1: seeds: expected seeds of at least 0, got 1.5"),
    ("seeds = ['a']", "x.toml:1: seeds: expected seeds of at least 0, got \"a\""),
    ("seeds = [[1]]", "x.toml:1: seeds: expected seeds of at least 0, got [1]"),
    ("seeds = {}", "x.toml:1: seeds: expected {SEEDS}, got {}"),
    ("seeds = true", "x.toml:1: seeds: expected {SEEDS}, got true"),
    ("seeds = 18446744073709551616", "x.toml:1: 18446744073709551616 does not fit a 64-bit integer"),
    ("seeds = 9223372036854775808", "x.toml:1: 9223372036854775808 does not fit a 64-bit integer"),
    ("seeds = nan", "x.toml:1: seeds: expected {SEEDS}, got NaN"),
    ("seeds = [0, 0]", "x.toml:1: seeds: the seed 0 is there twice"),
    ("seeds = [9223372036854775808]", "x.toml:1: 9223372036854775808 does not fit a 64-bit integer"),
    ("[data]\nnoise = nan", "x.toml:2: data.noise: expected a number of at least 0, got NaN"),
    ("[data]\nnoise = inf", "x.toml:2: data.noise: expected a number of at least 0, got inf"),
    ("[data]\nnoise = -inf", "x.toml:2: data.noise: expected a number of at least 0, got -inf"),
    ("[data]\nnoise = 1e400", "x.toml:2: 1e400 does not fit a 64-bit float"),
    ("[data]\nnoise = true", "x.toml:2: data.noise: expected a number of at least 0, got true"),
    (
        "[data]\nscale_input = nan",
        "x.toml:2: data.scale_input: expected a number other than 0, \"standardize\" or \"unit\", got NaN",
    ),
    (
        "[data]\nscale_target = inf",
        "x.toml:2: data.scale_target: expected a number other than 0, \"standardize\" or \"unit\", got inf",
    ),
    ("[data]\ntarget = { polynomial = [inf] }", "x.toml:2: data.target.polynomial: expected a finite number, got inf"),
    (
        "[data]\ntarget = { polynomial = 5 }",
        "x.toml:2: data.target.polynomial: expected a list of coefficients, constant first, got 5",
    ),
    ("[data]\ntarget = { polynomial = [[1]] }", "x.toml:2: data.target.polynomial: expected a finite number, got [1]"),
    ("[data]\ntarget = {}", "x.toml:2: data.target: expected {TARGET}, got {}"),
    (
        "[data]\ntarget = { csv = 'x' }",
        "x.toml:2: data.target.inputs: missing, expected a list of column names, or [\"*\"] for all others",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = [] , output = 'y' }",
        "x.toml:2: data.target.inputs: expected at least one column name",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'] }",
        "x.toml:2: data.target.output: missing, expected output = \"y\" for a number, outputs = [\"y\", \"z\"] for several, or class = \"y\"",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a', 'a'], output = 'y' }",
        "x.toml:2: data.target.inputs: the column \"a\" is named twice",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'a' }",
        "x.toml:2: data.target.output: the column \"a\" is an input too: the network would only copy it",
    ),
    ("[data]\ntarget = { csv = 5 }", "x.toml:2: data.target.csv: expected a string, got 5"),
    (
        "[data]\ntarget = { csv = 'x', inputs = 'a', output = 'y' }",
        "x.toml:2: data.target.inputs: expected a list of column names, or [\"*\"] for all others, got \"a\"",
    ),
    (
        "[data]\ntarget = { csv = 'x', polynomial = [1] }",
        "x.toml:2: data.target.csv: unknown key \"csv\", accepted: polynomial",
    ),
    (
        "[data]\ntarget = { foo = 1 }",
        "x.toml:2: data.target.foo: unknown key \"foo\", accepted: polynomial, formula, csv or tensors",
    ),
    (
        "[data]\ntarget = { csv = '', inputs = ['a'], output = 'y' }",
        "x.toml:2: data.target.csv: names no file: give a CSV, beside the experiment file or with its path",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = 1, count = 0 } }",
        "x.toml:2: data.inputs.grid.count: expected a whole number of at least 1, got 0",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = 1, count = 3 }, uniform = { from = 0, to = 1, count = 3 } }",
        "x.toml:2: data.inputs: grid and uniform at once: keep one",
    ),
    (
        "[data]\ninputs = {}",
        "x.toml:2: data.inputs: expected { grid = { from, to, count } } or { uniform = { from, to, count } }, got {}",
    ),
    (
        "[data]\ninputs = 5",
        "x.toml:2: data.inputs: expected { grid = { from, to, count } } or { uniform = { from, to, count } }, got 5",
    ),
    (
        "[data]\ninputs = { grid = { from = -1e308, to = 1e308, count = 3 } }",
        "x.toml:2: data.inputs.grid.to: the range is wider than a 64-bit float can say",
    ),
    (
        "[data]\ninputs = { grid = { from = 'a', to = 1, count = 3 } }",
        "x.toml:2: data.inputs.grid.from: expected a finite number, got \"a\"",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = nan, count = 3 } }",
        "x.toml:2: data.inputs.grid.to: expected a finite number, got NaN",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = 1, count = 3, step = 1 } }",
        "x.toml:2: data.inputs.grid.step: unknown key \"step\", accepted: from, to or count",
    ),
    ("[data]\ninputs = { grid = 5 }", "x.toml:2: data.inputs.grid: expected a table, got an integer (5)"),
    (
        "[data]\ntest = {}",
        "x.toml:2: data.test: expected \"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }, got {}",
    ),
    (
        "[data]\ntest = 5",
        "x.toml:2: data.test: expected \"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }, got 5",
    ),
    (
        "[data]\ntest = { grid = { from = 0, to = 1, count = 2 }, uniform = { from = 0, to = 1, count = 2 } }",
        "x.toml:2: data.test: expected \"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }, got { grid = { from = 0, to = 1, count = 2 }, uniform = { from = 0, to = 1, count = …",
    ),
    (
        "[data]\nduplicates = 'drop'",
        "x.toml:2: data.duplicates: only a file has rows that repeat others: remove this key",
    ),
    ("[data]\nrows = 0", "x.toml:2: data.rows: expected a whole number of at least 1, got 0"),
    (
        "[data]\nrows = 5\ninputs = { uniform = { from = 0, to = 1, count = 9 } }\n[batch]\ndraw = 'fresh'",
        "x.toml:2: data.rows: of samples that are drawn anew there is no end: set batch.draw = \"epoch\"",
    ),
    ("[data]\nholdout = 1", "x.toml:2: data.holdout: expected a number from 0 up to, but not including, 1, got 1"),
    (
        "[data]\nholdout = -0.1",
        "x.toml:2: data.holdout: expected a number from 0 up to, but not including, 1, got -0.1",
    ),
    ("[data]\nholdout = nan", "x.toml:2: data.holdout: expected a number from 0 up to, but not including, 1, got NaN"),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\nholdout = 0.5\ntest = 'train'",
        "x.toml:4: data.test: \"train\" beside a holdout, which is there to be tested on: keep one",
    ),
    ("[batch]\nsize = -1", "x.toml:2: batch.size: expected a whole number of at least 1, got -1"),
    ("[batch]\nsize = 1.5", "x.toml:2: batch.size: expected \"all\" or a whole number of at least 1, got 1.5"),
    ("[batch]\nsize = 1e3", "x.toml:2: batch.size: expected \"all\" or a whole number of at least 1, got 1000.0"),
    ("[batch]\ndraw = 1", "x.toml:2: batch.draw: expected once, epoch, sequential or fresh, got 1"),
    ("[batch]\nsize = 9223372036854775808", "x.toml:2: 9223372036854775808 does not fit a 64-bit integer"),
    ("[model]\nhidden = [1.5]", "x.toml:2: model.hidden: expected a whole number of at least 1, got 1.5"),
    ("[model]\nhidden = ['a']", "x.toml:2: model.hidden: expected a whole number of at least 1, got \"a\""),
    ("[model]\nhidden = [[1]]", "x.toml:2: model.hidden: expected a whole number of at least 1, got [1]"),
    ("[model]\nhidden = [-1]", "x.toml:2: model.hidden: expected a whole number of at least 1, got -1"),
    (
        "[model]\nactivation = []",
        "x.toml:2: model.activation: 0 activations for 2 hidden layers: give one a layer, or a single one for all",
    ),
    (
        "[model]\nactivation = 5",
        "x.toml:2: model.activation: expected relu, leaky_relu, elu, gelu, gelu_tanh, sigmoid, tanh or identity, got 5",
    ),
    (
        "[model]\nactivation = ['relu']",
        "x.toml:2: model.activation: 1 activations for 2 hidden layers: give one a layer, or a single one for all",
    ),
    (
        "[model]\nactivation = ['relu', 5]",
        "x.toml:2: model.activation: expected relu, leaky_relu, elu, gelu, gelu_tanh, sigmoid, tanh or identity, got 5",
    ),
    (
        "[model]\noutput = ['relu']",
        "x.toml:2: model.output: expected identity, relu, sigmoid, tanh, softmax or log_softmax, got [\"relu\"]",
    ),
    (
        "[model]\ninit = 'he'",
        "x.toml:2: model.init: unknown value \"he\", accepted: glorot_uniform, glorot_normal, kaiming_uniform, kaiming_normal, glorot_truncated, kaiming_truncated, lecun_normal, lecun_uniform, pytorch or zeros",
    ),
    (
        "[model]\ninit = {}",
        "x.toml:2: model.init: expected glorot_uniform, glorot_normal, kaiming_uniform, kaiming_normal, glorot_truncated, kaiming_truncated, lecun_normal, lecun_uniform, pytorch, zeros, { uniform = [a, b] } or { normal = [m, s] }, got {}",
    ),
    (
        "[model]\ninit = { uniform = [0, 1], normal = [0, 1] }",
        "x.toml:2: model.init: expected glorot_uniform, glorot_normal, kaiming_uniform, kaiming_normal, glorot_truncated, kaiming_truncated, lecun_normal, lecun_uniform, pytorch, zeros, { uniform = [a, b] } or { normal = [m, s] }, got { uniform = [0, 1], normal = [0, 1] }",
    ),
    ("[model]\ninit = { uniform = [0, inf] }", "x.toml:2: model.init.uniform: expected a finite number, got inf"),
    (
        "[model]\ninit = { normal = [0, 1, 2] }",
        "x.toml:2: model.init.normal: expected a list of two numbers, got [0, 1, 2]",
    ),
    (
        "[model]\ninit = 5",
        "x.toml:2: model.init: expected glorot_uniform, glorot_normal, kaiming_uniform, kaiming_normal, glorot_truncated, kaiming_truncated, lecun_normal, lecun_uniform, pytorch or zeros, got 5",
    ),
    (
        "[model]\ninit_bias = 'xero'",
        "x.toml:2: model.init_bias: unknown value \"xero\", did you mean \"zeros\"? accepted: glorot_uniform, glorot_normal, kaiming_uniform, kaiming_normal, glorot_truncated, kaiming_truncated, lecun_normal, lecun_uniform, pytorch or zeros",
    ),
    ("[loss]\nkind = 'huber'\ndelta = 0", "x.toml:3: loss.delta: expected a number above 0, got 0"),
    ("[loss]\nkind = 'huber'\ndelta = inf", "x.toml:3: loss.delta: expected a number above 0, got inf"),
    (
        "[loss]\nkind = true",
        "x.toml:2: loss.kind: expected mse, sse, mae, huber, log_cosh, mape, poisson, hinge, bce, cross_entropy, nll or torchscript, got true",
    ),
    (
        "[optimizer]\nkind = 'lion'",
        "x.toml:2: optimizer.kind: unknown value \"lion\", accepted: adam, adamw, sgd or rmsprop",
    ),
    ("[optimizer]\nlearning_rate = -1e-3", "x.toml:2: optimizer.learning_rate: expected a number above 0, got -0.001"),
    ("[optimizer]\nlearning_rate = inf", "x.toml:2: optimizer.learning_rate: expected a number above 0, got inf"),
    (
        "[optimizer]\nlearning_rate = 'fast'",
        "x.toml:2: optimizer.learning_rate: expected a number above 0, got \"fast\"",
    ),
    ("[optimizer]\nbetas = 0.9", "x.toml:2: optimizer.betas: expected a list of two numbers, got 0.9"),
    ("[optimizer]\nbetas = [0.9]", "x.toml:2: optimizer.betas: expected a list of two numbers, got [0.9]"),
    ("[optimizer]\neps = -1", "x.toml:2: optimizer.eps: expected a number of at least 0, got -1"),
    (
        "[optimizer]\nkind = 'rmsprop'\nalpha = 1",
        "x.toml:3: optimizer.alpha: expected a number from 0 up to, but not including, 1, got 1",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nmomentum = -1",
        "x.toml:3: optimizer.momentum: expected a number of at least 0, got -1",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nnesterov = 'yes'",
        "x.toml:3: optimizer.nesterov: expected true or false, got \"yes\"",
    ),
    ("[optimizer]\nweight_decay = -0.1", "x.toml:2: optimizer.weight_decay: expected a number of at least 0, got -0.1"),
    (
        "[optimizer]\nlr = 1e-3",
        "x.toml:2: optimizer.lr: unknown key \"lr\", accepted: kind, learning_rate, schedule, betas, eps, eps_place, momentum, nesterov, weight_decay, decay, alpha, clip_norm, clip_over, clip_value, zero_grad or without",
    ),
    ("[train]\nsteps = 0", "x.toml:2: train.steps: expected a whole number of at least 1, got 0"),
    ("[train]\nepochs = 0", "x.toml:2: train.epochs: expected a whole number of at least 1, got 0"),
    ("[train]\nsteps = inf", "x.toml:2: train.steps: expected a whole number of at least 1, got inf"),
    ("[train]\nlog_points = 0", "x.toml:2: train.log_points: expected a whole number of at least 2, got 0"),
    ("[train]\nsteps = 0x", "x.toml:2: a number without digits"),
    ("[train]\nsteps = 1_", "x.toml:2: `_` may only go between digits"),
    ("[train]\nsteps = 007", "x.toml:2: unexpected leading zero"),
    ("steps = 5", "x.toml:1: steps: unknown key \"steps\", did you mean \"train.steps\"?"),
    (
        "learning_rate = 1",
        "x.toml:1: learning_rate: unknown key \"learning_rate\", did you mean \"optimizer.learning_rate\"?",
    ),
    ("[[train]]\nsteps = 5", "x.toml:1: train: expected a table, got a list ([{ steps = 5 }])"),
    ("data = []", "x.toml:1: data: expected a table, got a list ([])"),
    ("[model]\n[model]", "x.toml:2: duplicate key"),
    ("[train]\nsteps = 1\nsteps = 2", "x.toml:3: duplicate key"),
    ("[train]\nsteps = 1\n[train.steps]\na = 1", "x.toml:3: duplicate key"),
    ("a.b = 1\na = 2", "x.toml:2: duplicate key"),
    ("[fix.a]\nset = { train.steps = 3 }\n[fix.a]\nset = { train.steps = 4 }", "x.toml:3: duplicate key"),
    ("name = 'x", "x.toml:1: invalid literal string, expected `'`"),
    ("name = \"x", "x.toml:1: invalid basic string, expected `\"`"),
    ("name = x", "x.toml:1: no value that TOML knows: a text needs quotes"),
    ("name 'x'", "x.toml:1: key with no value, expected `=`"),
    ("= 1", "x.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
    ("name =", "x.toml:1: no value that TOML knows: a text needs quotes"),
    ("name = 'a' 'b'", "x.toml:1: unexpected key or value, expected newline, `#`"),
    ("[", "x.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
    ("[]", "x.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
    ("[a.]", "x.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
    ("[[a]", "x.toml:1: unclosed array table, expected `]`"),
    ("[[variant]\nname = 'v'", "x.toml:1: unclosed array table, expected `]`"),
    ("name = \"\\q\"", "x.toml:1: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\\`, `\"`, `x`, `u`, `U`"),
    ("name = \"\\ud800\"", "x.toml:1: invalid value, expected unicode hexadecimal value"),
    ("a = [1", "x.toml:1: unclosed array, expected `]`"),
    ("a = {b = 1", "x.toml:1: unclosed inline table, expected `}`"),
    ("a = {b = 1, b = 2}", "x.toml:1: duplicate key"),
    ("a = [1 2]", "x.toml:1: no value that TOML knows: a text needs quotes"),
    ("a = 1 b = 2", "x.toml:1: unexpected key or value, expected newline, `#`"),
    ("'''", "x.toml:1: key with no value, expected `=`"),
    ("\"\"\"", "x.toml:1: key with no value, expected `=`"),
    ("a = 2020-13-01", "x.toml:1: invalid date, expected month between 01 and 12"),
    ("a = +-1", "x.toml:1: redundant numeric sign"),
    ("a = 1e", "x.toml:1: invalid exponent, expected digits"),
    ("a = .5", "x.toml:1: invalid mantissa, expected digits"),
    ("a = 5.", "x.toml:1: invalid fraction, expected digits"),
    ("a = 0b12", "x.toml:1: invalid binary number"),
    ("a = tru", "x.toml:1: invalid boolean, expected `true`"),
    ("a = 1__0", "x.toml:1: `_` may only go between digits"),
    ("\u{a0}a = 1", "x.toml:1: invalid unquoted key, expected letters, numbers, `-`, `_`"),
    ("name = 'a\0b'", "x.toml:1: invalid literal string, expected non-single-quote visible characters"),
    ("\0", "x.toml:1: key with no value, expected `=`"),
    ("name = 'a\x1fb'", "x.toml:1: invalid literal string, expected non-single-quote visible characters"),
    ("{}", "x.toml:1: invalid key-value pair, expected key"),
    ("]", "x.toml:1: missing table open, expected `[`"),
    ("#\x01", "x.toml:1: invalid comment character, expected printable characters"),
    ("[fix]\na = 5", "x.toml:2: fix.a: expected a table, got an integer (5)"),
    ("fix = 5", "x.toml:1: fix: expected a table, got an integer (5)"),
    ("[fix.'']\nset = { train.steps = 3 }", "x.toml:1: fix: \"\" cannot be a name: {LABEL}"),
    ("[fix.a]\nset = 5", "x.toml:2: fix.a.set: expected a table, as { model.output = \"identity\" }, got 5"),
    (
        "[fix.a]\nset = {}",
        "x.toml:2: fix.a.set: missing, expected what the fix changes, as set = { model.output = \"identity\" }",
    ),
    ("[fix.a]\nset = { train = 5 }", "x.toml:2: fix.a.set: train is a table: set its keys, as train.key = …"),
    ("[fix.a]\nwhy = 5\nset = { train.steps = 3 }", "x.toml:2: fix.a.why: expected a string, got 5"),
    (
        "[fix.a]\nset = { name = 'x' }",
        "x.toml:2: fix.a.set: unknown table \"name\", accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    (
        "[fix.a]\nset = { train.steps = 3 }\nbecause = 'x'",
        "x.toml:3: fix.a.because: unknown key \"because\", accepted: why or set",
    ),
    (
        "[fix.baseline]\nset = { train.steps = 3 }",
        "x.toml:1: fix.baseline: is the name of what has no fix: give the fix another name",
    ),
    (
        "[fix.'1.5']\nset = { train.steps = 3 }",
        "x.toml:1: fix.1.5: \"1.5\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "[fix.\"a\\u202eb\"]\nset = { train.steps = 3 }",
        "x.toml:1: fix.a\\u{202e}b: \"a\\u{202e}b\" cannot be a name: {LABEL}",
    ),
    (
        "[fix.\"a\\u200bb\"]\nset = { train.steps = 3 }",
        "x.toml:1: fix.a\\u{200b}b: \"a\\u{200b}b\" cannot be a name: {LABEL}",
    ),
    (
        "[fix.a]\nset = { train.steps = 0 }",
        "x.toml:2: train.steps: expected a whole number of at least 1, got 0 (in fix \"a\")",
    ),
    (
        "[fix.a]\nset = { optimizer.kind = 'sgd', optimizer.betas = [0.1, 0.2] }",
        "x.toml:2: optimizer.betas: sgd has no such key, accepted: momentum, nesterov, weight_decay, decay (in fix \"a\")",
    ),
    ("[variant]\nname = 'v'", "x.toml:1: variant: expected [[variant]] tables, got { name = \"v\" }"),
    ("variant = 5", "x.toml:1: variant: expected [[variant]] tables, got 5"),
    ("variant = [5]", "x.toml:1: variant[0]: expected a table, got an integer (5)"),
    ("[[variant]]\nname = ''", "x.toml:2: variant[0].name: \"\" cannot be a name: {LABEL}"),
    ("[[variant]]\nname = 5", "x.toml:2: variant[0].name: expected a string, got 5"),
    ("[[variant]]\nname = 'a#b'", "x.toml:2: variant[0].name: \"a#b\" cannot be a name: {LABEL}"),
    ("[[variant]]\nname = ' a'", "x.toml:2: variant[0].name: \" a\" cannot be a name: {LABEL}"),
    ("[[variant]]\nname = \"a\\nb\"", "x.toml:2: variant[0].name: \"a\\nb\" cannot be a name: {LABEL}"),
    ("[[variant]]\nname = \"a\\u2066b\"", "x.toml:2: variant[0].name: \"a\\u{2066}b\" cannot be a name: {LABEL}"),
    (
        "[[variant]]\nname = 'nan'",
        "x.toml:2: variant[0].name: \"nan\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "[[variant]]\nname = '-5'",
        "x.toml:2: variant[0].name: \"-5\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "[[variant]]\nname = 'true'",
        "x.toml:2: variant[0].name: \"true\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    ("[[variant]]\nname = 'v'\nfixes = 'a'", "x.toml:3: variant[0].fixes: expected a list of fixes' names, got \"a\""),
    ("[[variant]]\nname = 'v'\nfixes = [5]", "x.toml:3: variant[0].fixes: expected a list of fixes' names, got 5"),
    (
        "[fix.a]\nset = { train.steps = 3 }\n[[variant]]\nname = 'v'\nfixes = ['a', 'a']",
        "x.toml:5: variant[0].fixes: \"a\" is there twice",
    ),
    (
        "[[variant]]\nname = 'v'\nset = { steps = 5 }",
        "x.toml:3: variant[0].set: unknown table \"steps\", accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    (
        "[[variant]]\nname = 'v'\nset = 5",
        "x.toml:3: variant[0].set: expected a table, as { model.output = \"identity\" }, got 5",
    ),
    (
        "[[variant]]\nname = 'v'\nstes = 5",
        "x.toml:3: variant[0].stes: unknown key \"stes\", did you mean \"set\"? accepted: name, fixes or set",
    ),
    (
        "[[variant]]\nname = 'baseline'\nset = { train.steps = 5 }",
        "x.toml:1: variant: two variants are called \"baseline\": give one another name",
    ),
    ("ablation = 5", "x.toml:1: ablation: expected a table, got an integer (5)"),
    ("[ablation]\nfixes = []", "x.toml:1: ablation: has no fixes: name some under [fix.…]"),
    (
        "[fix.a]\nset = { train.steps = 3 }\n[ablation]\ndesign = 'half'",
        "x.toml:4: ablation.design: unknown value \"half\", accepted: full or each",
    ),
    (
        "[fix.a]\nset = { train.steps = 3 }\n[ablation]\nfixes = ['b']",
        "x.toml:4: ablation.fixes: unknown fix \"b\", accepted: a",
    ),
    (
        "[fix.a]\nset = { train.steps = 3 }\n[ablation]\nfixes = ['a']\nx = 1",
        "x.toml:5: ablation.x: unknown key \"x\", accepted: fixes, framework or design",
    ),
    ("sweep = 5", "x.toml:1: sweep: expected a table, got an integer (5)"),
    ("[sweep]\n'train.steps' = []", "x.toml:2: sweep.train.steps: expected a list of values, got []"),
    ("[sweep]\ntrain = 5", "x.toml:2: sweep.train: expected a list of values, got 5"),
    (
        "[sweep]\n'steps' = [1]",
        "x.toml:2: sweep.steps: unknown table \"steps\", accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    ("[sweep]\n'train.steps' = [1, 'a']", "x.toml:2: train.steps: expected a whole number of at least 1, got \"a\""),
    ("[sweep]\n'train.steps' = [1, 1.0]", "x.toml:2: train.steps: expected a whole number of at least 1, got 1.0"),
    ("[sweep]\n'train.steps' = [{}]", "x.toml:2: train.steps: expected a whole number of at least 1, got {}"),
    (
        "[sweep]\n'data.a.a.a.a.a.a.a.a' = [1]",
        "x.toml:2: sweep.data.a.a.a.a.a.a.a.a: goes deeper than any key of an experiment: take out the dots",
    ),
    (
        "[sweep]\n'' = [1]",
        "x.toml:2: sweep: unknown table \"\", accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    (
        "[sweep]\n'train..steps' = [1]",
        "x.toml:2: train: unknown key \"\", accepted: steps, epochs, log_points, engine, mode or stop",
    ),
    ("[sweep]\n'train.steps.x' = [1]", "x.toml:2: train.steps: expected a whole number of at least 1, got { x = 1 }"),
    (
        "[sweep]\n'seeds' = [1, 2]",
        "x.toml:2: sweep.seeds: unknown table \"seeds\", accepted: data, batch, model, loss, optimizer, train or framework",
    ),
    ("[sweep]\n'model.hidden' = [[1], [1]]", "x.toml:2: sweep.model.hidden: [1] is there twice"),
    (
        "[fix.'train.steps']\nset = { train.steps = 3 }\n[sweep]\n'train.steps' = [1]",
        "x.toml:4: sweep.train.steps: is the name of a fix too, and both are columns of runs.csv: rename the fix",
    ),
    ("published = 5", "x.toml:1: published: expected [[published]] tables, got 5"),
    ("[[published]]", "x.toml:1: published[0].variant: missing, expected the name of a variant"),
    (
        "[[published]]\nvariant = 'baseline'",
        "x.toml:1: published[0].figure: missing, expected first_loss, last_loss, test_rmse, r2, accuracy or prediction",
    ),
    (
        "[[published]]\nvariant = 'baseline'\nfigure = 'r3'\nvalue = 1",
        "x.toml:3: published[0].figure: unknown figure \"r3\", did you mean \"r2\"? accepted: first_loss, last_loss, test_rmse, r2, accuracy or prediction",
    ),
    ("[[published]]\nvariant = 'baseline'\nfigure = 'r2'", "x.toml:1: published[0].value: missing, expected a number"),
    (
        "[[published]]\nvariant = 'baseline'\nfigure = 'r2'\nvalue = 'x'",
        "x.toml:4: published[0].value: expected a number, got \"x\"",
    ),
    (
        "[[published]]\nvariant = 'baseline'\nfigure = 'r2'\nat = 5\nvalue = 1",
        "x.toml:4: published[0].at: only a prediction is taken at an input: remove this key",
    ),
    (
        "[[published]]\nvariant = 'baseline'\nfigure = 'prediction'\nvalue = 1",
        "x.toml:1: published[0].at: missing, expected the input at which the prediction is taken",
    ),
    (
        "[[published]]\nvariant = 'baseline'\nfigure = 'prediction'\nat = nan\nvalue = 1",
        "x.toml:4: published[0].at: expected a finite number, got NaN",
    ),
    // Tables, classes, several outputs.
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y', class = 'z' }",
        "x.toml:2: data.target.class: output and class at once: keep one",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y', outputs = ['z'] }",
        "x.toml:2: data.target.outputs: output and outputs at once: keep one",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], class = 5 }",
        "x.toml:2: data.target.class: expected a string, got 5",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], outputs = 'y' }",
        "x.toml:2: data.target.outputs: expected a list of column names, got \"y\"",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], outputs = [] }",
        "x.toml:2: data.target.outputs: expected at least one column name",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], outputs = ['y', 'y'] }",
        "x.toml:2: data.target.outputs: the column \"y\" is named twice",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a', 'y'], class = 'y' }",
        "x.toml:2: data.target.class: the column \"y\" is an input too: the network would only copy it",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['*', 'a'], output = 'y' }",
        "x.toml:2: data.target.inputs: \"a\" beside \"*\", which stands for it too: keep one",
    ),
    ("[data]\ntarget = { formula = 5 }", "x.toml:2: data.target.formula: expected a string, got 5"),
    ("[data]\ntarget = { tensors = 5 }", "x.toml:2: data.target.tensors: expected a string, got 5"),
    (
        "[data]\ntarget = { tensors = '' }",
        "x.toml:2: data.target.tensors: names no file: give a safetensors file, beside the experiment file or with its path",
    ),
    (
        "[data]\ntarget = { tensors = 'x', class = 'y' }",
        "x.toml:2: data.target.class: unknown key \"class\", accepted: polynomial, formula, csv or tensors",
    ),
    (
        "[data]\ntarget = { tensors = 'x' }\ninputs = { uniform = { from = 0, to = 1, count = 5 } }",
        "x.toml:3: data.inputs: a tensor file brings its own inputs: remove this key",
    ),
    (
        "[data]\ntarget = { formula = 'x' }\nholdout = 0.5",
        "x.toml:3: data.holdout: only rows of a CSV can be held out: remove this key, a formula is tested on its grid",
    ),
    (
        "[data]\nholdout_rows = 'last'",
        "x.toml:2: data.holdout_rows: no rows are held out: set data.holdout, or remove this key",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\nholdout = 0.5\nholdout_rows = 'first'",
        "x.toml:4: data.holdout_rows: unknown value \"first\", accepted: random, last or stratified",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\nholdout = 0.5\nholdout_rows = 2",
        "x.toml:4: data.holdout_rows: expected random, last or stratified, got 2",
    ),
    (
        "[data]\nlabels = 'index'",
        "x.toml:2: data.labels: only a target with classes has labels: name its column as class, as { csv = \"rows.csv\", inputs = [\"*\"], class = \"y\" }",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], class = 'y' }\nlabels = 'onehot'",
        "x.toml:3: data.labels: unknown value \"onehot\", did you mean \"one-hot\"? accepted: index, one-hot, plus-minus or number",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], class = 'y' }\nlabels = 1",
        "x.toml:3: data.labels: expected index, one-hot, plus-minus or number, got 1",
    ),
    ("[data]\nmissing = 'drop'", "x.toml:2: data.missing: only a file can miss values: remove this key"),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\nmissing = 'median'",
        "x.toml:3: data.missing: unknown value \"median\", did you mean \"mean\"? accepted: refuse, drop or mean",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], class = 'y' }\nnoise = 0.1",
        "x.toml:3: data.noise: classes have no noise that could be added: remove this key",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], class = 'y' }\nscale_target = 255",
        "x.toml:3: data.scale_target: only classes that are numbers can be scaled: remove this key, or set data.labels to \"number\" or \"index\"",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\ntest = { csv = '' }",
        "x.toml:3: data.test: names no file: give a CSV, beside the experiment file or with its path",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\nholdout = 0.2\ntest = { csv = 'z' }",
        "x.toml:4: data.test: a CSV of its own beside a holdout: keep one",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\ntest = { scv = 'z' }",
        "x.toml:3: data.test.scv: unknown key \"scv\", did you mean \"csv\"? accepted: csv, grid or uniform",
    ),
    (
        "[data]\ntarget = { csv = 'x', inputs = ['a'], output = 'y' }\ntest = { csv = 3 }",
        "x.toml:3: data.test.csv: expected a string, got 3",
    ),
    ("[data]\ntest = { csv = 'z' }", "x.toml:2: data.test.csv: unknown key \"csv\", accepted: grid or uniform"),
    ("[model]\noutputs = 0", "x.toml:2: model.outputs: expected a whole number of at least 1, got 0"),
    (
        "[model]\noutputs = 'two'",
        "x.toml:2: model.outputs: expected \"auto\" or a whole number of at least 1, got \"two\"",
    ),
    ("[model]\noutputs = 20000", "x.toml:2: model.outputs: 20000 output units, at most 10000 are allowed"),
    (
        "[loss]\nfrom = 'logits'",
        "x.toml:2: loss.from: only bce and cross_entropy have it: remove this key, or set loss.kind",
    ),
    (
        "[loss]\nkind = 'bce'\nfrom = 'logit'",
        "x.toml:3: loss.from: unknown value \"logit\", did you mean \"logits\"? accepted: logits, probabilities or log_probabilities",
    ),
    (
        "[loss]\nkind = 'cross_entropy'\npairing = 'broadcast'",
        "x.toml:3: loss.pairing: cross_entropy is a loss of rows, not of pairs: remove this key",
    ),
    ("[loss]\nreduction = 'none'", "x.toml:2: loss.reduction: unknown value \"none\", accepted: mean or sum"),
    (
        "[loss]\nkind = 'sse'\nreduction = 'mean'",
        "x.toml:3: loss.reduction: sse is a sum: remove this key, or set loss.kind = \"mse\"",
    ),
    ("[goal]\naccuracy = 1.5", "x.toml:2: goal.accuracy: expected a number above 0 and up to 1, got 1.5"),
    ("[goal]\nr2 = 0", "x.toml:2: goal.r2: expected a number above 0 and up to 1, got 0"),
    ("[goal]\nr2 = nan", "x.toml:2: goal.r2: expected a number above 0 and up to 1, got NaN"),
    ("[goal]\nauc = 0.9", "x.toml:2: goal.auc: unknown key \"auc\", accepted: accuracy or r2"),
    ("goal = 0.9", "x.toml:1: goal: expected a table, got a float (0.9)"),
];

#[test]
fn every_fault_of_a_file_is_one_line_with_its_place_and_its_cure() {
    for (experiment, expected) in CASES {
        let error = Experiment::parse(experiment, "x.toml", &[]).expect_err(expected);
        assert_eq!(error.to_string(), in_full(expected));
    }
    for (experiment, expected) in CASES.iter().step_by(EVERY) {
        let misfit = Misfit::new();
        misfit.write("x.toml", experiment);
        refused(&misfit, &["run", "x.toml", "--dry-run"], expected);
        refused(&misfit, &["diagnose", "x.toml"], expected);
    }
}

#[test]
fn files_that_are_no_experiments_are_named() {
    let misfit = Misfit::new();
    refused(
        &misfit,
        &["run", "nowhere.toml"],
        "nowhere.toml: cannot be read: No such file or directory (os error 2): expected an experiment file, or a setting as key=value",
    );
    refused(&misfit, &["run", "."], ".: is not a file, expected an experiment in TOML");
    refused(&misfit, &["run", "/dev/null"], "/dev/null: is not a file, expected an experiment in TOML");
    refused(&misfit, &["run", ""], "\"\": names no file, expected an experiment file, or a setting as key=value");
    let bytes: [(&[u8], &str); 5] = [
        (b"# one\ntitle = \"caf\xe9\"\n", "2: is not UTF-8: save the file as UTF-8"),
        (b"\xff\xfen\0a\0", "1: is not UTF-8: save the file as UTF-8"),
        (b"\x1f\x8b\x08\0", "1: is not UTF-8: save the file as UTF-8"),
        (b"a\0b = 1\n", "1: invalid unquoted key, expected letters, numbers, `-`, `_`"),
        // A mark of the byte order is passed over at the beginning only, and the ends of lines may be those of Windows.
        ("\u{feff}[train]\r\nsteps = 0\r\n".as_bytes(), "2: train.steps: expected a whole number of at least 1, got 0"),
    ];
    for (bytes, expected) in bytes {
        std::fs::write(misfit.folder.path().join("bytes.toml"), bytes).unwrap();
        refused(&misfit, &["run", "bytes.toml", "--dry-run"], &format!("bytes.toml:{expected}"));
    }
}

#[test]
fn an_empty_file_is_an_experiment_with_the_default_of_every_key() {
    let misfit = Misfit::new();
    misfit.write("empty.toml", "");
    assert!(misfit.ok(&["run", "empty.toml", "--dry-run"]).stdout().starts_with("empty: 3 runs, 1 variants"));
}

#[test]
fn no_control_character_of_an_experiment_reaches_the_terminal() {
    let misfit = Misfit::new();
    misfit.write("x.toml", "title = \"a\\u001b[31mred\\nline\"\nname = \"x\"\n\"k\\u001b[0m\\u200b\\u2066\" = 1\n");
    let said = misfit.run(&["run", "x.toml", "--dry-run"]).stderr();
    assert!(!said.contains(['\u{1b}', '\u{200b}', '\u{2066}']) && said.lines().count() == 1, "{said:?}");
}
