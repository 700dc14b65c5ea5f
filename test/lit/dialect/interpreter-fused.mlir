// Graph, decomposed and fused forms of the same thing, written by hand, give
// the same bits. Functions with the same argument types get the same arguments.
// RUN: bitnet-opt %s --interpret --interpret-tokens=7 | FileCheck %s
// RUN: bitnet-opt %s --interpret --interpret-tokens=1 --interpret-seed=42 | FileCheck %s

bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [70] source "g"
  bitnet.weight @positive quant float shape [70] positive source "p"
  bitnet.weight @bias quant float shape [70] source "b"
  bitnet.weight @t quant ternary shape [70, 70] source "t"
  bitnet.weight @u quant int8 shape [70, 70] scale_rows 70 source "u"
  bitnet.weight @b quant binary shape [70, 70] scale_rows 70 source "b"
}

// CHECK-LABEL: @int8_graph
// CHECK-NEXT: hash [[INT8:.*]]
func.func @int8_graph(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x70xf32>
  %l = bitnet.linear %n, @layer::@t input int8 : tensor<?x70xf32> -> tensor<?x70xf32>
  %y = bitnet.add %l, %x : tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}
// CHECK-LABEL: @int8_decomposed
// CHECK-NEXT: hash [[INT8]]
func.func @int8_decomposed(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x70xf32>
  %c, %s, %u = bitnet.quantize %n : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %c, @layer::@t : tensor<?x1x70xi8> -> tensor<?x1x70xi32>
  %l = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x70xi32>, tensor<?xf32> -> tensor<?x70xf32>
  %y = bitnet.add %l, %x : tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}
// CHECK-LABEL: @int8_fused
// CHECK-NEXT: hash [[INT8]]
func.func @int8_fused(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %c, %s, %u = bitnet.norm_quantize %x gain @layer::@gain eps 1.0e-5 : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %c scale %s sum %u, [@layer::@t] residual %x : (tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>, tensor<?x70xf32>) -> tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}

// CHECK-LABEL: @int16_graph
// CHECK-NEXT: hash [[INT16A:.*]]
// CHECK: result 1: {{.*}} hash [[INT16B:.*]]
func.func @int16_graph(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32>
  %a = bitnet.linear %n, @layer::@t input int16 : tensor<?x70xf32> -> tensor<?x70xf32>
  %b = bitnet.linear %n, @layer::@u input int16 : tensor<?x70xf32> -> tensor<?x70xf32>
  return %a, %b : tensor<?x70xf32>, tensor<?x70xf32>
}
// CHECK-LABEL: @int16_fused
// CHECK-NEXT: hash [[INT16A]]
// CHECK: result 1: {{.*}} hash [[INT16B]]
func.func @int16_fused(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %c, %s, %u = bitnet.norm_quantize %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32> -> tensor<?x2x70xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y:2 = bitnet.matmul %c scale %s sum %u, [@layer::@t, @layer::@u] : (tensor<?x2x70xi8>, tensor<?xf32>, tensor<?x2xi32>) -> (tensor<?x70xf32>, tensor<?x70xf32>)
  return %y#0, %y#1 : tensor<?x70xf32>, tensor<?x70xf32>
}

// CHECK-LABEL: @gate_graph
// CHECK-NEXT: hash [[GATE:.*]]
func.func @gate_graph(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %a = bitnet.linear %x, @layer::@t input int8 : tensor<?x70xf32> -> tensor<?x70xf32>
  %b = bitnet.linear %x, @layer::@u input int8 : tensor<?x70xf32> -> tensor<?x70xf32>
  %s = bitnet.activation silu %a : tensor<?x70xf32>
  %y = bitnet.mul %s, %b : tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}
