"""What modules, networks and data sets are called in a table: `ELA (k = 7)` for `ela kernel=7`, ResNet-50 for resnet50.

The user's own names, of [names] in attnctl.toml and of --rename, come first; then those of the field; then what a user
types.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from attnctl import attention
from attnctl.components import AND, AT
from attnctl.spec import NO_MODULE, NONE, Task
from attnctl.values import SpecError

MODULES = {"ca_gn": "CA-GN", "fca": "FCA", "triplet": "Triplet"}
"""Names that are not the class's."""

MODELS = {
    "cascade_maskrcnn": "Cascade Mask R-CNN",
    "deeplabv3": "DeepLabV3",
    "fasterrcnn": "Faster R-CNN",
    "htc": "HTC",
    "maskrcnn": "Mask R-CNN",
    "maskrcnn_an": "Mask R-CNN (AN)",
    "maskrcnn_gn": "Mask R-CNN (GN)",
    "maskrcnn_sn": "Mask R-CNN (SN)",
    "ssdlite320": "SSDLite320",
    "yolof": "YOLOF",
    "yolox_nano": "YOLOX-Nano",
}

DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "coco": "COCO",
    "digits": "Digits",
    "digits-det": "Digits (detection)",
    "digits-seg": "Digits (segmentation)",
    "imagenet": "ImageNet",
    "voc07": "VOC 2007",
    "voc0712": "VOC 2007+2012",
    "voc0712-all": "VOC 2007+2012 (all)",
    "voc12": "VOC 2012",
    "voc12-seg": "VOC 2012 (segmentation)",
}

TASKS: Mapping[Task, str] = {
    "classify": "Classification",
    "detect": "Detection",
    "instance": "Instance segmentation",
    "segment": "Segmentation",
}
"""What a panel of a figure is titled by."""

_BACKBONES = (
    (r"resnet(\d+)", r"ResNet-\1"),
    (r"resnext(\d+)_(\d+x\d+d)", r"ResNeXt-\1 (\2)"),
    (r"densenet(\d+)", r"DenseNet-\1"),
    (r"vgg(\d+)_bn", r"VGG-\1-BN"),
    (r"wrn(\d+)_(\d+)", r"WRN-\1-\2"),
    (r"efficientnet_b(\d+)", r"EfficientNet-B\1"),
    (r"efficientnet_v2_s", r"EfficientNetV2-S"),
    (r"efficientnet_v2_m", r"EfficientNetV2-M"),
    (r"efficientnet_v2_l", r"EfficientNetV2-L"),
    (r"convnext_tiny", "ConvNeXt-T"),
    (r"convnext_small", "ConvNeXt-S"),
    (r"convnext_base", "ConvNeXt-B"),
    (r"convnext_large", "ConvNeXt-L"),
    (r"regnet_x_(\d+)_(\d)gf", r"RegNetX-\1.\2GF"),
    (r"regnet_y_(\d+)_(\d)gf", r"RegNetY-\1.\2GF"),
    (r"regnet_x_(\d+)mf", r"RegNetX-\1MF"),
    (r"regnet_y_(\d+)mf", r"RegNetY-\1MF"),
    (r"regnet_x_(\d+)gf", r"RegNetX-\1GF"),
    (r"regnet_y_(\d+)gf", r"RegNetY-\1GF"),
    (r"vit_b_(\d+)", r"ViT-B/\1"),
    (r"vit_l_(\d+)", r"ViT-L/\1"),
    (r"vit_h_(\d+)", r"ViT-H/\1"),
    (r"swin_t", "Swin-T"),
    (r"swin_s", "Swin-S"),
    (r"swin_b", "Swin-B"),
    (r"swin_v2_t", "SwinV2-T"),
    (r"swin_v2_s", "SwinV2-S"),
    (r"swin_v2_b", "SwinV2-B"),
    (r"maxvit_t", "MaxViT-T"),
    (r"mobilenet_v3_small", "MobileNetV3-S"),
    (r"mobilenet_v3_large", "MobileNetV3-L"),
    (r"mobilenet_v(\d+)", r"MobileNetV\1"),
    (r"mobilenext", "MobileNeXt"),
    (r"shufflenet_v(\d+)", r"ShuffleNetV\1"),
    (r"cspdarknet_nano", "CSPDarknet-Nano"),
)
_VARIANTS = {
    "": "",
    "_cifar": " (CIFAR)",
    "_deep": " (deep stem)",
    "_no_se": " without SE",
    "_zero_gamma": " (zero gamma)",
}

