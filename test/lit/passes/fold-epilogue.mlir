// RUN: bitnet-opt %s --bitnet-fold-epilogue | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-fold-epilogue --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @t quant ternary shape [80, 80] source "t"
  bitnet.weight @u quant ternary shape [80, 80] source "u"
  bitnet.weight @g quant binary shape [80, 80] scale_rows 80 group 40 source "g"
  bitnet.weight @b quant binary shape [80, 80] scale_rows 80 source "b"
}

// CHECK-LABEL: func.func @scale
// CHECK: %[[Q:.*]], %[[S:.*]], %[[SUM:.*]] = bitnet.quantize
// CHECK-NEXT: bitnet.matmul %[[Q]] scale %[[S]] sum %[[SUM]], [@layer::@t]
// CHECK-NEXT: return
func.func @scale(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %q, @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @residual
// CHECK: bitnet.matmul {{.*}} [@layer::@t] residual %arg0
// CHECK-NOT: bitnet.add
func.func @residual(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %q, @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  %h = bitnet.add %x, %y : tensor<?x80xf32>
  return %h : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @residual_of_bits
// CHECK: bitnet.matmul %{{.*}}, [@layer::@b] residual %arg0
// CHECK-NOT: bitnet.add
func.func @residual_of_bits(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %p = bitnet.pack_bits %x : tensor<?x80xf32> -> tensor<?x1x2xi64>
  %d = bitnet.dot %p, @layer::@b : tensor<?x1x2xi64> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d, @layer::@b : tensor<?x1x80xi32> -> tensor<?x80xf32>
  %h = bitnet.add %y, %x : tensor<?x80xf32>
  return %h : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @ternary_bits
// CHECK: %[[P:.*]], %[[SUM:.*]] = bitnet.pack_bits
// CHECK-NEXT: bitnet.matmul %[[P]] sum %[[SUM]], [@layer::@b] as ternary
// CHECK-NEXT: return
func.func @ternary_bits(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %p, %sum = bitnet.pack_bits %x as ternary : tensor<?x80xf32> -> tensor<?x2x2xi64> sum tensor<?x2xi32>
  %d = bitnet.dot %p, @layer::@b as ternary : tensor<?x2x2xi64> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d, @layer::@b : tensor<?x1x80xi32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @token_scale
// CHECK: %[[P:.*]], %[[T:.*]] = bitnet.pack_bits
// CHECK-NEXT: bitnet.matmul %[[P]] scale %[[T]], [@layer::@b] :
// CHECK-NEXT: return
func.func @token_scale(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %p, %t = bitnet.pack_bits %x : tensor<?x80xf32> -> tensor<?x1x2xi64> scale tensor<?xf32>
  %d = bitnet.dot %p, @layer::@b : tensor<?x1x2xi64> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %t, @layer::@b : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}

// Not folded: whoever packed the bits did not count them.
// CHECK-LABEL: func.func @uncounted_bits
// CHECK: bitnet.dot
// CHECK: bitnet.dequantize
func.func @uncounted_bits(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %p = bitnet.pack_bits %x as bit : tensor<?x80xf32> -> tensor<?x1x2xi64>
  %d = bitnet.dot %p, @layer::@b as bit : tensor<?x1x2xi64> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d, @layer::@b : tensor<?x1x80xi32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}

// CHECK-LABEL: func.func @groups
// CHECK: bitnet.matmul {{.*}} [@layer::@g] residual %arg0
// CHECK-NOT: bitnet.add
func.func @groups(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %q, @layer::@g : tensor<?x1x80xi8> -> tensor<?x2x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@g : tensor<?x2x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  %h = bitnet.add %x, %y : tensor<?x80xf32>
  return %h : tensor<?x80xf32>
}

// Only one of two products can take the other as its residual.
// CHECK-LABEL: func.func @sum_of_products
// CHECK: %[[A:.*]] = bitnet.matmul {{.*}} [@layer::@t]
// CHECK: bitnet.matmul {{.*}} [@layer::@u] residual %[[A]]
// CHECK-NOT: bitnet.add
func.func @sum_of_products(%x: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %q, @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  %e = bitnet.dot %q, @layer::@u : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %z = bitnet.dequantize %e scale %s, @layer::@u : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  %h = bitnet.add %y, %z : tensor<?x80xf32>
  return %h : tensor<?x80xf32>
}

// Not folded: the product itself is needed.
// CHECK-LABEL: func.func @product_read_twice
// CHECK: bitnet.matmul {{.*}} [@layer::@t] :
// CHECK: bitnet.add
func.func @product_read_twice(%x: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x80xf32>) {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d = bitnet.dot %q, @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  %h = bitnet.add %x, %y : tensor<?x80xf32>
  return %h, %y : tensor<?x80xf32>, tensor<?x80xf32>
}

// Not folded: the sums of codes from elsewhere are unknown.
// CHECK-LABEL: func.func private @codes_from_elsewhere
// CHECK: bitnet.dot
// CHECK: bitnet.dequantize
func.func private @codes_from_elsewhere(%q: tensor<?x1x80xi8>, %s: tensor<?xf32>) -> tensor<?x80xf32> {
  %d = bitnet.dot %q, @layer::@t : tensor<?x1x80xi8> -> tensor<?x1x80xi32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x1x80xi32>, tensor<?xf32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}
