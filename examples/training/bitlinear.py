"""Linear layers with 1-bit and 1.58-bit weights that can be trained.

BitLinear   ternary weights, int8 activations (W1.58A8).
            forward:  s = 127 / max(max|x|, 1e-5) per token, q = clamp(rint(x*s))
                      a = mean|W| per matrix, T = clamp(rint(W/a), -1, 1)
                      y = a * T (q/s)
BinLinear   binary weights, binary activations (W1A1).
            forward:  y_i = s * mean|W_i| * sum_j sgn(W_ij) sgn(x_j),  sgn(0) = +1
            with s one learned number per layer.

Both keep float "latent" weights that the optimiser moves; the quantisers pass
gradients straight through (BinLinear's only where |x| <= 1, the rest being
clipped).  BinLinear has an `amount` between 0 and 1: the forward pass is that
mixture of the binary and the clipped float value, so a model can be binarised
gradually; 1 is the real thing.  Both layers expect their input to be normalised
already; RMSNorm below is that "sub-norm", and its bias is the learned threshold
of the sign.

`export()` of each layer returns what a compiler needs: the integer weights and
the float scale(s).
"""
import torch
from torch import nn
from torch.autograd import Function


class _RoundInt8(Function):
    """Per-token absmax int8 quantisation and dequantisation, identity gradient."""

    @staticmethod
    def forward(ctx, x):
        s = 127 / x.abs().amax(-1, keepdim=True).clamp_min(1e-5)
        return (x * s).round_().clamp_(-128, 127).div_(s)

    @staticmethod
    def backward(ctx, grad):
        return grad


class _Ternary(Function):
    """Absmean ternary weights, identity gradient."""

    @staticmethod
    def forward(ctx, w):
        a = w.abs().mean().clamp_min(1e-5)
        return (w / a).round_().clamp_(-1, 1).mul_(a)

    @staticmethod
    def backward(ctx, grad):
        return grad


class _BinaryRows(Function):
    """Weights sgn(W) * mean|W| per row, identity gradient."""

    @staticmethod
    def forward(ctx, w, amount):
        binary = torch.where(w >= 0, 1.0, -1.0) * w.abs().mean(-1, keepdim=True)
        return binary if amount >= 1 else w.lerp(binary, amount)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class _Sign(Function):
    """sgn(x) in {-1, +1} with the gradient of x clipped to [-1, 1].

    `noise`: draw the sign at random, +1 with probability (clip(x)+1)/2.
    """

    @staticmethod
    def forward(ctx, x, amount, noise):
        ctx.save_for_backward(x.abs() <= 1)
        limit = torch.rand_like(x).mul_(2).sub_(1) if noise else torch.zeros((), dtype=x.dtype)
        sign = torch.where(x >= limit, 1.0, -1.0)
        return sign if amount >= 1 else x.clamp(-1, 1).lerp(sign, amount)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


class _Normalise(Function):
    """x / sqrt(mean(x^2) + eps) over the last dimension."""

    @staticmethod
    def forward(ctx, x, eps):
        r = x.pow(2).mean(-1, keepdim=True).add_(eps).rsqrt_()
        y = x * r
        ctx.save_for_backward(y, r)
        return y

    @staticmethod
    def backward(ctx, grad):
        y, r = ctx.saved_tensors
        return torch.addcmul(grad, y, (grad * y).mean(-1, keepdim=True), value=-1).mul_(r), None


class RMSNorm(nn.Module):
    def __init__(self, size, eps=1e-5, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None
        self.eps = eps

    def forward(self, x):
        y = _Normalise.apply(x, self.eps)
        return y * self.weight if self.bias is None else torch.addcmul(self.bias, y, self.weight)


class BitLinear(nn.Module):
    """Ternary weights and int8 activations."""

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * std)

    @staticmethod
    def quantise_input(x):
        """Shared by layers that read the same input (q/k/v, gate/up)."""
        return _RoundInt8.apply(x)

    def forward(self, x_quantised):
        return nn.functional.linear(x_quantised, _Ternary.apply(self.weight))

    @torch.no_grad()
    def export(self):
        a = self.weight.abs().mean().clamp_min(1e-5)
        return (self.weight / a).round().clamp(-1, 1).to(torch.int8), a.reshape(1)


class BinLinear(nn.Module):
    """Binary weights and binary activations."""

    amount = 1.0    # 0: float weights and clipped activations, 1: binary
    noise = False   # stochastic signs while training

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * std)
        self.scale = nn.Parameter(torch.ones(()))

    @classmethod
    def quantise_input(cls, x):
        return _Sign.apply(x, cls.amount, cls.noise and torch.is_grad_enabled())

    def forward(self, x_sign):
        w = _BinaryRows.apply(self.weight, self.amount)
        return nn.functional.linear(x_sign, w) * self.scale

    @torch.no_grad()
    def export(self):
        sign = torch.where(self.weight >= 0, 1, -1).to(torch.int8)
        return sign, self.weight.abs().mean(-1) * self.scale


class FloatLinear(nn.Module):
    """Unquantised baseline with the same interface (for comparison only)."""

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * std)

    @staticmethod
    def quantise_input(x):
        return x

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


KINDS = {"ternary": BitLinear, "w1a1": BinLinear, "float": FloatLinear}
