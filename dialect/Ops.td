//===- Ops.td - Operations of the BitNet dialect ----------------*- tablegen -*-===//
//
// All operations, in the order a model meets them: storage, graph level,
// decomposed and fused level, synchronisation, micro-ops.
//
// It is one file because the tables of a dialect are read side by side; each
// operation is a paragraph.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_OPS_TD
#define BITNET_OPS_TD

include "dialect/Dialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class BitNet_Op<string mnemonic, list<Trait> traits = []>
    : Op<BitNet_Dialect, mnemonic, traits>;

// Ops that name weights check the names, kinds and shapes of what they name.
class BitNet_WeightUser<string mnemonic, list<Trait> traits = []>
    : BitNet_Op<mnemonic,
                traits # [DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

def BitNet_KVCache : Resource<"::mlir::bitnet::KVCacheResource">;

def BitNet_Rows : TensorRankOf<[F32], [2]>;         // ?xN f32, one row a token
def BitNet_Codes : TensorRankOf<[I8], [3]>;         // ?xPxK i8, P planes
def BitNet_Bits : TensorRankOf<[I1], [3]>;          // ?xPxK i1
def BitNet_Packed : TensorRankOf<[I64], [3]>;       // ?xPx(K/64) i64
def BitNet_PerToken : TensorRankOf<[F32], [1, 2]>;  // ? f32; in groups ?xG
def BitNet_PlaneSums : TensorRankOf<[I32], [2]>;    // ?xP i32; in groups ?x(PG)
def BitNet_Dots : TensorRankOf<[I32], [3]>;         // ?xPxN i32

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

