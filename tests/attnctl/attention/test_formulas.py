"""The attention modules against formulas written from their papers, in float64 on random parameters."""

from math import cos, log2, pi, sqrt

import pytest
import torch
from torch.nn import functional

from tests.attnctl.attention.attention_cases import CASES, label, randomised

CHANNELS, HEIGHT, WIDTH = 16, 5, 6
EPS = 1e-5


class Given:
    """A module's parameters and running statistics, by name, and whether it is in training."""

    def __init__(self, module):
        self.values, self.training = module.state_dict(), module.training

    def __getitem__(self, name):
        return self.values[name]

    def get(self, name):
        return self.values.get(name)

    def batch_norm(self, name, x):
        """x: (B, C, ...)."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
        if not self.training:
            mean, var = self[f"{name}.running_mean"], self[f"{name}.running_var"]
        y = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + EPS)
        weight = self.get(f"{name}.weight")
        return y if weight is None else y * weight.view(shape) + self[f"{name}.bias"].view(shape)

    def layer(self, name, x):
        """x: (B, inputs)."""
        bias = self.get(f"{name}.bias")
        y = torch.stack([(self[f"{name}.weight"] * row).sum(1) for row in x])
        return y if bias is None else y + bias

    def conv(self, name, x, **options):
        weight = self[f"{name}.weight"]
        return functional.conv2d(x, weight, self.get(f"{name}.bias"), **options)


def sigmoid(z):
    return 1 / (1 + torch.exp(-z))


def relu(z):
    return torch.where(z > 0, z, 0.0)


def group_norm(x, groups, weight=None, bias=None):
    """x: (B, C, ...): each group of each sample over its channels and positions."""
    y = torch.empty_like(x)
    size = x.shape[1] // groups
    for n in range(x.shape[0]):
        for g in range(groups):
            part = x[n, g * size : (g + 1) * size]
            y[n, g * size : (g + 1) * size] = (part - part.mean()) / torch.sqrt(part.var(unbiased=False) + EPS)
    shape = [1, -1] + [1] * (x.ndim - 2)
    return y if weight is None else y * weight.view(shape) + bias.view(shape)


def se(p, x, **_):
    s = sigmoid(p.layer("excite", relu(p.layer("squeeze", x.mean((2, 3))))))
    return x * s[:, :, None, None]


def eca(p, x, kernel=None):
    """The size by equation 12: (log2 C + 1) / 2 cut to a whole number, and one more where that is even."""
    size = int((log2(x.shape[1]) + 1) / 2)
    size = kernel or size + (size % 2 == 0)
    weight = p["conv.weight"].flatten()
    assert len(weight) == size
    y = torch.empty_like(x)
    for n in range(x.shape[0]):
        z = functional.pad(x[n].mean((1, 2)), (size // 2, size // 2))
        for c in range(x.shape[1]):
            y[n, c] = x[n, c] * sigmoid(sum(weight[j] * z[c + j] for j in range(size)))
    return y


def cbam(p, x, kernel, bn=True, **_):
    def mlp(z):
        return p.layer("mlp.2", relu(p.layer("mlp.0", z)))

    gate = sigmoid(mlp(x.mean((2, 3))) + mlp(x.flatten(2).max(2).values))
    y = x * gate[:, :, None, None]
    pools = torch.stack([y.max(1).values, y.mean(1)], 1)
    plane = p.conv("conv", pools, padding=kernel // 2)
    return y * sigmoid(p.batch_norm("norm", plane) if bn else plane)


def bam(p, x, dilation, joint="product", **_):
    channel = p.layer("channel.3", relu(p.batch_norm("channel.1", p.layer("channel.0", x.mean((2, 3))))))
    plane = relu(p.batch_norm("spatial.1", p.conv("spatial.0", x)))
    for first in (3, 6):
        plane = p.conv(f"spatial.{first}", plane, padding=dilation, dilation=dilation)
        plane = relu(p.batch_norm(f"spatial.{first + 1}", plane))
    plane = p.conv("spatial.9", plane)
    channel = channel[:, :, None, None]
    return x * (1 + sigmoid(channel * plane if joint == "product" else channel + plane))


def sa(p, x, G):  # noqa: N803 - the papers' symbol, as below
    y, c = torch.empty_like(x), x.shape[1]
    half = c // (2 * G)
    for n in range(x.shape[0]):
        gated = torch.empty_like(x[n])
        for g in range(G):
            for k in range(half):
                first, second = x[n, 2 * g * half + k], x[n, (2 * g + 1) * half + k]
                w, b = p["channel_weight"][k], p["channel_bias"][k]
                gated[2 * g * half + k] = first * sigmoid(w * first.mean() + b)
                normed = (second - second.mean()) / torch.sqrt(second.var(unbiased=False) + EPS)
                normed = normed * p["norm_weight"][k] + p["norm_bias"][k]
                gated[(2 * g + 1) * half + k] = second * sigmoid(p["spatial_weight"][k] * normed + p["spatial_bias"][k])
        for j in range(c // 2):
            y[n, 2 * j], y[n, 2 * j + 1] = gated[j], gated[c // 2 + j]
    return y


def sge(p, x, G):  # noqa: N803
    y = torch.empty_like(x)
    size = x.shape[1] // G
    for n in range(x.shape[0]):
        for g in range(G):
            part = x[n, g * size : (g + 1) * size]
            mean = part.mean((1, 2))
            c = torch.stack([torch.stack([mean @ part[:, i, j] for j in range(WIDTH)]) for i in range(HEIGHT)])
            c = (c - c.mean()) / (c.std() + EPS)
            y[n, g * size : (g + 1) * size] = part * sigmoid(p["weight"][0, g] * c + p["bias"][0, g])
    return y


def coordinate(p, x, norm):
    high, wide = x.mean(3), x.mean(2)  # (B, C, H), (B, C, W)
    joint = norm(p.conv("joint", torch.cat([high, wide], 2)[..., None]))
    joint = joint * relu(joint + 3).clamp(max=6) / 6
    first = sigmoid(p.conv("height", joint[:, :, :HEIGHT]))  # (B, C, H, 1)
    second = sigmoid(p.conv("width", joint[:, :, HEIGHT:]))[..., 0]
    return x * first * second[:, :, None, :]


def ca(p, x, **_):
    return coordinate(p, x, lambda z: p.batch_norm("norm", z))


def ca_gn(p, x, num_groups=1, **_):
    return coordinate(p, x, lambda z: group_norm(z, num_groups, p["norm.weight"], p["norm.bias"]))


def triplet(p, x, kernel):
    def branch(name, turned):
        pools = torch.stack([turned.max(1).values, turned.mean(1)], 1)
        return turned * sigmoid(p.batch_norm(f"{name}.norm", p.conv(f"{name}.conv", pools, padding=kernel // 2)))

    height = branch("channel_width", x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)  # channels and height change places
    width = branch("height_channel", x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)  # channels and width
    return (branch("height_width", x) + height + width) / 3


def pdfam(p, x):
    def softplus(z):
        return torch.log(1 + torch.exp(z))

    squared = (x - x.mean((2, 3), keepdim=True)) ** 2
    s2 = squared.sum((2, 3), keepdim=True) / (HEIGHT * WIDTH - 1) + 1e-4
    density = torch.exp(-squared / (2 * s2) * softplus(p["width"])) / torch.sqrt(2 * pi * s2)
    return x / (softplus(p["offset"]) + softplus(p["scale"]) * density + 1)


def ela(p, x, kernel, groups, num_groups, shared=True):
    """Equations 4 to 9: strip pooling, the convolution and norm, a sigmoid, the product."""
    c = x.shape[1]
    per_group = {"c": 1, "c/8": 8}.get(groups) or c // groups

    def gate(name, strip):
        padded = functional.pad(strip, (kernel // 2, kernel // 2))
        out = torch.zeros_like(strip)
        for channel in range(c):
            first = channel // per_group * per_group
            for position in range(strip.shape[-1]):
                window = padded[:, first : first + per_group, position : position + kernel]
                out[:, channel, position] = (window * p[f"{name}.0.weight"][channel]).sum((1, 2))
        return sigmoid(group_norm(out, num_groups, p[f"{name}.1.weight"], p[f"{name}.1.bias"]))

    a, b = gate("height", x.sum(3) / WIDTH), gate("height" if shared else "width", x.sum(2) / HEIGHT)
    return x * a[:, :, :, None] * b[:, :, None, :]


def ean(p, x, G, shared=True):  # noqa: N803
    y, size = torch.empty_like(x), x.shape[1] // G
    for n in range(x.shape[0]):
        for g in range(G):
            gamma, beta, alpha, delta = (p[name][0 if shared else g] for name in ("gamma", "beta", "alpha", "delta"))
            norm = torch.sqrt(sum(gamma[i] ** 2 for i in range(size)) + EPS)  # eq. 6
            for i in range(size):
                part = x[n, g * size + i]
                standard = (part - part.mean()) / torch.sqrt(part.var(unbiased=False) + EPS)
                normed = gamma[i] * standard + beta[i]  # eq. 5
                weighted = gamma[i] / norm * normed  # eq. 7
                y[n, g * size + i] = sigmoid(alpha[i] * weighted + delta[i]) * part  # equations 8 and 9
    return y


def nam(p, x, gates="channel", **_):
    if gates != "spatial":
        share = p["channel.weight"].abs() / p["channel.weight"].abs().sum()
        x = x * sigmoid(share[:, None, None] * p.batch_norm("channel", x))
    if gates != "channel":
        share = p["spatial.weight"].abs() / p["spatial.weight"].abs().sum()
        pixels = x.flatten(2).transpose(1, 2)  # (B, H W, C)
        gate = sigmoid(share[:, None] * p.batch_norm("spatial", pixels))
        x = x * gate.transpose(1, 2).reshape(x.shape)
    return x


def switchable(p, x, names, prefix=""):
    """Equations 3 to 5; the statistics of each norm from the values themselves."""
    axes = {"in": (2, 3), "ln": (1, 2, 3), "bn": (0, 2, 3)}
    means = {name: x.mean(axes[name], keepdim=True) for name in names}
    variances = {name: x.var(axes[name], unbiased=False, keepdim=True) for name in names}
    if "bn" in names and not p.training:
        means["bn"], variances["bn"] = p[f"{prefix}running_mean"], p[f"{prefix}running_var"]
    total = torch.zeros_like(x), torch.zeros_like(x)
    for index, name in enumerate(names):
        for sum_, key, values in zip(total, ("mean_weight", "var_weight"), (means, variances), strict=True):
            share = torch.exp(p[prefix + key]) / torch.exp(p[prefix + key]).sum()
            sum_ += share[index] * values[name]
    return (x - total[0]) / torch.sqrt(total[1] + EPS)


def sn(p, x, norms="bn,in,ln"):
    names = ("in", "ln", "bn") if "bn" in norms else ("in", "ln")
    return switchable(p, x, names, "normalise.") * p["weight"] + p["bias"]


def gn(p, x, num_groups):
    return group_norm(x, num_groups, p["weight"], p["bias"])


def an(p, x, K, form="paper", norm="bn", separate=False, mixture="fc"):  # noqa: N803
    def weights(name):
        if form == "released":
            z = p.layer(f"{name}.layer", x.mean((2, 3)) / torch.sqrt(x.var((2, 3), unbiased=True) + 1e-3))
            z = p.batch_norm(f"{name}.norm", z) if norm == "bn" else z
            return relu(z + 3).clamp(max=6) / 6
        if mixture == "conv":
            return sigmoid(relu(p.conv(f"{name}.layer", x)).mean((2, 3)))
        if mixture == "se":
            return sigmoid(p.layer(f"{name}.layer.2", relu(p.layer(f"{name}.layer.0", x.mean((2, 3))))))
        return sigmoid(p.layer(f"{name}.layer", x.mean((2, 3))))

    if norm == "bn":
        normed = p.batch_norm("normalise", x)
    elif norm == "sn":
        normed = switchable(p, x, ("in", "ln", "bn"), "normalise.")
    else:
        normed = group_norm(x, {"ln": 1, "in": x.shape[1]}[norm])
    scales = weights("weights")
    offsets = weights("offset_weights") if separate else scales
    y = torch.zeros_like(x)
    for n in range(x.shape[0]):
        for k in range(K):
            scale, offset = p["scale"][k][:, None, None], p["offset"][k][:, None, None]
            y[n] += scales[n, k] * scale * normed[n] + offsets[n, k] * offset
    return y


def srm(p, x):
    mean, std = x.mean((2, 3)), torch.sqrt(x.var((2, 3), unbiased=False) + EPS)
    z = mean * p["weight"][:, 0] + std * p["weight"][:, 1]
    return x * sigmoid(p.batch_norm("norm", z))[:, :, None, None]


def fca(p, x, frequencies, map_size=None, **_):
    ranked = [(0, 0), (0, 1), (6, 0), (0, 5)][:frequencies]
    height, width = (max(size, 7) for size in map_size or (7, 7))
    maps = functional.adaptive_avg_pool2d(x, (height, width))
    pooled = torch.zeros(x.shape[:2], dtype=x.dtype)
    for c in range(x.shape[1]):
        row, column = ranked[c // (x.shape[1] // frequencies)]
        row, column = row * (height // 7), column * (width // 7)
        norm = sqrt((2 if row else 1) * (2 if column else 1) / (height * width))
        for i in range(height):
            for j in range(width):
                wave = cos(pi * row * (i + 0.5) / height) * cos(pi * column * (j + 0.5) / width)
                pooled[:, c] += norm * wave * maps[:, c, i, j]
    return x * sigmoid(p.layer("excite", relu(p.layer("squeeze", pooled))))[:, :, None, None]


def gc(p, x, **_):
    keys = torch.exp(p.conv("key", x))
    attention = keys / keys.sum((2, 3), keepdim=True)
    hidden = p.layer("transform.0", (x * attention).sum((2, 3)))
    normed = (hidden - hidden.mean(1, keepdim=True)) / torch.sqrt(hidden.var(1, unbiased=False, keepdim=True) + EPS)
    normed = normed * p["transform.1.weight"] + p["transform.1.bias"]
    return x + p.layer("transform.3", relu(normed))[:, :, None, None]


def simam(p, x, e_lambda):
    squared = (x - x.mean((2, 3), keepdim=True)) ** 2
    variance = squared.sum((2, 3), keepdim=True) / (HEIGHT * WIDTH - 1)
    return x * sigmoid((squared + 2 * variance + 2 * e_lambda) / (4 * (variance + e_lambda)))  # one over equation 5


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "hyperparameters"), CASES, ids=label)
def test_a_module_is_its_papers_formula(name, hyperparameters, training):
    module = randomised(name, CHANNELS, (HEIGHT, WIDTH), **hyperparameters).train(training)
    x = 2 * torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64) + 0.5
    expected = globals()[name](Given(module), x, **hyperparameters)
    accuracy = 1e-6 if name == "fca" else 1e-9  # its cosines are made in float32
    torch.testing.assert_close(module(x), expected, rtol=accuracy, atol=accuracy)


@pytest.mark.parametrize("size", [(14, 21), (9, 9), (4, 30)])
def test_fca_has_the_frequencies_of_its_map(size):
    module = randomised("fca", CHANNELS, size, r=4, frequencies=4)
    x = torch.randn(2, CHANNELS, *size, dtype=torch.float64)
    torch.testing.assert_close(module(x), fca(Given(module), x, 4, size), rtol=1e-5, atol=1e-6)


def test_nams_share_of_the_scales_is_a_constant_for_the_gradient():
    """d y / d gamma is that of the norm alone, as in the released code."""
    module = randomised("nam", CHANNELS)
    x = torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    gamma = module.channel.weight
    share = (gamma.abs() / gamma.abs().sum()).detach()[:, None, None]
    standard = (x - x.mean((0, 2, 3), keepdim=True)) / torch.sqrt(x.var((0, 2, 3), unbiased=False, keepdim=True) + EPS)
    expected = x * sigmoid(share * (gamma[:, None, None] * standard + module.channel.bias[:, None, None]))
    (theirs,) = torch.autograd.grad(expected.sin().sum(), gamma)
    (mine,) = torch.autograd.grad(module(x).sin().sum(), gamma)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("gates", ["channel", "spatial", "both"])
def test_nams_penalty_is_the_sum_of_its_scales_sizes(gates):
    module = randomised("nam", CHANNELS, (HEIGHT, WIDTH), gates=gates, penalty=0.25)
    scales = [value for name, value in module.named_parameters() if name.endswith("weight")]
    assert len(scales) == (2 if gates == "both" else 1)
    torch.testing.assert_close(module.extra_loss(), 0.25 * sum(value.abs().sum() for value in scales))


def test_switchable_norms_keep_nine_tenths_of_their_statistics():
    module = randomised("sn", CHANNELS).train()
    old = module.normalise.running_mean.clone(), module.normalise.running_var.clone()
    x = torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    module(x)
    new = module.normalise.running_mean, module.normalise.running_var
    batch = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    for after, before, found in zip(new, old, batch, strict=True):
        torch.testing.assert_close(after, 0.9 * before + 0.1 * found)
