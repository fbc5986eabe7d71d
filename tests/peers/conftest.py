"""Lets torchvision, which timm imports, load beside a CPU build of torch.

Its wheel is built for CUDA and its library does not load there; the Python part is content with
the schemas of the two operators that it wraps.
"""

import importlib.util
from pathlib import Path

import torch


def _library_loads(package: Path) -> bool:
    try:
        torch.ops.load_library(next(package.glob("_C*.so")))
    except (OSError, StopIteration):
        return False
    return True


_found = importlib.util.find_spec("torchvision")
if _found is not None and _found.origin and not _library_loads(Path(_found.origin).parent):
    _schemas = torch.library.Library("torchvision", "DEF")
    _schemas.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _schemas.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