def BitNet_RecordOp : BitNet_Op<"record", [
    Symbol, SymbolTable, SingleBlock, NoTerminator, NoRegionArguments,
    HasParent<"::mlir::ModuleOp">]> {
  let summary = "a group of weights that is repeated once per layer";
  let description = [{
    Instance `i` of a record lies at `offset + i * stride` of the packed
    weights; both are set by `assign-layouts`. A function that is run once per
    layer reads instance `i` in iteration `i`, so one function serves them all.
    A record of one instance is shared: every iteration reads that instance.

    ```mlir
    bitnet.record @layer count 30 {
      bitnet.weight @q_proj quant ternary shape [2560, 2560]
        source "model.layers.{}.self_attn.q_proj"
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$count,
                       OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$stride);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `count` $count attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def BitNet_WeightOp : BitNet_Op<"weight", [
    Symbol, HasParent<"RecordOp">]> {
  let summary = "one weight of a record: kind, shape, layout, place";
  let description = [{
    `shape` is `[N, K]` (out, in) for matrices and `[N]` for vectors. `source`
    names the tensor in the model's files; `{}` stands for the instance.
    Quantised matrices carry `scale_rows` scales, 1 or N. With `group` g every g
    columns of a row share a scale of their own (`[N, K/g]` scales, g a multiple
    of 8 that divides K); `half_scales` says that all of them are f16 numbers,
    and they are stored so. `positive` says that every element of a vector is
    known to be greater than zero. A `sketch` is derived from an int8 matrix and
    has for every row a step and an error (dialect/Sketch.h).

    `layout`, `offset` and `scale_offset` (bytes inside the record instance) are
    set by `assign-layouts`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, BitNet_WeightQuantAttr:$quant,
                       DenseI64ArrayAttr:$shape,
                       DefaultValuedAttr<I64Attr, "1">:$scale_rows,
                       DefaultValuedAttr<I64Attr, "0">:$group,
                       UnitAttr:$half_scales, UnitAttr:$positive,
                       StrAttr:$source,
                       OptionalAttr<BitNet_LayoutAttr>:$layout,
                       OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$scale_offset);
  let assemblyFormat = [{
    $sym_name `quant` $quant `shape` $shape (`scale_rows` $scale_rows^)?
    (`group` $group^)? (`half_scales` $half_scales^)? (`positive` $positive^)?
    `source` $source
    (`layout` $layout^ `at` $offset (`scale_at` $scale_offset^)?)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getRows() { return getShape()[0]; }
    int64_t getCols() { return getShape().size() > 1 ? getShape()[1] : 1; }
    bool isMatrix() { return getShape().size() == 2; }
    /// Scales of a row: 1, or one for each group of columns.
    int64_t getGroups() { return getGroup() ? getCols() / getGroup() : 1; }
  }];
}

//===----------------------------------------------------------------------===//
// Graph level
//===----------------------------------------------------------------------===//

def BitNet_EmbedOp : BitNet_WeightUser<"embed", [Pure]> {
  let summary = "rows of the embedding matrix for the tokens of the batch";
  let description = [{
    Every element is f32(code) * scale: the scale of the matrix, of the row, or
    of the element's group of columns.
  }];
  let arguments = (ins SymbolRefAttr:$weight);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def BitNet_RepeatOp : BitNet_Op<"repeat", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    AllTypesMatch<["input", "result"]>]> {
  let summary = "runs a layer function once per instance of its record";
  let description = [{
    `h = f(h)` for every layer in order; in iteration i the function's weight
    references mean instance i, and its KV operations layer `first + i`, where
    `first` is the number of layers that earlier repeats of the model ran.
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, BitNet_Rows:$input,
                       I64Attr:$count);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $callee `(` $input `)` `times` $count attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def BitNet_GatherLogitsOp : BitNet_Op<"gather_logits", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rows of the tokens whose logits the caller wants";
  let arguments = (ins BitNet_Rows:$input);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def BitNet_RMSNormOp : BitNet_WeightUser<"rms_norm", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = (x * (1 / sqrt(mean(x^2) + eps))) [* gain] [+ bias]";
  let description = [{
    Root mean square normalisation (Zhang and Sennrich, 2019) of every row. Sums
    run over 16 lanes and the tree of the dialect. With `centred` the row's mean
    is subtracted first (x := x - sum(x) / K): that is LayerNorm. A bias is part
    of a LayerNorm, or the learned threshold of a sign that follows. `unscaled`
    leaves the factor out, y = x * gain: enough for a sign that follows.
  }];
  let arguments = (ins BitNet_Rows:$input, UnitAttr:$unscaled,
                       UnitAttr:$centred, OptionalAttr<SymbolRefAttr>:$gain,
                       OptionalAttr<SymbolRefAttr>:$bias, F32Attr:$eps);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $input (`unscaled` $unscaled^)? (`centred` $centred^)? (`gain` $gain^)? (`bias` $bias^)? `eps` $eps
    attr-dict `:` type($result)
  }];
}

def BitNet_LinearOp : BitNet_WeightUser<"linear", [Pure]> {
  let summary = "y = x W^T with a quantised input and weight";
  let description = [{
    `int8`: s = 127 / max(max|x|, 1e-5), q = clamp(rint(x s), -128, 127),
    y = (W q) * (scale * (max(max|x|, 1e-5) / 127)); other `range`s of codes are
    those of `quantize`; `int16` likewise with 32512. `sign`: q = x >= 0 ? 1 : -1,
    `bit`: q = x > 1/2 ? 1 : 0, `ternary`: q = clamp(rint(x), -1, 1), all three
    y = (W q) * scale, or with `token_scale` y = (W q) * (scale * (sum|x| / K)), a
    sum over 16 lanes and the tree of the dialect. `by_group`: each of the weight's groups of columns has an
    s of its own, from the largest |x| among them.
  }];
  let arguments = (ins BitNet_Rows:$input, SymbolRefAttr:$weight,
                       BitNet_InputQuantAttr:$input_quant,
                       DefaultValuedAttr<BitNet_CodeRangeAttr,
                         "::mlir::bitnet::CodeRange::Signed127">:$range,
                       UnitAttr:$by_group, UnitAttr:$token_scale);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight `input` $input_quant (`by_group` $by_group^)?
    (`token_scale` $token_scale^)? (`range` $range^)? attr-dict
    `:` type($input) `->` type($result)
  }];
}

def BitNet_RopeOp : BitNet_WeightUser<"rope", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotates every head by its token's position";
  let description = [{
    `table` is `[positions, head_dim]`: head_dim/2 cosines, then as many sines.
    y_a = x_a cos - x_b sin, y_b = x_b cos + x_a sin for each pair (a, b).
  }];
  let arguments = (ins BitNet_Rows:$input, SymbolRefAttr:$table,
                       BitNet_RopeKindAttr:$kind, I64Attr:$head_dim);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $input `,` $table $kind `head_dim` $head_dim attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def BitNet_HeadNormOp : BitNet_WeightUser<"head_norm", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rms_norm of every head on its own, one gain for all heads";
  let description = [{
    What Qwen3 does to queries and keys before RoPE. `gain` has head_dim elements.
  }];
  let arguments = (ins BitNet_Rows:$input, SymbolRefAttr:$gain, F32Attr:$eps,
                       I64Attr:$head_dim);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $input `gain` $gain `eps` $eps `head_dim` $head_dim attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
}

def BitNet_KVAppendOp : BitNet_Op<"kv_append", [
    MemoryEffects<[MemWrite<BitNet_KVCache>]>,
    AllTypesMatch<["key", "value"]>]> {
  let summary = "stores keys and values of the batch's tokens";
  let description = [{
    As f16, or as i8: each head of a row has a = max(max|x|, 1e-15), codes
    round(x * (127 / a)) and the scale a / 127. Or as b1: signs (x >= 0 ? 1 : -1),
    and each head of a value has the scale sum|x| / d, a sum over 16 lanes.
  }];
  let arguments = (ins BitNet_Rows:$key, BitNet_Rows:$value, I64Attr:$head_dim,
                       DefaultValuedAttr<BitNet_KVFormAttr,
                                         "::mlir::bitnet::KVForm::F16">:$form);
  let assemblyFormat = [{
    $key `,` $value `head_dim` $head_dim (`form` $form^)? attr-dict
    `:` type($key)
  }];
  let hasVerifier = 1;
}

def BitNet_AttentionOp : BitNet_WeightUser<"attention", [
    MemoryEffects<[MemRead<BitNet_KVCache>]>,
    AllTypesMatch<["query", "result"]>]> {
  let summary = "softmax(q k / sqrt(d)) v over the KV cache, causal";
  let description = [{
    Query head h reads KV head h / (heads / kv_heads). Positions are taken in
    chunks of 256 that start at multiples of 256. In a chunk: scores are sums
    over d in rising order, m their maximum, p = exp(s - m), l the sum of p over
    16 lanes, o the sum of p v in rising order. Chunks are combined in rising
    order: M' = max(M, m), L' = L exp(M - M') + l exp(m - M'), O' likewise; the
    result is O / L. So the result of a token depends on nothing but its own
    sequence, and chunks may be computed apart.

    Of an i8 cache both products are exact integers. A head of q becomes 16-bit
    codes as quantize makes them (largest 32512, smallest divisor 1e-15) with
    scale t, and s = f32(sum of codes) * ((t / sqrt(d)) * key scale). The weights
    w = p * value scale of a chunk become 16-bit codes likewise, with scale u,
    and o = f32(sum of codes) * u.

    Of a b1 cache a head of q becomes signs like a key's, and
    s = f32(sum of products) * (c / sqrt(d)), where the sum is
    d - 2 popcount(q xor k) and c the query head's element of `score_scale`
    (1 without). o is the sum of w = p * value scale, each with its value's sign,
    in rising order. Models are trained to this form: it is no approximation of
    the others, as i8 is of f16.
  }];
  let arguments = (ins BitNet_Rows:$query, I64Attr:$heads, I64Attr:$kv_heads,
                       I64Attr:$head_dim,
                       DefaultValuedAttr<BitNet_KVFormAttr,
                                         "::mlir::bitnet::KVForm::F16">:$form,
                       OptionalAttr<SymbolRefAttr>:$score_scale);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $query `heads` $heads `kv_heads` $kv_heads `head_dim` $head_dim
    (`form` $form^)? (`score_scale` $score_scale^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def BitNet_ActivationOp : BitNet_Op<"activation", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "silu or relu2, elementwise";
  let arguments = (ins BitNet_Rows:$input, BitNet_ActivationKindAttr:$kind);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($result)";
}

class BitNet_Elementwise<string mnemonic, string text> : BitNet_Op<mnemonic, [
    Pure, AllTypesMatch<["lhs", "rhs", "result"]>]> {
  let summary = text;
  let arguments = (ins BitNet_Rows:$lhs, BitNet_Rows:$rhs);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}
def BitNet_MulOp : BitNet_Elementwise<"mul", "lhs * rhs, elementwise (gate)">;
def BitNet_AddOp : BitNet_Elementwise<"add", "lhs + rhs, elementwise (residual)">;

//===----------------------------------------------------------------------===//
// Decomposed level: what a linear consists of
//===----------------------------------------------------------------------===//

def BitNet_QuantizeOp : BitNet_Op<"quantize", [Pure]> {
  let summary = "absmax integers per token, as i8 planes";
  let description = [{
    With P planes the largest code is 127 * 256^(P-1) =: Q. a = max(max|x|, 1e-5),
    q = clamp(rint(x * (Q / a))); `scale` = a / Q. Plane p of q weighs
    256^(P-1-p); planes are signed. `sum` is the sum of each plane.

    With a `scale` of G columns all of this holds for each of G equal groups of
    the input's columns on its own, and `sum` is [planes][groups].

    One plane has two other ranges, those of the first BitNet. `signed128`:
    Q = 128, and codes saturate at 127 and -128. `shifted128`, for the input of a
    linear before a non-linearity: x := x - min x, a = max(max x, 1e-5), Q = 128,
    codes from 0 to 127; the shift is not undone.
  }];
  let arguments = (ins BitNet_Rows:$input,
                       DefaultValuedAttr<BitNet_CodeRangeAttr,
                         "::mlir::bitnet::CodeRange::Signed127">:$range);
  let results = (outs BitNet_Codes:$codes, BitNet_PerToken:$scale,
                      BitNet_PlaneSums:$sum);
  let assemblyFormat = [{
    $input (`range` $range^)? attr-dict `:` type($input) `->` type($codes) `,`
    type($scale) `,` type($sum)
  }];
  let hasVerifier = 1;
}

def BitNet_BinarizeOp : BitNet_Op<"binarize", [Pure]> {
  let summary = "planes of comparisons";
  let description = [{
    `sign`: one plane x >= 0, which stands for 1 or -1. `bit`: one plane x > 1/2,
    1 or 0. `ternary`: planes x > 1/2 and x < -1/2 with the coefficients 1 and
    -1, which is clamp(rint(x), -1, 1), ties to even. `scale`, if there is one,
    is sum|x| / K.
  }];
  let arguments = (ins BitNet_Rows:$input,
                       BitNet_BitQuantOr<"Sign">:$bit_quant);
  let results = (outs BitNet_Bits:$result, Optional<BitNet_PerToken>:$scale);
  let assemblyFormat = [{
    $input (`as` $bit_quant^)? attr-dict `:` type($input) `->` type($result)
    (`scale` type($scale)^)?
  }];
  let hasVerifier = 1;
}

def BitNet_PackOp : BitNet_Op<"pack", [Pure]> {
  let summary = "64 bits to a word, lowest first; pad bits are 0";
  let description = [{
    `sum`, if there is one, is the number of ones in each plane, or in each
    group of a multiple of 64 columns ([planes][groups]).
  }];
  let arguments = (ins BitNet_Bits:$input);
  let results = (outs BitNet_Packed:$result, Optional<BitNet_PlaneSums>:$sum);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($result)
    (`sum` type($sum)^)?
  }];
  let hasVerifier = 1;
}

def BitNet_PackCodesOp : BitNet_Op<"pack_codes", [Pure]> {
  let summary = "bits of i8 codes as planes, 64 to a word, lowest first";
  let description = [{
    Plane p has bit p of each code in two's complement. Pad bits are 0. What a
    kernel that counts bits reads instead of codes (`int8` planes).
  }];
  let arguments = (ins BitNet_Codes:$input);
  let results = (outs BitNet_Packed:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def BitNet_DotOp : BitNet_WeightUser<"dot", [Pure]> {
  let summary = "exact integer dot products with every row of a weight";
  let description = [{
    Codes: sum_k w q for every plane, and in each, where the weight has groups,
    for every group of columns ([planes][groups]). Packed bits: sum_k w q of all
    planes together, of each group if the weight has them. Every product of bits
    is 1, -1 or 0, so that is their number less twice that of the negative ones:

        sign:     K                                 - 2 popcount(w xor p)
        bit:      popcount(p)                       - 2 popcount(p and not w)
        ternary:  popcount(p_0) + popcount(p_1)     - 2 popcount(w ? p_1 : p_0)
        int8:     sum of the codes   - 2 sum_i c_i popcount(p_i and not w),
                  c = 1, 2, 4, .., 64, -128 (binary weights only)

    and with the planes w_0 (+1) and w_1 (-1) of ternary weights

        sign:     popcount(w_0 or w_1)              - 2 popcount(p ? w_1 : w_0)
        bit:      popcount(p and w_0)               - popcount(p and w_1)
        ternary:  popcount(p_0 and w_0 or p_1 and w_1)
                                        - popcount(p_1 and w_0 or p_0 and w_1)
  }];
  let arguments = (ins AnyTypeOf<[BitNet_Codes, BitNet_Packed]>:$input,
                       SymbolRefAttr:$weight,
                       BitNet_BitQuantOr<"Sign">:$bit_quant);
  let results = (outs BitNet_Dots:$result);
  let assemblyFormat = [{
    $input `,` $weight (`as` $bit_quant^)? attr-dict
    `:` type($input) `->` type($result)
  }];
}

def BitNet_DequantizeOp : BitNet_WeightUser<"dequantize", [Pure]> {
  let summary = "integer dots times the scales of weight and token";
  let description = [{
    One plane: y = f32(d) * (weight_scale * token_scale). Two planes:
    y = (f32(d_0) * 256 + f32(d_1)) * (…). Without a token scale (of
    bits, which may have none): y = f32(d) * weight_scale. Groups: y = (sum_g v_g * scale_g) * token_scale,
    groups in rising order, v_g = f32(d_g) or f32(d_g0) * 256 + f32(d_g1); if
    the token too has a scale for each group, y = sum_g v_g * (scale_g *
    token_scale_g). Of bits without a token scale: y = sum_g v_g * scale_g.
  }];
  let arguments = (ins BitNet_Dots:$input, Optional<BitNet_PerToken>:$scale,
                       SymbolRefAttr:$weight);
  let results = (outs BitNet_Rows:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? `,` $weight attr-dict
    `:` type($input) (`,` type($scale)^)? `->` type($result)
  }];
}

//===----------------------------------------------------------------------===//
// Fused level
//===----------------------------------------------------------------------===//

def BitNet_NormQuantizeOp : BitNet_WeightUser<"norm_quantize", [Pure]> {
  let summary = "quantize(rms_norm(x))";
  let arguments = (ins BitNet_Rows:$input, UnitAttr:$centred,
                       OptionalAttr<SymbolRefAttr>:$gain,
                       OptionalAttr<SymbolRefAttr>:$bias, F32Attr:$eps,
                       DefaultValuedAttr<BitNet_CodeRangeAttr,
                         "::mlir::bitnet::CodeRange::Signed127">:$range);
  let results = (outs BitNet_Codes:$codes, BitNet_PerToken:$scale,
                      BitNet_PlaneSums:$sum);
  let assemblyFormat = [{
    $input (`centred` $centred^)? (`gain` $gain^)? (`bias` $bias^)? `eps` $eps
    (`range` $range^)? attr-dict
    `:` type($input) `->` type($codes) `,` type($scale) `,` type($sum)
  }];
}

def BitNet_PackBitsOp : BitNet_Op<"pack_bits", [
    Pure, AttrSizedResultSegments]> {
  let summary = "pack(binarize(x))";
  let arguments = (ins BitNet_Rows:$input,
                       BitNet_BitQuantOr<"Sign">:$bit_quant);
  let results = (outs BitNet_Packed:$result, Optional<BitNet_PerToken>:$scale,
                      Optional<BitNet_PlaneSums>:$sum);
  let assemblyFormat = [{
    $input (`as` $bit_quant^)? attr-dict `:` type($input) `->` type($result)
    (`scale` type($scale)^)? (`sum` type($sum)^)?
  }];
  let hasVerifier = 1;
}

def BitNet_NormPackBitsOp : BitNet_WeightUser<"norm_pack_bits", [
    Pure, AttrSizedResultSegments]> {
  let summary = "pack(binarize(rms_norm(x)))";
  let arguments = (ins BitNet_Rows:$input, UnitAttr:$unscaled,
                       UnitAttr:$centred, OptionalAttr<SymbolRefAttr>:$gain,
                       OptionalAttr<SymbolRefAttr>:$bias, F32Attr:$eps,
                       BitNet_BitQuantOr<"Sign">:$bit_quant);
  let results = (outs BitNet_Packed:$result, Optional<BitNet_PerToken>:$scale,
                      Optional<BitNet_PlaneSums>:$sum);
  let assemblyFormat = [{
    $input (`unscaled` $unscaled^)? (`centred` $centred^)? (`gain` $gain^)? (`bias` $bias^)? `eps` $eps
    (`as` $bit_quant^)? attr-dict `:` type($input) `->` type($result)
    (`scale` type($scale)^)? (`sum` type($sum)^)?
  }];
}

def BitNet_MatmulOp : BitNet_WeightUser<"matmul", [
    Pure, AttrSizedOperandSegments]> {
  let summary = "integer linears on one input, with their epilogue";
  let description = [{
    For every weight W_i: y_i = dequantize(dot(input, W_i)), then at most one of
    `glu`: the only product is act(y_0) * y_1, or `residual`: y_0 + residual.
    With `packs` the last result is pack_bits of the one product, which is a
    result before it only if it has other readers.
    `input` is codes (with `scale` and `sum`) or packed bits (with `scale` if
    tokens have one, and with `sum` if these are `bit`, `ternary` or `int8` ones
    and weights binary: the ones of each plane, or the sum of the int8 codes).
    `sketch` is a coarse copy of the one int8 weight. It changes nothing about
    the product; where the caller asks for the best logits only, it tells which
    need not be computed (z standard deviations away from them).
    `kernel` names a row of the kernel table and is set by `select-kernels`.
  }];
  let arguments = (ins AnyTypeOf<[BitNet_Codes, BitNet_Packed]>:$input,
                       Optional<BitNet_PerToken>:$scale,
                       Optional<BitNet_PlaneSums>:$sum,
                       Optional<BitNet_Rows>:$residual,
                       SymbolRefArrayAttr:$weights,
                       BitNet_BitQuantOr<"Sign">:$bit_quant,
                       OptionalAttr<BitNet_ActivationKindAttr>:$glu,
                       OptionalAttr<BitNet_BitQuantAttr>:$packs,
                       OptionalAttr<SymbolRefAttr>:$sketch,
                       OptionalAttr<F32Attr>:$z,
                       OptionalAttr<StrAttr>:$kernel);
  let results = (outs Variadic<AnyTypeOf<[BitNet_Rows, BitNet_Packed]>>:$results);
  // Sketch and kernel are set by later passes.
  let builders = [OpBuilder<(ins "TypeRange":$results, "Value":$input,
      "Value":$scale, "Value":$sum, "Value":$residual, "ArrayAttr":$weights,
      "BitQuantAttr":$bitQuant, CArg<"ActivationKindAttr", "{}">:$glu,
      CArg<"BitQuantAttr", "{}">:$packs), [{
    build($_builder, $_state, results, input, scale, sum, residual, weights,
          bitQuant, glu, packs, SymbolRefAttr(), FloatAttr(), StringAttr());
  }]>];
  let extraClassDeclaration = [{
    /// Number of products, each of which has at most one row of floats.
    size_t getNumProducts() { return getGlu() ? 1 : getWeights().size(); }
    /// Product i as rows; null where only its bits are wanted.
    Value getRows(unsigned i = 0) {
      return i + (getPacks() ? 1 : 0) < getNumResults() ? getResult(i)
                                                         : Value();
    }
    /// The one product as packed bits; null without `packs`.
    Value getBits() {
      return getPacks() ? getResult(getNumResults() - 1) : Value();
    }
  }];
  let assemblyFormat = [{
    $input (`scale` $scale^)? (`sum` $sum^)? `,` $weights
    (`as` $bit_quant^)? (`glu` $glu^)?
    (`residual` $residual^)? (`packs` $packs^)? (`sketch` $sketch^ `z` $z)? (`kernel` $kernel^)?
    attr-dict
    `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Synchronisation
//===----------------------------------------------------------------------===//

def BitNet_BarrierOp : BitNet_Op<"barrier", [
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "all work before it is done, by whichever thread";
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Micro-ops: the only operations that each instruction set lowers its own way
//===----------------------------------------------------------------------===//

def BitNet_DotU8I8Op : BitNet_Op<"dot_u8i8", [
    Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc[i] += sum_{j<4} u8(a[4i+j]) * i8(b[4i+j]), exact in i32";
  let description = [{
    `bound` is the largest value that `a` takes. Up to 128 a sum of two products
    fits into 16 bits, which is what AVX2 has an instruction for.
  }];
  let arguments = (ins VectorOfLengthAndType<[16], [I32]>:$acc,
                       VectorOfLengthAndType<[64], [I8]>:$a,
                       VectorOfLengthAndType<[64], [I8]>:$b,
                       DefaultValuedAttr<I64Attr, "255">:$bound);
  let results = (outs VectorOfLengthAndType<[16], [I32]>:$result);
  let assemblyFormat = [{
    $acc `,` $a `,` $b (`bound` $bound^)? attr-dict `:` type($acc) `,` type($a) `,` type($b)
  }];
}

def BitNet_MmaU8I8Op : BitNet_Op<"mma_u8i8", [
    Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc[2r+t] += sum_{j<8} u8(a[8r+j]) * i8(b[8t+j]), exact in i32";
  let description = [{
    The product of two matrices, 8 rows of weights and 2 tokens, of 8 columns
    each.
  }];
  let arguments = (ins VectorOfLengthAndType<[16], [I32]>:$acc,
                       VectorOfLengthAndType<[64], [I8]>:$a,
                       VectorOfLengthAndType<[16], [I8]>:$b);
  let results = (outs VectorOfLengthAndType<[16], [I32]>:$result);
  let assemblyFormat = [{
    $acc `,` $a `,` $b attr-dict `:` type($acc) `,` type($a) `,` type($b)
  }];
}

def BitNet_UnpackTrit5Op : BitNet_Op<"unpack_trit5", [
    Pure, AllTypesMatch<["input", "high", "pair", "low3", "low2", "low1"]>]> {
  let summary = "five numbers that hold the five trits of each byte";
  let description = [{
    Of w = 28 (3 t_0 + t_1) + t_2 + 3 t_3 + 9 t_4 (layout trit5_r80):

        64 t_0 + 4 p,   4 p,   t_2 + 4 t_3 + 16 t_4,   t_2 + 4 t_3,   t_2

    with p = 3 t_0 + t_1. Sums of them give the sums of the trits by shifts and
    subtractions, once a row; taking single trits out would cost more
    instructions for every byte than these need.
  }];
  let arguments = (ins VectorOfLengthAndType<[64], [I8]>:$input);
  let results = (outs VectorOfLengthAndType<[64], [I8]>:$high,
                      VectorOfLengthAndType<[64], [I8]>:$pair,
                      VectorOfLengthAndType<[64], [I8]>:$low3,
                      VectorOfLengthAndType<[64], [I8]>:$low2,
                      VectorOfLengthAndType<[64], [I8]>:$low1);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def BitNet_LookupOp : BitNet_Op<"lookup", [Pure, AllTypesMatch<["indices", "result"]>]> {
  let summary = "result[i] = table[indices[i]]";
  let description = [{ Indices are less than 16. }];
  let arguments = (ins VectorOfLengthAndType<[16], [I8]>:$table,
                       VectorOfLengthAndType<[64], [I8]>:$indices);
  let results = (outs VectorOfLengthAndType<[64], [I8]>:$result);
  let assemblyFormat = [{
    $table `,` $indices attr-dict `:` type($table) `,` type($indices)
  }];
}

def BitNet_FlipSignsOp : BitNet_Op<"flip_signs", [
    Pure, AllTypesMatch<["values", "signs", "result"]>]> {
  let summary = "result[i] = signs[i] < 0 ? -values[i] : values[i]";
  let description = [{
    No sign is 0 and no value -128: what x86 has an instruction for.
  }];
  let arguments = (ins VectorOfLengthAndType<[64], [I8]>:$values,
                       VectorOfLengthAndType<[64], [I8]>:$signs);
  let results = (outs VectorOfLengthAndType<[64], [I8]>:$result);
  let assemblyFormat = "$values `,` $signs attr-dict `:` type($values)";
}

def BitNet_ExtendF16Op : BitNet_Op<"extend_f16", [Pure]> {
  let summary = "f16 bits to f32, exact";
  let arguments = (ins VectorOfLengthAndType<[16], [I16]>:$input);
  let results = (outs VectorOfLengthAndType<[16], [F32]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def BitNet_TruncateF16Op : BitNet_Op<"truncate_f16", [Pure]> {
  let summary = "f32 to f16 bits, nearest even, saturating at 65504";
  let arguments = (ins VectorOfLengthAndType<[16], [F32]>:$input);
  let results = (outs VectorOfLengthAndType<[16], [I16]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

#endif // BITNET_OPS_TD
