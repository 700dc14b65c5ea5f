// What every operation computes, on rows whose results can be found by hand.
// All weights are 1 here; a batch of two tokens is one sequence.
// RUN: bitnet-opt %s --interpret --interpret-ones --interpret-tokens=2 | FileCheck %s

bitnet.record @w count 1 {
  bitnet.weight @embed quant int8 shape [8, 4] source "e"
  bitnet.weight @rope quant float shape [4, 16] source "r"
  bitnet.weight @gain quant float shape [4] source "g"
  bitnet.weight @trits quant ternary shape [2, 4] scale_rows 2 source "t"
  bitnet.weight @trits9 quant ternary shape [1, 9] source "t9"
  bitnet.weight @bits quant binary shape [1, 65] source "b"
}

// Codes are rounded to nearest even; the scale is max|x| / 127, here 1.
// CHECK-LABEL: @quantize
// CHECK-NEXT: result 0: 1x1x9xi8
// CHECK-NEXT: {{^}}  127 -127 0 2 2 0 -2 -2 ...
// CHECK-NEXT: result 1: 1xf32
// CHECK-NEXT: {{^}}  1{{$}}
// CHECK-NEXT: result 2: 1x1xi32
// CHECK-NEXT: {{^}}  100{{$}}
func.func @quantize() -> (tensor<1x1x9xi8>, tensor<1xf32>, tensor<1x1xi32>) {
  %x = arith.constant dense<[[127.0, -127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 100.0]]> : tensor<1x9xf32>
  %c, %s, %u = bitnet.quantize %x : tensor<1x9xf32> -> tensor<1x1x9xi8>, tensor<1xf32>, tensor<1x1xi32>
  return %c, %s, %u : tensor<1x1x9xi8>, tensor<1xf32>, tensor<1x1xi32>
}

// Every group of columns on its own.
// CHECK-LABEL: @quantize_groups
// CHECK-NEXT: result 0: 1x2xf32
// CHECK-NEXT: {{^}}  1 2{{$}}
// CHECK-NEXT: result 1: 1x2xi32
// CHECK-NEXT: {{^}}  129 -126{{$}}
func.func @quantize_groups() -> (tensor<1x2xf32>, tensor<1x2xi32>) {
  %x = arith.constant dense<[[127.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -254.0]]> : tensor<1x32xf32>
  %c, %s, %u = bitnet.quantize %x : tensor<1x32xf32> -> tensor<1x1x32xi8>, tensor<1x2xf32>, tensor<1x2xi32>
  return %s, %u : tensor<1x2xf32>, tensor<1x2xi32>
}

// Rows below 1e-5 are quantised as if their maximum were 1e-5.
// CHECK-LABEL: @quantize_small
// CHECK-NEXT: result 0: 1x1x4xi8
// CHECK-NEXT: {{^}}  13 -127 0 0{{$}}
// CHECK-NEXT: result 1: 1xf32
// CHECK-NEXT: {{^}}  7.87401575e-08{{$}}
func.func @quantize_small() -> (tensor<1x1x4xi8>, tensor<1xf32>) {
  %x = arith.constant dense<[[1.0e-6, -1.0e-5, 0.0, -0.0]]> : tensor<1x4xf32>
  %c, %s, %u = bitnet.quantize %x : tensor<1x4xf32> -> tensor<1x1x4xi8>, tensor<1xf32>, tensor<1x1xi32>
  return %c, %s : tensor<1x1x4xi8>, tensor<1xf32>
}

// The first BitNet's: max|x| is 128, which saturates; -128 is a code.
// CHECK-LABEL: @quantize_128
// CHECK-NEXT: result 0: 1x1x4xi8
// CHECK-NEXT: {{^}}  127 -128 64 -1{{$}}
// CHECK-NEXT: result 1: 1xf32
// CHECK-NEXT: {{^}}  0.5{{$}}
// CHECK-NEXT: result 2: 1x1xi32
// CHECK-NEXT: {{^}}  62{{$}}
func.func @quantize_128() -> (tensor<1x1x4xi8>, tensor<1xf32>, tensor<1x1xi32>) {
  %x = arith.constant dense<[[64.0, -64.0, 32.0, -0.5]]> : tensor<1x4xf32>
  %c, %s, %u = bitnet.quantize %x range signed128 : tensor<1x4xf32> -> tensor<1x1x4xi8>, tensor<1xf32>, tensor<1x1xi32>
  return %c, %s, %u : tensor<1x1x4xi8>, tensor<1xf32>, tensor<1x1xi32>
}

