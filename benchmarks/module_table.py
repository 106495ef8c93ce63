"""The table of the modules in docs/modules.md, as Markdown: parameters, time, and what each is held against.

    python benchmarks/module_table.py [MODULE ...] [--quick] [--shape 32 64 28 28] [--rounds N]

The time is that of a forward and backward beside a plain gate, `x * gate`, as benchmarks/modules.py measures it; on a
CPU it is the time of the process, so that other processes do not count.
"""

from __future__ import annotations

import statistics
import time

import torch
from modules import Multiply, Timed, command_line, measure
from torch import nn

from attnctl import attention

CHECKED = {
    "an": "iVMCL/AOGNet-v2, `form=released`: 7e-15",
    "bam": "the authors' code: equal",
    "ca": "the authors' code: equal",
    "ca_gn": "the text (no code by the authors)",
    "caa": "NUST-Machine-Intelligence-Laboratory/PKINet: 0",
    "cbam": "the authors' code: equal",
    "cpca": "Cuthbert-Huang/CPCANet, `form=released`: 8e-16; `form=paper`: the text",
    "ean": "TomLi515/EAN_AAAI, `form=released`: 2e-15",
    "eca": "the authors' code: equal",
    "ela": "public code of the four variants: equal (no code by the authors)",
    "ema": "YOLOonMe/EMA-attention-module: 3e-16",
    "ese": "timm 1.0.31, `form=released`: 2e-16; `form=paper`: the text",
    "fca": "the authors' code: equal",
    "gam": "public copies of the authors' file, `form=released`: 1e-14; `form=paper`: the text",
    "gc": "xvjiarui/GCNet: 4e-15",
    "ge": "timm 1.0.31, pooling: 0; convolutions: hujie-frank/GENet's network files, by reading",
    "gn": "torch",
    "in": "torch",
    "lsk": "zcablii/LSKNet: 0",
    "lska": "StevenLauHKHK/Large-Separable-Kernel-Attention, all six kernels: 0",
    "mca": "ndsclark/MCANet: 4e-16",
    "mlca": "wandahangFY/MLCA: 2e-16",
    "nam": "Christian-lyc/NAM, channel gate: equal",
    "nl": "timm 1.0.31, `r=8 scaled=true`: 5e-16; the paper's setting: the text",
    "pdfam": "the authors' code: equal",
    "sa": "the authors' code: equal",
    "scoord": "timm 1.0.31: 0",
    "scsa": "HZAI-ZJNU/SCSA: 0",
    "se": "the authors' code: equal",
    "sge": "the authors' code: equal",
    "shsa": "ysj9909/SHViT, with the block's residual: 0",
    "simam": "the authors' code: equal",
    "sn": "switchablenorms/Switchable-Normalization, `form=released`: 2e-15",
    "srm": "hyunjaelee410/style-based-recalibration-module, `form=released`: 9e-15",
    "strip": "timm 1.0.31: 0",
    "triplet": "the authors' code: equal",
}
"""Module -> the code that it is held against, and the largest difference of the outputs in float64."""

HEAD = "| module | parameters at 64 channels | at 256 | time / plain gate | held against |\n|---|---:|---:|---:|---|"


def parameters(name: str, channels: int) -> str:
    """The number of parameters with the default hyperparameters."""
    module: nn.Module = attention.create(name, channels, (28, 28))
    return f"{sum(parameter.numel() for parameter in module.parameters()):,}"


def row(name: str, time: str) -> str:
    """One line of the table. time: beside a plain gate."""
    return f"| `{name}` | {parameters(name, 64)} | {parameters(name, 256)} | {time} | {CHECKED[name]} |"


def main() -> None:
    """Measure, and print the table."""
    options = command_line(__doc__).read()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    x = torch.randn(options.shape or ([2, 64, 8, 8] if options.quick else [32, 64, 28, 28]), device=options.device)
    slope = torch.randn_like(x)
    plain = Timed("x * gate", Multiply(torch.rand_like(x)), x, slope, False)
    size = (x.shape[2], x.shape[3])
    others = [
        Timed(name, attention.create(name, x.shape[1], size).to(x.device), x, slope, False) for name in options.modules
    ]
    if not x.is_cuda:
        for item in (plain, *others):
            item.clock = time.process_time
    measure([plain, *others], options.rounds, options.repeats)
    print(HEAD)
    for item in others:
        ratio = statistics.median(item.times) / statistics.median(plain.times)
        print(row(item.name, f"{ratio:.1f}"))


if __name__ == "__main__":
    main()
