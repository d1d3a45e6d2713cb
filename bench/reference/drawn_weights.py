"""Weights of a network that both sides of a comparison draw by their names: packages/core/test/parity/drawn-weights.ts has the same in TypeScript."""
import torch
from seeded import seeded


def drawn(model):
    """Fills a model: gains around 1, biases and tables around 0, matrices so that they keep the size of what goes through."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            is_gain = name.endswith(".weight") and "norm" in name.split(".")[-2].lower()
            if name.endswith("_table"):
                numbers = seeded(name, shape, 1)
            elif len(shape) > 1:
                numbers = seeded(name, shape, (3 / parameter[0].numel()) ** 0.5)
            else:
                numbers = seeded(name, shape, 0.5, 1) if is_gain else seeded(name, shape, 0.2)
            parameter.copy_(torch.from_numpy(numbers))
    return model