// From the minimum, which is 0; the maximum, 128 again, saturates.
// CHECK-LABEL: @quantize_shifted
// CHECK-NEXT: result 0: 1x1x16xi8
// CHECK-NEXT: {{^}}  0 127 64 96 64 64 64 64 ...
// CHECK-NEXT: result 1: 1xf32
// CHECK-NEXT: {{^}}  0.03125{{$}}
func.func @quantize_shifted() -> (tensor<1x1x16xi8>, tensor<1xf32>) {
  %x = arith.constant dense<[[-3.0, 1.0, -1.0, 0.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]]> : tensor<1x16xf32>
  %c, %s, %u = bitnet.quantize %x range shifted128 : tensor<1x16xf32> -> tensor<1x1x16xi8>, tensor<1xf32>, tensor<1x1xi32>
  return %c, %s : tensor<1x1x16xi8>, tensor<1xf32>
}

// LayerNorm: of x - mean x. Eight times 3 and eight times 7 are -1 and 1.
// CHECK-LABEL: @layer_norm
// CHECK-NEXT: result 0: 1x16xf32
// CHECK-NEXT: {{^}}  -1 1 -1 1 -1 1 -1 1 ...
func.func @layer_norm() -> tensor<1x16xf32> {
  %x = arith.constant dense<[[3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0, 3.0, 7.0]]> : tensor<1x16xf32>
  %y = bitnet.rms_norm %x centred eps 0.0 : tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Two signed planes: q = 256 high + low.
// CHECK-LABEL: @quantize_planes
// CHECK-NEXT: result 0: 1x2x8xi8
// CHECK-NEXT: {{^}}  127 -127 1 1 1 0 0 -1{{$}}
// CHECK-NEXT: {{^}}  0 0 0 -1 -128 127 -128 127{{$}}
// CHECK-NEXT: result 1: 1xf32
// CHECK-NEXT: {{^}}  1{{$}}
// CHECK-NEXT: result 2: 1x2xi32
// CHECK-NEXT: {{^}}  2 -3{{$}}
func.func @quantize_planes() -> (tensor<1x2x8xi8>, tensor<1xf32>, tensor<1x2xi32>) {
  %x = arith.constant dense<[[32512.0, -32512.0, 256.0, 255.0, 128.0, 127.0, -128.0, -129.0]]> : tensor<1x8xf32>
  %c, %s, %u = bitnet.quantize %x : tensor<1x8xf32> -> tensor<1x2x8xi8>, tensor<1xf32>, tensor<1x2xi32>
  return %c, %s, %u : tensor<1x2x8xi8>, tensor<1xf32>, tensor<1x2xi32>
}

// Both zeros are +1. 0b10011101 = 157.
// CHECK-LABEL: @signs
// CHECK-NEXT: result 0: 1x1x8xi1
// CHECK-NEXT: {{^}}  1 0 1 1 1 0 0 1{{$}}
// CHECK-NEXT: result 1: 1x1x1xi64
// CHECK-NEXT: {{^}}  157{{$}}
// CHECK-NEXT: result 2: 1x1x1xi64
// CHECK-NEXT: {{^}}  157{{$}}
func.func @signs() -> (tensor<1x1x8xi1>, tensor<1x1x1xi64>, tensor<1x1x1xi64>) {
  %x = arith.constant dense<[[1.0, -1.0, 0.0, -0.0, 2.0, -3.0, -4.0, 5.0]]> : tensor<1x8xf32>
  %b = bitnet.binarize %x : tensor<1x8xf32> -> tensor<1x1x8xi1>
  %p = bitnet.pack %b : tensor<1x1x8xi1> -> tensor<1x1x1xi64>
  %q = bitnet.pack_bits %x : tensor<1x8xf32> -> tensor<1x1x1xi64>
  return %b, %p, %q : tensor<1x1x8xi1>, tensor<1x1x1xi64>, tensor<1x1x1xi64>
}

// Bits where x > 1/2 (0b10001101 = 141); ternary planes x > 1/2 and x < -1/2
// (0b01010000 = 80), as rint would have it: halves go to 0.
// CHECK-LABEL: @planes
// CHECK-NEXT: result 0: 1x1x1xi64
// CHECK-NEXT: {{^}}  141{{$}}
// CHECK-NEXT: result 1: 1x1xi32
// CHECK-NEXT: {{^}}  4{{$}}
// CHECK-NEXT: result 2: 1x2x8xi1
// CHECK-NEXT: {{^}}  1 0 1 1 0 0 0 1{{$}}
// CHECK-NEXT: {{^}}  0 0 0 0 1 0 1 0{{$}}
// CHECK-NEXT: result 3: 1x2x1xi64
// CHECK-NEXT: {{^}}  141{{$}}
// CHECK-NEXT: {{^}}  80{{$}}
// CHECK-NEXT: result 4: 1x2xi32
// CHECK-NEXT: {{^}}  4 2{{$}}
func.func @planes() -> (tensor<1x1x1xi64>, tensor<1x1xi32>, tensor<1x2x8xi1>, tensor<1x2x1xi64>, tensor<1x2xi32>) {
  %x = arith.constant dense<[[1.0, 0.5, 0.51, 9.0, -0.51, -0.5, -4.0, 5.0]]> : tensor<1x8xf32>
  %p, %s = bitnet.pack_bits %x as bit : tensor<1x8xf32> -> tensor<1x1x1xi64> sum tensor<1x1xi32>
  %b = bitnet.binarize %x as ternary : tensor<1x8xf32> -> tensor<1x2x8xi1>
  %q, %u = bitnet.pack %b : tensor<1x2x8xi1> -> tensor<1x2x1xi64> sum tensor<1x2xi32>
  return %p, %s, %b, %q, %u : tensor<1x1x1xi64>, tensor<1x1xi32>, tensor<1x2x8xi1>, tensor<1x2x1xi64>, tensor<1x2xi32>
}

// mean |x| = 3; 65 products of 1 times 1 * 3.
// CHECK-LABEL: @token_scale
// CHECK-NEXT: result 0: 1xf32
// CHECK-NEXT: {{^}}  3{{$}}
// CHECK-NEXT: result 1: 1x1xf32
// CHECK-NEXT: {{^}}  195{{$}}
func.func @token_scale() -> (tensor<1xf32>, tensor<1x1xf32>) {
  %x = arith.constant dense<[[-1.0, 2.0, 0.0, -0.0, 3.0, -12.0]]> : tensor<1x6xf32>
  %p, %t = bitnet.pack_bits %x : tensor<1x6xf32> -> tensor<1x1x1xi64> scale tensor<1xf32>
  %y = arith.constant dense<3.0> : tensor<1x65xf32>
  %z = bitnet.linear %y, @w::@bits input bit token_scale : tensor<1x65xf32> -> tensor<1x1xf32>
  return %t, %z : tensor<1xf32>, tensor<1x1xf32>
}

// Pad bits are 0 and do not count: 65 - 2 * 0 and, with all signs negative,
// 65 - 2 * 65.
// CHECK-LABEL: @dot_bits
// CHECK-NEXT: result 0: 1x1x2xi64
// CHECK-NEXT: {{^}}  -1 1{{$}}
// CHECK-NEXT: result 1: 1x1x1xi32
// CHECK-NEXT: {{^}}  65{{$}}
// CHECK-NEXT: result 2: 1x1x1xi32
// CHECK-NEXT: {{^}}  -65{{$}}
func.func @dot_bits() -> (tensor<1x1x2xi64>, tensor<1x1x1xi32>, tensor<1x1x1xi32>) {
  %x = arith.constant dense<1.0> : tensor<1x65xf32>
  %y = arith.constant dense<-1.0> : tensor<1x65xf32>
  %p = bitnet.pack_bits %x : tensor<1x65xf32> -> tensor<1x1x2xi64>
  %q = bitnet.pack_bits %y : tensor<1x65xf32> -> tensor<1x1x2xi64>
  %d = bitnet.dot %p, @w::@bits : tensor<1x1x2xi64> -> tensor<1x1x1xi32>
  %e = bitnet.dot %q, @w::@bits : tensor<1x1x2xi64> -> tensor<1x1x1xi32>
  return %p, %d, %e : tensor<1x1x2xi64>, tensor<1x1x1xi32>, tensor<1x1x1xi32>
}

// 1 + 2 + 3 - 128, of both planes; (4 * 256 - 122) * (1 * 0.5).
// CHECK-LABEL: @dot_codes
// CHECK-NEXT: result 0: 1x2x2xi32
// CHECK-NEXT: {{^}}  4 4{{$}}
// CHECK-NEXT: {{^}}  -122 -122{{$}}
// CHECK-NEXT: result 1: 1x2xf32
// CHECK-NEXT: {{^}}  451 451{{$}}
func.func @dot_codes() -> (tensor<1x2x2xi32>, tensor<1x2xf32>) {
  %c = arith.constant dense<[[[1, 1, 1, 1], [1, 2, 3, -128]]]> : tensor<1x2x4xi8>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %d = bitnet.dot %c, @w::@trits : tensor<1x2x4xi8> -> tensor<1x2x2xi32>
  %y = bitnet.dequantize %d scale %s, @w::@trits : tensor<1x2x2xi32>, tensor<1xf32> -> tensor<1x2xf32>
  return %d, %y : tensor<1x2x2xi32>, tensor<1x2xf32>
}

// The codes of @quantize, 100 in all; in 16 bits the sum is rounded later.
// CHECK-LABEL: @linear
// CHECK-NEXT: result 0: 1x1xf32
// CHECK-NEXT: {{^}}  100{{$}}
// CHECK-NEXT: result 1: 1x1xf32
// CHECK-NEXT: {{^}}  25600{{$}}
func.func @linear() -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %x = arith.constant dense<[[127.0, -127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 100.0]]> : tensor<1x9xf32>
  %y = bitnet.linear %x, @w::@trits9 input int8 : tensor<1x9xf32> -> tensor<1x1xf32>
  %v = arith.constant dense<[[32512.0, -32512.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 25600.0]]> : tensor<1x9xf32>
  %z = bitnet.linear %v, @w::@trits9 input int16 : tensor<1x9xf32> -> tensor<1x1xf32>
  return %y, %z : tensor<1x1xf32>, tensor<1x1xf32>
}

