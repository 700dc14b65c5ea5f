// RUN: bitnet-opt %s --bitnet-decompose-linear | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-decompose-linear --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @t quant ternary shape [48, 80] source "t"
  bitnet.weight @i quant int8 shape [20, 80] scale_rows 20 source "i"
  bitnet.weight @b quant binary shape [48, 80] scale_rows 48 source "b"
  bitnet.weight @b64 quant binary shape [48, 128] scale_rows 48 group 64 source "b"
  bitnet.weight @g quant ternary shape [48, 80] scale_rows 48 group 16 half_scales source "g"
}

// CHECK-LABEL: func.func @int8
// CHECK: %[[Q:.*]], %[[S:.*]], %{{.*}} = bitnet.quantize %arg0 : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
// CHECK: %[[D:.*]] = bitnet.dot %[[Q]], @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x48xi32>
// CHECK: bitnet.dequantize %[[D]] scale %[[S]], @layer::@t
// CHECK-NOT: bitnet.linear
func.func @int8(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@t input int8 : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Two planes, so that a head keeps the precision of its input.
// CHECK-LABEL: func.func @int16
// CHECK: bitnet.quantize %arg0 : tensor<?x80xf32> -> tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>
// CHECK: bitnet.dot {{.*}} -> tensor<?x2x20xi32>
func.func @int16(%x: tensor<?x80xf32>) -> tensor<?x20xf32> {
  %y = bitnet.linear %x, @layer::@i input int16 : tensor<?x80xf32> -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// CHECK-LABEL: func.func @sign
// CHECK: %[[B:.*]] = bitnet.binarize %arg0
// CHECK: %[[P:.*]] = bitnet.pack %[[B]] : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
// CHECK: %[[D:.*]] = bitnet.dot %[[P]], @layer::@b : tensor<?x1x2xi64> -> tensor<?x1x48xi32>
// CHECK: bitnet.dequantize %[[D]], @layer::@b : tensor<?x1x48xi32> -> tensor<?x48xf32>
func.func @sign(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input sign : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Dots with these need the number of ones in each plane; those with signs do not.
// CHECK-LABEL: func.func @bit
// CHECK: %[[B:.*]] = bitnet.binarize %arg0 as bit : tensor<?x80xf32> -> tensor<?x1x80xi1>
// CHECK: %[[P:.*]], %{{.*}} = bitnet.pack %[[B]] : tensor<?x1x80xi1> -> tensor<?x1x2xi64> sum tensor<?x1xi32>
// CHECK: bitnet.dot %[[P]], @layer::@b as bit : tensor<?x1x2xi64> -> tensor<?x1x48xi32>
func.func @bit(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input bit : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @ternary
// CHECK: %[[B:.*]] = bitnet.binarize %arg0 as ternary : tensor<?x80xf32> -> tensor<?x2x80xi1>
// CHECK: %[[P:.*]], %{{.*}} = bitnet.pack %[[B]] : tensor<?x2x80xi1> -> tensor<?x2x2xi64> sum tensor<?x2xi32>
// CHECK: bitnet.dot %[[P]], @layer::@b as ternary : tensor<?x2x2xi64> -> tensor<?x1x48xi32>
func.func @ternary(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input ternary : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Ternary weights have planes of their own, which tell.
// CHECK-LABEL: func.func @ternary_weight
// CHECK: bitnet.pack %{{.*}} : tensor<?x2x80xi1> -> tensor<?x2x2xi64>{{$}}
// CHECK: bitnet.dot %{{.*}}, @layer::@t as ternary
func.func @ternary_weight(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@t input ternary : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Ones and dots of each group: [planes][groups], [groups].
// CHECK-LABEL: func.func @bit_groups
// CHECK: bitnet.pack %{{.*}} -> tensor<?x2x2xi64> sum tensor<?x4xi32>
// CHECK: bitnet.dot %{{.*}}, @layer::@b64 as ternary : tensor<?x2x2xi64> -> tensor<?x2x48xi32>
func.func @bit_groups(%x: tensor<?x128xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b64 input ternary : tensor<?x128xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @token_scale
// CHECK: %[[B:.*]], %[[S:.*]] = bitnet.binarize %arg0 : tensor<?x80xf32> -> tensor<?x1x80xi1> scale tensor<?xf32>
// CHECK: %[[P:.*]] = bitnet.pack %[[B]]
// CHECK: %[[D:.*]] = bitnet.dot %[[P]]
// CHECK: bitnet.dequantize %[[D]] scale %[[S]], @layer::@b : tensor<?x1x48xi32>, tensor<?xf32> -> tensor<?x48xf32>
func.func @token_scale(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input sign token_scale : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Binary weights take integer inputs too (W1A8).
// CHECK-LABEL: func.func @w1a8
// CHECK: bitnet.quantize %arg0 : tensor<?x80xf32> -> tensor<?x1x80xi8>
// CHECK: bitnet.dot {{.*}}, @layer::@b : tensor<?x1x80xi8> -> tensor<?x1x48xi32>
func.func @w1a8(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input int8 : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// A scale for every 16 columns: the dots of a group are kept apart.
// CHECK-LABEL: func.func @groups
// CHECK: bitnet.dot {{.*}}, @layer::@g : tensor<?x1x80xi8> -> tensor<?x5x48xi32>
// CHECK: bitnet.dequantize {{.*}}, @layer::@g : tensor<?x5x48xi32>, tensor<?xf32> -> tensor<?x48xf32>
func.func @groups(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@g input int8 : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// Two planes of a head with groups: [planes][groups].
// CHECK-LABEL: func.func @groups16
// CHECK: bitnet.dot {{.*}}, @layer::@g : tensor<?x2x80xi8> -> tensor<?x10x48xi32>
// CHECK: bitnet.dequantize {{.*}}, @layer::@g : tensor<?x10x48xi32>, tensor<?xf32> -> tensor<?x48xf32>
func.func @groups16(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@g input int16 : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// A token's scale and sums for every group too.
// CHECK-LABEL: func.func @by_group
// CHECK: %[[Q:.*]], %[[S:.*]], %{{.*}} = bitnet.quantize %arg0 : tensor<?x80xf32> -> tensor<?x2x80xi8>, tensor<?x5xf32>, tensor<?x10xi32>
// CHECK: bitnet.dequantize {{.*}} scale %[[S]], @layer::@g : tensor<?x10x48xi32>, tensor<?x5xf32> -> tensor<?x48xf32>
func.func @by_group(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@g input int16 by_group : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// The first BitNet's range of codes.
// CHECK-LABEL: func.func @range
// CHECK: bitnet.quantize %arg0 range shifted128
func.func @range(%x: tensor<?x80xf32>) -> tensor<?x48xf32> {
  %y = bitnet.linear %x, @layer::@b input int8 range shifted128 : tensor<?x80xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}
