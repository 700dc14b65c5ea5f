// RUN: bitnet-opt %s --bitnet-pack-epilogue | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-pack-epilogue --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @gate quant binary shape [80, 64] scale_rows 80 source "g"
  bitnet.weight @up quant binary shape [80, 64] scale_rows 80 source "u"
  bitnet.weight @down quant binary shape [64, 80] scale_rows 1 source "d"
  bitnet.weight @head quant int8 shape [80, 64] scale_rows 80 source "h"
}

// CHECK-LABEL: func.func @product
// CHECK: %[[B:.*]] = bitnet.matmul %{{.*}}, [@layer::@up] packs sign : (tensor<?x1x1xi64>) -> tensor<?x1x2xi64>
// CHECK-NEXT: return %[[B]]
func.func @product(%x: tensor<?x64xf32>) -> tensor<?x1x2xi64> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64>
  return %b : tensor<?x1x2xi64>
}

// CHECK-LABEL: func.func @gate
// CHECK: bitnet.matmul %{{.*}}, [@layer::@gate, @layer::@up] glu silu packs sign
// CHECK-NEXT: return
func.func @gate(%x: tensor<?x64xf32>) -> tensor<?x1x2xi64> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@gate, @layer::@up] glu silu : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64>
  return %b : tensor<?x1x2xi64>
}

// The residual stream has other readers: both are stored.
// CHECK-LABEL: func.func @residual
// CHECK: %[[H:.*]]:2 = bitnet.matmul %{{.*}}, [@layer::@down] residual %arg1 packs sign
// CHECK-NEXT: return %[[H]]#1, %[[H]]#0
func.func @residual(%x: tensor<?x80xf32>, %r: tensor<?x64xf32>) -> (tensor<?x1x1xi64>, tensor<?x64xf32>) {
  %p = bitnet.pack_bits %x : tensor<?x80xf32> -> tensor<?x1x2xi64>
  %h = bitnet.matmul %p, [@layer::@down] residual %r : (tensor<?x1x2xi64>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %b = bitnet.pack_bits %h : tensor<?x64xf32> -> tensor<?x1x1xi64>
  return %b, %h : tensor<?x1x1xi64>, tensor<?x64xf32>
}

// Two planes.
// CHECK-LABEL: func.func @ternary
// CHECK: bitnet.matmul %{{.*}}, [@layer::@up] packs ternary : (tensor<?x1x1xi64>) -> tensor<?x2x2xi64>
func.func @ternary(%x: tensor<?x64xf32>) -> tensor<?x2x2xi64> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b = bitnet.pack_bits %y as ternary : tensor<?x80xf32> -> tensor<?x2x2xi64>
  return %b : tensor<?x2x2xi64>
}

// Packed in two ways: one in the epilogue, the other from the rows.
// CHECK-LABEL: func.func @twice
// CHECK: %[[Y:.*]]:2 = bitnet.matmul %{{.*}}, [@layer::@up] packs bit
// CHECK-NEXT: %[[B:.*]] = bitnet.pack_bits %[[Y]]#0
// CHECK-NEXT: return %[[B]], %[[Y]]#1
func.func @twice(%x: tensor<?x64xf32>) -> (tensor<?x1x2xi64>, tensor<?x1x2xi64>) {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64>
  %c = bitnet.pack_bits %y as bit : tensor<?x80xf32> -> tensor<?x1x2xi64>
  return %b, %c : tensor<?x1x2xi64>, tensor<?x1x2xi64>
}

// Not folded: a scale or a sum is of the whole row.
// CHECK-LABEL: func.func @token_scale
// CHECK: bitnet.matmul
// CHECK-NEXT: bitnet.pack_bits
func.func @token_scale(%x: tensor<?x64xf32>) -> (tensor<?x1x2xi64>, tensor<?xf32>) {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b, %s = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64> scale tensor<?xf32>
  return %b, %s : tensor<?x1x2xi64>, tensor<?xf32>
}

// CHECK-LABEL: func.func @sum
// CHECK: bitnet.matmul
// CHECK-NEXT: bitnet.pack_bits
func.func @sum(%x: tensor<?x64xf32>) -> (tensor<?x1x2xi64>, tensor<?x1xi32>) {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %b, %s = bitnet.pack_bits %y as bit : tensor<?x80xf32> -> tensor<?x1x2xi64> sum tensor<?x1xi32>
  return %b, %s : tensor<?x1x2xi64>, tensor<?x1xi32>
}

// Not folded: two products.
// CHECK-LABEL: func.func @two_products
// CHECK: bitnet.matmul
// CHECK: bitnet.pack_bits
func.func @two_products(%x: tensor<?x64xf32>) -> (tensor<?x1x2xi64>, tensor<?x80xf32>) {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %y, %z = bitnet.matmul %p, [@layer::@gate, @layer::@up] : (tensor<?x1x1xi64>) -> (tensor<?x80xf32>, tensor<?x80xf32>)
  %b = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64>
  return %b, %z : tensor<?x1x2xi64>, tensor<?x80xf32>
}

// Not folded: int8 rows are summed one by one, not 16 in lanes.
// CHECK-LABEL: func.func @int8
// CHECK: bitnet.matmul
// CHECK-NEXT: bitnet.pack_bits
func.func @int8(%x: tensor<?x64xf32>) -> tensor<?x1x2xi64> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@head] : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x80xf32>
  %b = bitnet.pack_bits %y : tensor<?x80xf32> -> tensor<?x1x2xi64>
  return %b : tensor<?x1x2xi64>
}