// A gate relu2(451) * 451 and a residual 451 + 0.25.
// CHECK-LABEL: @epilogues
// CHECK-NEXT: result 0: 1x2xf32
// CHECK-NEXT: {{^}}  91733848 91733848{{$}}
// CHECK-NEXT: result 1: 1x2xf32
// CHECK-NEXT: {{^}}  451.25 451.25{{$}}
func.func @epilogues() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %c = arith.constant dense<[[[1, 1, 1, 1], [1, 2, 3, -128]]]> : tensor<1x2x4xi8>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %u = arith.constant dense<[[4, -122]]> : tensor<1x2xi32>
  %r = arith.constant dense<0.25> : tensor<1x2xf32>
  %g = bitnet.matmul %c scale %s sum %u, [@w::@trits, @w::@trits] glu relu2 : (tensor<1x2x4xi8>, tensor<1xf32>, tensor<1x2xi32>) -> tensor<1x2xf32>
  %y = bitnet.matmul %c scale %s sum %u, [@w::@trits] residual %r : (tensor<1x2x4xi8>, tensor<1xf32>, tensor<1x2xi32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %g, %y : tensor<1x2xf32>, tensor<1x2xf32>
}

// mean(x^2) = 4 and 16.
// CHECK-LABEL: @rms_norm
// CHECK-NEXT: result 0: 2x4xf32
// CHECK-NEXT: {{^}}  1 -1 1 1{{$}}
// CHECK-NEXT: {{^}}  0 0 0 2{{$}}
// CHECK-NEXT: result 1: 2x4xf32
// CHECK-NEXT: {{^}}  2 0 2 2{{$}}
// CHECK-NEXT: {{^}}  1 1 1 3{{$}}
func.func @rms_norm() -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %x = arith.constant dense<[[2.0, -2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 8.0]]> : tensor<2x4xf32>
  %y = bitnet.rms_norm %x gain @w::@gain eps 0.0 : tensor<2x4xf32>
  %z = bitnet.rms_norm %x gain @w::@gain bias @w::@gain eps 0.0 : tensor<2x4xf32>
  return %y, %z : tensor<2x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: @activations
