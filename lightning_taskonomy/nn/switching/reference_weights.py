"""Loads the authors' own checkpoints by translating their names of weights to this network's."""

from collections.abc import Mapping

from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.switching.embedding import LAYERS
from lightning_taskonomy.nn.switching.network import SwitchingNet

_LATERAL = ("layer0_1x1", "layer1_1x1", "layer2_1x1", "layer3_1x1", "layer4_1x1")
_MERGING = ("conv_up3", "conv_up2", "conv_up1", "conv_up0", "conv_original_size2")
_IN_BLOCK = {
    "conv1.weight": "convolution.weight",
    "conv1.bias": "convolution.bias",
    "style1.transform.linear.weight_orig": "style.weight",
    "style1.transform.linear.bias": "style.bias",
}
_STEM = {"layer0.0.": "conv1.", "layer0.1.": "bn1.", "layer1.1.": "layer1."}
_STAGES = ("layer2.", "layer3.", "layer4.")


def load_reference(network: SwitchingNet, state: Mapping[str, Tensor]) -> None:
    """Load the published implementation's state dict, strictly.

    Args:
        network: A network with the published blocks (statistics `instance`) and the checkpoint's code length
            and outputs.
        state: The entry `model_state` of such a checkpoint; a prefix `module.` is ignored.

    Raises:
        InputError: a weight is missing, unknown, or of another shape; the message names it.
    """
    renamed = {own_name(key.removeprefix("module.")): value for key, value in state.items()}
    expected = network.state_dict()
    for key, value in expected.items():
        if key not in renamed:
            raise InputError(f"weights: expected {key} of the switching network; it is missing")
        if renamed[key].shape != value.shape:
            shapes = f"expected shape {tuple(value.shape)}, found {tuple(renamed[key].shape)}"
            raise InputError(f"weights: {key} of the switching network: {shapes}")
    unknown = sorted(renamed.keys() - expected.keys())
    if unknown:
        raise InputError(f"weights: the switching network has no {unknown[0]}")
    network.load_state_dict(renamed)


def own_name(key: str) -> str:
    """This network's name for a weight of the published implementation.

    Raises:
        InputError: it has none.
    """
    for theirs, ours in _STEM.items():
        if key.startswith(theirs):
            return f"encoder.{ours}{key.removeprefix(theirs)}"
    if key.startswith(_STAGES):
        return f"encoder.{key}"
    if key in _NAMES:
        return _NAMES[key]
    raise InputError(f"weights: the switching network has no {key}")


def _names() -> dict[str, str]:
    names = {f"conv_last.0.{part}": f"decoder.head.{part}" for part in ("weight", "bias")}
    for layer in range(LAYERS):
        theirs = f"fcs.mapping.{2 * layer + 1}.linear"
        names[f"{theirs}.weight_orig"] = f"embedding.layers.{layer}.weight"
        names[f"{theirs}.bias"] = f"embedding.layers.{layer}.bias"
    for kind, blocks in (("lateral", _LATERAL), ("merging", _MERGING)):
        for number, block in enumerate(blocks):
            for theirs, ours in _IN_BLOCK.items():
                names[f"{block}.{theirs}"] = f"decoder.{kind}.{number}.{ours}"
    return names


_NAMES = _names()
