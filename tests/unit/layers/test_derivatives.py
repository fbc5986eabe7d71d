"""Derivatives that an operator cannot give are seen whatever they are nested in."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from sabench.catalog.attention import Geometry
from sabench.errors import ConfigError
from sabench.layers.kernels import flex
from sabench.layers.kernels.derivatives import not_given

FORWARD, FUNC = "forward-mode derivatives", "gradients by torch.func"
X = torch.arange(3.0)
pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)
Function = Callable[[Tensor], Tensor]


def tangent(function: Function, x: Tensor) -> Tensor:
    return jvp(function, (x,), (X,))[1]


def summed(function: Function) -> Function:
    return lambda x: function(x).sum()


NESTED: dict[str, tuple[Callable[[Function], object], str]] = {
    "jvp": (lambda f: tangent(f, X), FORWARD),
    "jvp of grad": (lambda f: tangent(grad(summed(f)), X), FUNC),
    "grad of jvp": (lambda f: grad(lambda x: tangent(f, x).sum())(X), FORWARD),
    "jvp of jvp": (lambda f: tangent(lambda x: tangent(f, x), X), FORWARD),
    "jvp of jvp of another": (lambda f: tangent(lambda x: tangent(lambda y: f(x), X), X), FORWARD),
    "jvp of grad of another": (
        lambda f: tangent(lambda x: grad(lambda y: (f(x) * y).sum())(X), X),
        FORWARD,
    ),
    "grad of jvp of another": (
        lambda f: grad(lambda x: tangent(lambda y: f(x) * y, X).sum())(X),
        FUNC,
    ),
    "vmap": (lambda f: vmap(f)(X[None]), ""),
    "jvp of vmap": (lambda f: jvp(vmap(f), (X[None],), (X[None],)), FORWARD),
    "vmap of jvp": (lambda f: vmap(lambda x: tangent(f, x))(X[None]), FORWARD),
    "vmap of grad": (lambda f: vmap(grad(summed(f)))(X[None]), FUNC),
    "grad of vmap": (lambda f: grad(summed(vmap(f)))(X[None]), FUNC),
    "jvp of a constant": (lambda f: tangent(lambda x: f(X) + x, X), ""),
    "grad of a constant": (lambda f: grad(lambda x: (f(X) * x).sum())(X), ""),
    "vjp": (lambda f: vjp(f, X), FUNC),
    "jacfwd": (lambda f: jacfwd(f)(X), FORWARD),
    "jacrev": (lambda f: jacrev(f)(X), FUNC),
    "hessian": (lambda f: hessian(summed(f))(X), FUNC),
    "a call": (lambda f: f(X), ""),
    "a gradient": (lambda f: f(X.clone().requires_grad_()).sum().backward(), ""),
}


@pytest.mark.parametrize("name", NESTED)
def test_each_transform_is_told_and_what_no_derivative_passes_through_is_let_through(name) -> None:
    told: set[str] = set()

    def function(x: Tensor) -> Tensor:
        told.add(not_given([torch.ones(3), x]))
        return x * x

    transform, expected = NESTED[name]
    transform(function)
    assert told == {expected}


def test_a_dual_number_is_told() -> None:
    with forward_ad.dual_level():
        assert not_given([forward_ad.make_dual(X, X)]) == FORWARD
        assert not_given([X]) == ""


def test_no_gradient_is_wanted_of_a_call_without_them() -> None:
    def function(x: Tensor) -> Tensor:
        with torch.no_grad():
            told.append(not_given([x]))
        return x.sum()

    told: list[str] = []
    grad(function)(X)
    assert told == [""]


def test_flex_refuses_derivatives_in_forward_mode() -> None:
    """Its operator would drop the tangent; refused before anything is compiled."""
    x = torch.randn(1, 1, 2, 2, 4)
    attend = lambda q: flex.attend(q, x, x, None, Geometry((2, 2), 0))  # noqa: E731
    for one in (x, x.clone().requires_grad_()):
        with pytest.raises(ConfigError, match="implementation=flex has no forward-mode deriv"):
            jvp(attend, (one,), (x,))