// CHECK-NEXT: result 0: 1x4xf32
// CHECK-NEXT: {{^}}  0 0 2.25 9{{$}}
// CHECK-NEXT: result 1: 1x4xf32
// CHECK-NEXT: {{^}}  0 0.731058598 -0.268941432 100{{$}}
// CHECK-NEXT: result 2: 1x4xf32
// CHECK-NEXT: {{^}}  0 0 -0.605118215 900{{$}}
func.func @activations() -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  %x = arith.constant dense<[[-2.0, 0.0, 1.5, 3.0]]> : tensor<1x4xf32>
  %y = arith.constant dense<[[0.0, 1.0, -1.0, 100.0]]> : tensor<1x4xf32>
  %r = bitnet.activation relu2 %x : tensor<1x4xf32>
  %s = bitnet.activation silu %y : tensor<1x4xf32>
  %z = bitnet.mul %r, %s : tensor<1x4xf32>
  return %r, %s, %z : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}

// Position 0 does not rotate; at position 1 the first pair turns by one radian:
// cos 1 - 2 sin 1, and 2 cos 1 + sin 1.
// CHECK-LABEL: @rope
// CHECK-NEXT: result 0: 2x16xf32
// CHECK-NEXT: {{^}}  1 1 1 1 1 1 1 1 ...
// CHECK-NEXT: {{^}}  -1.14263964
// CHECK-NEXT: result 1: 2x16xf32
// CHECK-NEXT: {{^}}  1 2 1 2 1 2 1 2 ...
// CHECK-NEXT: {{^}}  -1.14263964 1.92207551
func.func @rope() -> (tensor<2x16xf32>, tensor<2x16xf32>) {
  %x = arith.constant dense<[[1., 1., 1., 1., 1., 1., 1., 1., 2., 2., 2., 2., 2., 2., 2., 2.],
                             [1., 1., 1., 1., 1., 1., 1., 1., 2., 2., 2., 2., 2., 2., 2., 2.]]> : tensor<2x16xf32>
  %v = arith.constant dense<[[1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2.],
                             [1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2., 1., 2.]]> : tensor<2x16xf32>
  %y = bitnet.rope %x, @w::@rope half head_dim 16 : tensor<2x16xf32>
  %z = bitnet.rope %v, @w::@rope interleaved head_dim 16 : tensor<2x16xf32>
  return %y, %z : tensor<2x16xf32>, tensor<2x16xf32>
}

