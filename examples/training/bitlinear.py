"""Linear layers with 1-bit and 1.58-bit weights that can be trained.

BitLinear   ternary weights, int8 activations (W1.58A8).
            forward:  s = 127 / max(max|x|, 1e-5) per token, q = clamp(rint(x*s))
                      a = mean|W| per matrix, T = clamp(rint(W/a), -1, 1)
                      y = a * T (q/s)
BinInt8Linear  binary weights, int8 activations (W1A8): the weights of BinLinear,
            the activations of BitLinear.
BinLinear   binary weights, binary activations (W1A1).
            forward:  y_i = s * mean|W_i| * sum_j sgn(W_ij) sgn(x_j),  sgn(0) = +1
            with s one learned number per layer; PlainBinLinear takes mean|W| of
            the whole matrix.

All keep float "latent" weights that the optimiser moves; the quantisers pass
gradients straight through (those of signs only where |x| <= 1, the rest being
clipped).  Sign.amount is between 0 and 1: the forward pass is that mixture of the
binary and the clipped float value, so a model can be binarised gradually; 1 is
the real thing.  All layers expect their input to be normalised already; RMSNorm
below is that "sub-norm", and its bias is the learned threshold of the sign.

sign_heads and sign_values are what binary attention does to queries and keys, and
to values.

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


class RoundRows(Function):
    """Rows as multiples of 1/127 of their largest element, identity gradient.

    Compiled programs keep embeddings so, and model files as float16.
    """

    @staticmethod
    def forward(ctx, w):
        s = 127 / w.abs().amax(-1, keepdim=True).clamp_min(1e-20)
        return (w * s).round_().div_(s).half().float()

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


class _BinaryWeights(Function):
    """sgn(W); gradients are those of W -> sgn(W) * scale taken for the identity.

    The scale stays outside of the product, so that sums of signs are exact, and
    exactly 0 where the compiled model's are.
    """

    @staticmethod
    def forward(ctx, w, scale):
        ctx.scale = scale
        binary = torch.where(w >= 0, 1.0, -1.0)
        return binary if Sign.amount >= 1 else (w / scale).lerp(binary, Sign.amount)

    @staticmethod
    def backward(ctx, grad):
        return grad / ctx.scale, None


class Sign(Function):
    """sgn(x) in {-1, +1} with the gradient of x clipped to [-1, 1]."""

    amount = 1.0    # 0: clipped floats, 1: binary; for weights and activations
    slope = "box"   # the gradient where |x| <= 1: 1, or "tent": 2 - 2|x|

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        sign = torch.where(x >= 0, 1.0, -1.0)
        return sign if Sign.amount >= 1 else x.clamp(-1, 1).lerp(sign, Sign.amount)

    @staticmethod
    def backward(ctx, grad):
        size = ctx.saved_tensors[0].abs()
        if Sign.slope == "tent":
            return grad * (2 - 2 * size).clamp_min(0)
        return grad * (size <= 1)


def sign_heads(x):
    """Signs of queries or keys [..., d].

    The norm scales the gradient only: sgn(x / r) = sgn(x).
    """
    return Sign.apply(_Normalise.apply(x, 1e-6))


class _SignValues(Function):
    """sgn(v) * mean|v| over the last dimension, identity gradient."""

    @staticmethod
    def forward(ctx, v):
        binary = torch.where(v >= 0, 1.0, -1.0) * v.abs().mean(-1, keepdim=True)
        return binary if Sign.amount >= 1 else v.lerp(binary, Sign.amount)

    @staticmethod
    def backward(ctx, grad):
        return grad


sign_values = _SignValues.apply


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

    rows = True     # a scale of each row, or one of the matrix
    quantise_input = staticmethod(Sign.apply)

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * std)
        self.scale = nn.Parameter(torch.ones(()))

    def weight_scale(self):
        size = self.weight.detach().abs()
        return size.mean(-1) if self.rows else size.mean().reshape(1)

    def forward(self, x_sign):
        scale = self.weight_scale()
        w = _BinaryWeights.apply(self.weight, scale[:, None])
        return nn.functional.linear(x_sign, w) * (scale * self.scale)

    @torch.no_grad()
    def export(self):
        sign = torch.where(self.weight >= 0, 1, -1).to(torch.int8)
        return sign, self.weight_scale() * self.scale


class PlainBinLinear(BinLinear):
    rows = False


class BinInt8Linear(BinLinear):
    """Binary weights and int8 activations."""

    quantise_input = staticmethod(_RoundInt8.apply)


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


KINDS = {"ternary": BitLinear, "w1a8": BinInt8Linear, "w1a1": BinLinear,
         "w1a1-plain": PlainBinLinear, "float": FloatLinear}