// CHECK-LABEL: @gate_fused
// CHECK-NEXT: hash [[GATE]]
func.func @gate_fused(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %c, %s, %u = bitnet.quantize %x : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %c scale %s sum %u, [@layer::@t, @layer::@u] glu silu : (tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}

// CHECK-LABEL: @sign_graph
// CHECK-NEXT: hash [[SIGN:.*]]
func.func @sign_graph(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32>
  %l = bitnet.linear %n, @layer::@b input sign : tensor<?x70xf32> -> tensor<?x70xf32>
  return %l : tensor<?x70xf32>
}
// CHECK-LABEL: @sign_decomposed
// CHECK-NEXT: hash [[SIGN]]
func.func @sign_decomposed(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32>
  %b = bitnet.binarize %n : tensor<?x70xf32> -> tensor<?x1x70xi1>
  %p = bitnet.pack %b : tensor<?x1x70xi1> -> tensor<?x1x2xi64>
  %d = bitnet.dot %p, @layer::@b : tensor<?x1x2xi64> -> tensor<?x1x70xi32>
  %l = bitnet.dequantize %d, @layer::@b : tensor<?x1x70xi32> -> tensor<?x70xf32>
  return %l : tensor<?x70xf32>
}
// CHECK-LABEL: @sign_fused
// CHECK-NEXT: hash [[SIGN]]
func.func @sign_fused(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %p = bitnet.norm_pack_bits %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32> -> tensor<?x1x2xi64>
  %l = bitnet.matmul %p, [@layer::@b] : (tensor<?x1x2xi64>) -> tensor<?x70xf32>
  return %l : tensor<?x70xf32>
}

// Codes and their planes of bits.
// CHECK-LABEL: @codes
// CHECK-NEXT: hash [[CODES:.*]]
func.func @codes(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %c, %s, %u = bitnet.quantize %x range signed128 : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %c scale %s sum %u, [@layer::@b] : (tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}
// CHECK-LABEL: @planes
// CHECK-NEXT: hash [[CODES]]
func.func @planes(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %c, %s, %u = bitnet.quantize %x range signed128 : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  %p = bitnet.pack_codes %c : tensor<?x1x70xi8> -> tensor<?x8x2xi64>
  %y = bitnet.matmul %p scale %s sum %u, [@layer::@b] as int8 : (tensor<?x8x2xi64>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x70xf32>
  return %y : tensor<?x70xf32>
}

// A norm with positive gain and no threshold does not change a sign; one with
// gains of both signs does.
// CHECK-LABEL: @norm_before_sign
// CHECK-NEXT: hash [[NORM:.*]]
func.func @norm_before_sign(%x: tensor<?x70xf32>) -> tensor<?x1x2xi64> {
  %p = bitnet.norm_pack_bits %x gain @layer::@positive eps 1.0e-5 : tensor<?x70xf32> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}
// CHECK-LABEL: @no_norm_before_sign
// CHECK-NEXT: hash [[NORM]]
func.func @no_norm_before_sign(%x: tensor<?x70xf32>) -> tensor<?x1x2xi64> {
  %p = bitnet.pack_bits %x : tensor<?x70xf32> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}
// CHECK-LABEL: @mixed_norm_before_sign
// CHECK-NOT: hash [[NORM]]
func.func @mixed_norm_before_sign(%x: tensor<?x70xf32>) -> tensor<?x1x2xi64> {
  %p = bitnet.norm_pack_bits %x gain @layer::@gain eps 1.0e-5 : tensor<?x70xf32> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}

// CHECK-LABEL: @bit_graph
// CHECK-NEXT: hash [[BIT:.*]]
// CHECK: result 1: {{.*}} hash [[TERNARY:.*]]
func.func @bit_graph(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32>
  %l = bitnet.linear %n, @layer::@b input bit : tensor<?x70xf32> -> tensor<?x70xf32>
  %m = bitnet.linear %n, @layer::@b input ternary : tensor<?x70xf32> -> tensor<?x70xf32>
  return %l, %m : tensor<?x70xf32>, tensor<?x70xf32>
}
// CHECK-LABEL: @bit_fused
// CHECK-NEXT: hash [[BIT]]
// CHECK: result 1: {{.*}} hash [[TERNARY]]
func.func @bit_fused(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %p, %s = bitnet.norm_pack_bits %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 as bit : tensor<?x70xf32> -> tensor<?x1x2xi64> sum tensor<?x1xi32>
  %l = bitnet.matmul %p sum %s, [@layer::@b] as bit : (tensor<?x1x2xi64>, tensor<?x1xi32>) -> tensor<?x70xf32>
  %q, %t = bitnet.norm_pack_bits %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 as ternary : tensor<?x70xf32> -> tensor<?x2x2xi64> sum tensor<?x2xi32>
  %m = bitnet.matmul %q sum %t, [@layer::@b] as ternary : (tensor<?x2x2xi64>, tensor<?x2xi32>) -> tensor<?x70xf32>
  return %l, %m : tensor<?x70xf32>, tensor<?x70xf32>
}

// CHECK-LABEL: @token_scale_graph
// CHECK-NEXT: hash [[SCALED:.*]]
func.func @token_scale_graph(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x70xf32>
  %l = bitnet.linear %n, @layer::@b input ternary token_scale : tensor<?x70xf32> -> tensor<?x70xf32>
  return %l : tensor<?x70xf32>
}
// CHECK-LABEL: @token_scale_fused
// CHECK-NEXT: hash [[SCALED]]
func.func @token_scale_fused(%x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %p, %t, %s = bitnet.norm_pack_bits %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 as ternary : tensor<?x70xf32> -> tensor<?x2x2xi64> scale tensor<?xf32> sum tensor<?x2xi32>
  %l = bitnet.matmul %p scale %t sum %s, [@layer::@b] as ternary : (tensor<?x2x2xi64>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x70xf32>
  return %l : tensor<?x70xf32>
}

// Ternary weights.
// CHECK-LABEL: @ternary_graph
// CHECK-NEXT: hash [[TS:.*]]
// CHECK: result 1: {{.*}} hash [[TT:.*]]
func.func @ternary_graph(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %l = bitnet.linear %x, @layer::@t input sign : tensor<?x70xf32> -> tensor<?x70xf32>
  %m = bitnet.linear %x, @layer::@t input ternary : tensor<?x70xf32> -> tensor<?x70xf32>
  return %l, %m : tensor<?x70xf32>, tensor<?x70xf32>
}
// CHECK-LABEL: @ternary_fused
// CHECK-NEXT: hash [[TS]]
// CHECK: result 1: {{.*}} hash [[TT]]
func.func @ternary_fused(%x: tensor<?x70xf32>) -> (tensor<?x70xf32>, tensor<?x70xf32>) {
  %p = bitnet.pack_bits %x : tensor<?x70xf32> -> tensor<?x1x2xi64>
  %l = bitnet.matmul %p, [@layer::@t] : (tensor<?x1x2xi64>) -> tensor<?x70xf32>
  %q = bitnet.pack_bits %x as ternary : tensor<?x70xf32> -> tensor<?x2x2xi64>
  %m = bitnet.matmul %q, [@layer::@t] as ternary : (tensor<?x2x2xi64>) -> tensor<?x70xf32>
  return %l, %m : tensor<?x70xf32>, tensor<?x70xf32>
}
