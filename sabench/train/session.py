"""A network that is being trained: one step at a time, and its state as of any step."""

import hashlib
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel

from sabench.cases.case import Autocast
from sabench.cases.recipe import Recipe
from sabench.measure.calls import AUTOCAST


class Session:
    """Module, optimizer and averaged weights, after `done` of `steps` steps."""

    def __init__(
        self, module: nn.Module, recipe: Recipe, steps: int, *, autocast: Autocast = "none"
    ) -> None:
        self.module, self.recipe, self.steps, self.done = module, recipe, steps, 0
        self.device = next(module.parameters()).device
        self.optimizer = _optimizer(module, recipe)
        self.average = _average(module, float(recipe.ema)) if recipe.ema else None
        self._dtype = AUTOCAST.get(autocast)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=autocast == "fp16")

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Learn from one batch; its loss, a number on the device."""
        self.module.train()
        rate = self.recipe.lr * rate_at(self.done, self.steps, float(self.recipe.warmup))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision():
            logits = self.module(images)
            smoothing = float(self.recipe.label_smoothing)
            loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.autograd.backward(self._scaler.scale(loss))
        if self.recipe.clip:
            self._scaler.unscale_(self.optimizer)
            clip_grad_norm_(self.module.parameters(), float(self.recipe.clip))
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.module)
        self.done += 1
        return loss.detach()

    def precision(self) -> AbstractContextManager[object]:
        """What the network computes in."""
        return torch.autocast(self.device.type, dtype=self._dtype) if self._dtype else nullcontext()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "done": self.done,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "scaler": self._scaler.state_dict(),
            "random": self._random_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same session."""
        self.done = state["done"]
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._scaler.load_state_dict(state["scaler"])
        cpu, *cuda = state.get("random") or self._random_state()  # an older version kept none
        torch.set_rng_state(cpu)
        for one in cuda:
            torch.cuda.set_rng_state(one, self.device)

    def _random_state(self) -> list[Tensor]:
        """Of the numbers that a module draws, a dropout for one: the CPU's, then the device's."""
        cuda = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return [torch.get_rng_state(), *cuda]

    def sha256(self) -> str:
        """Of every parameter and buffer, bit by bit."""
        digest = hashlib.sha256()
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()


def rate_at(step: int, steps: int, warmup: float) -> float:
    """The share of the learning rate at a step: up in a line, then down a half cosine to 0."""
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def averaging_decay(decay: float, averaged: int) -> float:
    """Short trainings would be held back by their first weights: the decay grows up to its own."""
    return min(decay, (1 + averaged) / (10 + averaged))


def _average(module: nn.Module, decay: float) -> AveragedModel:
    def update(averages: Sequence[Tensor], values: Sequence[Tensor], averaged: Any) -> None:
        if not averages[0].is_floating_point():  # a batch norm's count of batches
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
            return
        weight = 1.0 - averaging_decay(decay, int(averaged))
        torch._foreach_lerp_(list(averages), list(values), weight)

    return AveragedModel(module, multi_avg_fn=update, use_buffers=True)


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Biases, norms and other tensors of one axis do not decay."""
    trained = [one for one in module.parameters() if one.requires_grad]
    groups = [
        {
            "params": [one for one in trained if one.dim() > 1],
            "weight_decay": float(recipe.weight_decay),
        },
        {"params": [one for one in trained if one.dim() <= 1], "weight_decay": 0.0},
    ]
    rate = float(recipe.lr)
    if recipe.optimizer == "sgd":
        momentum = float(recipe.momentum)
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0)
    return torch.optim.AdamW(groups, lr=rate, fused=True)
