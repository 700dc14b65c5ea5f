"""A small decoder-only transformer whose projections are 1-bit layers.

The structure is Hugging Face's BitNet: pre-norms, an extra norm before the
output projection of attention and before the down projection of the gated FFN,
grouped-query attention with half-split RoPE, tied embeddings in int8 rows.  The
residual stream and logits stay in float, and so does attention unless it is
binary: then queries and keys are signs after RoPE, values signs with a scale, and
every head learns the factor of its scores.
"""
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

from bitlinear import KINDS, RMSNorm, RoundRows, sign_heads, sign_values


@dataclass
class Config:
    kind: str = "ternary"            # a name of bitlinear.KINDS
    vocab_size: int = 1024
    hidden_size: int = 256
    intermediate_size: int = 704
    layers: int = 4
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 32
    context: int = 512
    theta: float = 10000.0
    eps: float = 1e-5
    norm_bias: bool = False
    act: str = "relu2"               # "relu2" or "silu"
    binary_attention: bool = False

    def as_dict(self):
        return asdict(self)


class _Attend(torch.autograd.Function):
    """Causal softmax attention; one hand-written backward saves memory traffic."""

    @staticmethod
    def forward(ctx, q, k, v, mask, scale):
        p = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=scale).softmax(-1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return torch.bmm(p, v)

    @staticmethod
    def backward(ctx, grad):
        q, k, v, p = ctx.saved_tensors
        dv = torch.bmm(p.transpose(1, 2), grad)
        dp = torch.bmm(grad, v.transpose(1, 2))
        ds = torch._softmax_backward_data(dp, p, -1, p.dtype).mul_(ctx.scale)
        return torch.bmm(ds, k), torch.bmm(ds.transpose(1, 2), q), dv, None, None


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, linear = c, KINDS[c.kind]
        h, inner, kv = c.hidden_size, c.intermediate_size, c.kv_heads * c.head_dim
        self.input_layernorm = RMSNorm(h, c.eps, c.norm_bias)
        self.q_proj, self.o_proj = linear(h, c.heads * c.head_dim), linear(c.heads * c.head_dim, h)
        self.k_proj, self.v_proj = linear(h, kv), linear(h, kv)
        self.attn_sub_norm = RMSNorm(c.heads * c.head_dim, c.eps, c.norm_bias)
        self.post_attention_layernorm = RMSNorm(h, c.eps, c.norm_bias)
        self.gate_proj, self.up_proj = linear(h, inner), linear(h, inner)
        self.ffn_sub_norm = RMSNorm(inner, c.eps, c.norm_bias)
        self.down_proj = linear(inner, h)
        self.quantise = linear.quantise_input
        if c.binary_attention:
            self.score_scale = nn.Parameter(torch.ones(c.heads))

    def heads(self, x, count, rope):
        """[B, T, count*d] -> [B*heads, T, d], rotated, shared heads repeated."""
        b, t, _ = x.shape
        x = x.view(b, t, count, self.c.head_dim)
        if rope is not None:
            cos, sin = rope
            first, second = x.chunk(2, -1)
            x = torch.cat((first * cos - second * sin, second * cos + first * sin), -1)
        if self.c.binary_attention:
            x = sign_values(x) if rope is None else sign_heads(x)
        x = x.transpose(1, 2)
        if count != self.c.heads:
            x = x.repeat_interleave(self.c.heads // count, 1)
        return x.reshape(b * self.c.heads, t, self.c.head_dim)

    def forward(self, h, rope, mask):
        c, (b, t, _) = self.c, h.shape
        n = self.quantise(self.input_layernorm(h))
        q = self.heads(self.q_proj(n), c.heads, rope)
        if c.binary_attention:
            q = (q.view(b, c.heads, t, -1) * self.score_scale[:, None, None]).view(q.shape)
        o = _Attend.apply(q, self.heads(self.k_proj(n), c.kv_heads, rope),
                          self.heads(self.v_proj(n), c.kv_heads, None), mask, c.head_dim ** -0.5)
        o = o.view(b, c.heads, t, c.head_dim).transpose(1, 2).reshape(b, t, -1)
        h = h + self.o_proj(self.quantise(self.attn_sub_norm(o)))
        m = self.quantise(self.post_attention_layernorm(h))
        gate = self.gate_proj(m)
        gate = F.relu(gate).pow(2) if c.act == "relu2" else F.silu(gate)
        f = self.quantise(self.ffn_sub_norm(gate * self.up_proj(m)))
        return h + self.down_proj(f)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Parameter(torch.randn(c.vocab_size, c.hidden_size) * 0.05)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = RMSNorm(c.hidden_size, c.eps)
        freq = c.theta ** (-torch.arange(c.head_dim // 2).float() * 2 / c.head_dim)
        angle = torch.arange(c.context).float()[:, None] * freq
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, ids):
        t = ids.shape[1]
        rope = self.cos[:t, None], self.sin[:t, None]
        mask = torch.full((t, t), float("-inf"), device=ids.device).triu(1)[None]
        embed = RoundRows.apply(self.embed)
        h = F.embedding(ids, embed)
        for block in self.blocks:
            h = block(h, rope, mask)
        return F.linear(self.norm(h), embed)

    def loss(self, ids, targets, reduction="mean"):
        logits = self(ids)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(),
                               ignore_index=-1, reduction=reduction)
