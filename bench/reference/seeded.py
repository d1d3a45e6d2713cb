"""Numbers that both sides of a comparison draw for themselves: packages/core/test/parity/seeded.ts has the same in TypeScript."""
import numpy as np


def seeded(name, shape, reach, mean=0.0):
    """float32 numbers evenly spread over [mean - reach, mean + reach), the same for the same name."""
    start = np.uint32(0x811C9DC5)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            start = (start ^ np.uint32(byte)) * np.uint32(0x01000193)
        x = start + np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(0x9E3779B9)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        x = x ^ (x >> np.uint32(16))
    return (mean + reach * (x.astype(np.float64) / 2**31 - 1)).astype(np.float32).reshape(shape)