// The first token sees only itself: its value as f16 (65504 at most, ties to
// even). The second has equal scores for both: the mean of the values.
// CHECK-LABEL: @attention
// CHECK-NEXT: result 0: 2x16xf32
// CHECK-NEXT: {{^}}  65504 1 1.00195312 -3 0 0 0 0 ...
// CHECK-NEXT: {{^}}  32752 1 2.00097656 -3 2 0 0 0 ...
func.func @attention() -> tensor<2x16xf32> {
  %k = arith.constant dense<1.0> : tensor<2x16xf32>
  %v = arith.constant dense<[[7.0e4, 1.00048828125, 1.00146484375, -3., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.],
                             [0., 1., 3., -3., 4., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]]> : tensor<2x16xf32>
  bitnet.kv_append %k, %v head_dim 16 : tensor<2x16xf32>
  %o = bitnet.attention %k heads 1 kv_heads 1 head_dim 16 : tensor<2x16xf32>
  return %o : tensor<2x16xf32>
}

// A layer that doubles, four times.
func.func @double(%h: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.add %h, %h : tensor<?x4xf32>
  bitnet.barrier
  return %0 : tensor<?x4xf32>
}

// CHECK-LABEL: @step
// CHECK-NEXT: result 0: 2x4xf32
// CHECK-NEXT: {{^}}  16 16 16 16{{$}}
// CHECK-NEXT: {{^}}  16 16 16 16{{$}}
// CHECK-NEXT: result 1: 1x4xf32
// CHECK-NEXT: {{^}}  16 16 16 16{{$}}
func.func @step() -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %e = bitnet.embed @w::@embed : tensor<?x4xf32>
  %h = bitnet.repeat @double(%e) times 4 : tensor<?x4xf32>
  %g = bitnet.gather_logits %h : tensor<?x4xf32>
  return %h, %g : tensor<?x4xf32>, tensor<?x4xf32>
}
