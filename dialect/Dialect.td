//===- Dialect.td - The BitNet dialect, its attributes ----------*- tablegen -*-===//
//
// The dialect itself and the small vocabulary of its attributes. Operations are
// in Ops.td.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_TD
#define BITNET_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"

def BitNet_Dialect : Dialect {
  let name = "bitnet";
  let cppNamespace = "::mlir::bitnet";
  let summary = "1-bit language models, from imported graph to kernels";
  let description = [{
    One dialect carries a model through three levels:

    1. *graph*: `linear`, `rms_norm`, `attention`, … on tensors, as imported;
    2. *fused*: `norm_quantize`, `pack_bits`, `matmul`, … the same arithmetic
       in fewer, integer-fed operations;
    3. *kernel*: vector code with the few micro-ops that each instruction set
       lowers its own way (`dot_u8i8`, `extend_f16`, `truncate_f16`).

    The first dimension of every activation tensor is the tokens of the batch;
    it is dynamic. Weights are symbols inside records (`@layer::@q_proj`), one
    record instance a layer, never constants in the IR.

    Every operation of levels 1 and 2 has an executable scalar meaning in the
    reference interpreter (Interpreter.cpp). Floats are IEEE single precision;
    multiplication and addition are separate roundings (never contracted), sums
    run over 16 lanes that are added as a tree (8+8, 4+4, 2+2, 1+1), and `exp`
    is the polynomial of dialect/Exp.h, so that every target agrees to the bit.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class BitNet_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::bitnet";
  let genSpecializedAttr = 0;
}

def BitNet_WeightQuant : BitNet_Enum<"WeightQuant", "values a weight may take", [
  I32EnumAttrCase<"Float", 0, "float">,      // f32
  I32EnumAttrCase<"Int8", 1, "int8">,        // code * row scale, |code| <= 127
  I32EnumAttrCase<"Ternary", 2, "ternary">,  // {-1, 0, +1} * scale
  I32EnumAttrCase<"Binary", 3, "binary">,    // {-1, +1} * scale
  I32EnumAttrCase<"Sketch", 4, "sketch">     // (code + 1/2) * step, -2..1
]>;
def BitNet_WeightQuantAttr
    : EnumAttr<BitNet_Dialect, BitNet_WeightQuant, "weight_quant">;

def BitNet_InputQuant : BitNet_Enum<"InputQuant", "how a linear reads its input", [
  I32EnumAttrCase<"Int8", 1, "int8">,   // one i8 plane and a scale per token
  I32EnumAttrCase<"Int16", 2, "int16">, // two i8 planes and a scale per token
  I32EnumAttrCase<"Sign", 3, "sign">,   // -1 or 1, one bit
  I32EnumAttrCase<"Bit", 4, "bit">,     // 0 or 1, one bit
  I32EnumAttrCase<"Ternary", 5, "ternary"> // -1, 0 or 1, two bits
]>;
def BitNet_InputQuantAttr
    : EnumAttr<BitNet_Dialect, BitNet_InputQuant, "input_quant">;

// Those of them that are planes of bits. q is the sum of the planes times their
// coefficients; comparisons with NaN are false.
def BitNet_BitQuant : BitNet_Enum<"BitQuant", "what planes of bits stand for", [
  I32EnumAttrCase<"Sign", 0, "sign">,   // x >= 0; 2 p - 1
  I32EnumAttrCase<"Bit", 1, "bit">,     // x > 1/2; p
  I32EnumAttrCase<"Ternary", 2, "ternary">, // x > 1/2, x < -1/2; p_0 - p_1
  I32EnumAttrCase<"Int8", 3, "int8"> // of codes; p_0 + 2 p_1 + .. + 64 p_6 - 128 p_7
]>;
def BitNet_BitQuantAttr
    : EnumAttr<BitNet_Dialect, BitNet_BitQuant, "bit_quant">;
class BitNet_BitQuantOr<string fallback>
    : DefaultValuedAttr<BitNet_BitQuantAttr,
                        "::mlir::bitnet::BitQuant::" # fallback>;

def BitNet_CodeRange : BitNet_Enum<"CodeRange", "which codes int8 inputs become", [
  I32EnumAttrCase<"Signed127", 0, "signed127">,  // max|x| is 127
  I32EnumAttrCase<"Signed128", 1, "signed128">,  // max|x| is 128, saturating
  I32EnumAttrCase<"Shifted128", 2, "shifted128"> // 0 for min x, 128 for max x
]>;
def BitNet_CodeRangeAttr
    : EnumAttr<BitNet_Dialect, BitNet_CodeRange, "code_range">;

def BitNet_ActivationKind : BitNet_Enum<"ActivationKind", "elementwise non-linearity", [
  I32EnumAttrCase<"SiLU", 0, "silu">,   // x / (1 + exp(-x))
  I32EnumAttrCase<"ReLU2", 1, "relu2">  // max(x, 0)^2
]>;
def BitNet_ActivationKindAttr
    : EnumAttr<BitNet_Dialect, BitNet_ActivationKind, "act">;

def BitNet_RopeKind : BitNet_Enum<"RopeKind", "which elements rotate together", [
  I32EnumAttrCase<"Half", 0, "half">,             // (i, i + d/2)
  I32EnumAttrCase<"Interleaved", 1, "interleaved"> // (2i, 2i + 1)
]>;
def BitNet_RopeKindAttr : EnumAttr<BitNet_Dialect, BitNet_RopeKind, "rope_kind">;

def BitNet_KVForm : BitNet_Enum<"KVForm", "how keys and values are kept", [
  I32EnumAttrCase<"F16", 0, "f16">, // halves
  I32EnumAttrCase<"I8", 1, "i8">,   // code * scale of its position and head
  I32EnumAttrCase<"B1", 2, "b1">    // signs; values times mean|v| of the same
]>;
def BitNet_KVFormAttr : EnumAttr<BitNet_Dialect, BitNet_KVForm, "kv_form">;

def BitNet_Layout : BitNet_Enum<"Layout", "how a weight lies in memory (Layouts.h)", [
  I32EnumAttrCase<"F32", 0, "f32">,
  I32EnumAttrCase<"U8Row", 1, "u8_row">,
  I32EnumAttrCase<"Trit2R64", 2, "trit2_r64">,
  I32EnumAttrCase<"Bit1R16", 3, "bit1_r16">,
  I32EnumAttrCase<"Trit5R80", 4, "trit5_r80">,
  I32EnumAttrCase<"Bit1R64", 5, "bit1_r64">,
  I32EnumAttrCase<"U2R64", 6, "u2_r64">,
  I32EnumAttrCase<"Trit2R16", 7, "trit2_r16">,
  I32EnumAttrCase<"Trit2R32", 8, "trit2_r32">,
  I32EnumAttrCase<"Bit1R32", 9, "bit1_r32">,
  I32EnumAttrCase<"Trit3R64", 10, "trit3_r64">
]>;
def BitNet_LayoutAttr : EnumAttr<BitNet_Dialect, BitNet_Layout, "layout">;

#endif // BITNET_DIALECT_TD
