"""A paper of somebody's own, which the tests break in many ways."""

PAPER = """\
name = "mine"
title = "Attention & more: 50% <script>alert('x')</script> \\\\ R&D_50% $x$"

[written]
se = { pools = true, fc = "conv" }

[tables.1]
caption = "First"
header = "Method"
dataset = "digits"
backbone = "resnet20"
train = { epochs = 2 }
params_as = "exact"

[[tables.1.columns]]
key = "top1"
title = "Top-1"
metric = "top1"
unit = "%"

[[tables.1.columns]]
key = "params"
metric = "params"
unit = "M"
decimals = 3

[[tables.1.columns]]
key = "year"
metric = "words"

[tables.1.on.small]
title = "Small ones"
recipe = "cifar"

[tables.1.on.large]
backbone = "resnet56"

[[tables.1.rows]]
row = "ResNet-20"
on = "small"
top1 = "91.25"
params = "0.27"

[[tables.1.rows]]
row = "ResNet-20+SE"
printed = "+SE <b>&"
on = "small"
module = "se"
hyperparameters = { r = 16 }
top1 = "92.10"
explained = { top1 = "why" }

[[tables.1.rows]]
row = "ResNet-56"
on = "large"
train = { lr = [0.1, 0.05], epochs = 3 }
year = "R&D_50% <script>"

[figures.1]
caption = "A sweep"
kind = "sweep"
x = "r"

[[figures.1.settings.series]]
title = "SE"
table = "1"
row = "ResNet-20+SE"
column = "top1"
values = [4, 8]

[figures.2]
caption = "A cost"
kind = "scatter"
table = "1"
rows = ["ResNet-20*"]
"""