_HYPERPARAMETERS = {"kernel": "k"}


@dataclass(frozen=True)
class DisplayNames:
    """given: the user's names by what would be typed: a row, a module, a hyperparameter, a network or a data set."""

    given: Mapping[str, str] = field(default_factory=dict)

    def row(
        self,
        module: str,
        settings: Sequence[tuple[str, str]],
        network: str,
        recipe: Sequence[tuple[str, str]] = (),
    ) -> str:
        """A row's text. settings: the hyperparameters that tell it apart. network: what stands alone in a plain row.

        recipe: the fields of the recipe that tell it apart
        """
        typed = " ".join([module, *(f"{name}={value}" for name, value in settings)])
        if name := self.given.get(typed):
            return _joined(name, self.settings(recipe))
        if module == NO_MODULE:
            return _joined(self.network(network), self.settings(recipe))
        return _joined(self.module(module), self.settings([*settings, *recipe], module))

    def module(self, name: str) -> str:
        """A module, or several: `ean+se` is EAN + SE, and `an@norm2` AN (norm2)."""
        if name in self.given or name == NO_MODULE:
            return self.given.get(name, name)
        try:
            parts = attention.split(name) if AND in name or AT in name else [(name, "")]
        except SpecError:  # a module of earlier runs is gone
            parts = [(name, "")]
        return f" {AND} ".join(
            self._single(part) + (f" ({placement})" if placement else "") for part, placement in parts
        )

    def settings(self, settings: Iterable[tuple[str, str]], module: str = "") -> str:
        """Such as `(k = 7, groups = c)`; empty without any. module: theirs, which may compute what is `none`."""
        said = ", ".join(self._setting(module, name, value) for name, value in settings)
        return f"({said})" if said else ""

    def _setting(self, module: str, name: str, value: str) -> str:
        shown = self.given.get(name) or _HYPERPARAMETERS.get(name, name)
        return f"{shown} adaptive" if value == NONE and name in _chosen_by(module) else f"{shown} = {value}"

    def network(self, text: str) -> str:
        """A backbone, or a model and its backbone: `fasterrcnn resnet50` is Faster R-CNN, ResNet-50."""
        if text in self.given:
            return self.given[text]
        *model, backbone = text.split(" ")
        names = [self.given.get(name) or MODELS.get(name, name) for name in model]
        return ", ".join([*names, self.given.get(backbone) or _backbone(backbone)])

    def dataset(self, name: str) -> str:
        """A data set."""
        return self.given.get(name) or DATASETS.get(name, name)

    def _single(self, name: str) -> str:
        if name in self.given or name in MODULES:
            return self.given.get(name) or MODULES[name]
        return attention.describe(name).class_name if name in attention.names() else name.rpartition(":")[2]


PLAIN = DisplayNames()


def parsed(texts: Iterable[str]) -> dict[str, str]:
    """The names of --rename: `se=SE (ours)`, or with what tells a row apart, `ela kernel=7=ELA-L`. Raises SpecError."""
    found = {}
    for text in texts:
        typed, _, name = text.rpartition("=")
        if not typed.strip() or not name.strip() or "\n" in text:
            raise SpecError(f"--rename {text!r}: write what is typed, = and the name, such as se=SE-Net")
        found[typed.strip()] = name.strip()
    return found


def _chosen_by(module: str) -> Collection[str]:
    """The hyperparameters that a module computes from the number of channels."""
    try:
        return attention.describe(module).effective if module else ()
    except SpecError:  # a module of a user's file, or one of earlier runs that is gone
        return ()


def _joined(*texts: str) -> str:
    return " ".join(filter(None, texts))


def _backbone(name: str) -> str:
    for pattern, shown in _BACKBONES:
        found = re.match(pattern, name)
        if found and name[found.end() :] in _VARIANTS:
            return found.expand(shown) + _VARIANTS[name[found.end() :]]
    return name
