// RUN: bitnet-opt %s --bitnet-fuse-linears | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-fuse-linears --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @q quant ternary shape [80, 80] source "q"
  bitnet.weight @k quant ternary shape [48, 80] source "k"
  bitnet.weight @v quant ternary shape [48, 80] source "v"
  bitnet.weight @i quant int8 shape [48, 80] source "i"
}

// CHECK-LABEL: func.func @qkv
// CHECK: %[[R:.*]]:3 = bitnet.matmul {{.*}} [@layer::@q, @layer::@k, @layer::@v]
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @qkv(%x: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x48xf32>, tensor<?x48xf32>) {
  %c, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %q = bitnet.matmul %c scale %s sum %sum, [@layer::@q] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x80xf32>
  %k = bitnet.matmul %c scale %s sum %sum, [@layer::@k] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  %v = bitnet.matmul %c scale %s sum %sum, [@layer::@v] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  return %q, %k, %v : tensor<?x80xf32>, tensor<?x48xf32>, tensor<?x48xf32>
}

// Not fused: the inputs differ.
// CHECK-LABEL: func.func @two_inputs
// CHECK: bitnet.matmul {{.*}} [@layer::@q] :
// CHECK: bitnet.matmul {{.*}} [@layer::@k] :
func.func @two_inputs(%x: tensor<?x80xf32>, %y: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x48xf32>) {
  %c, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %d, %t, %tum = bitnet.quantize %y : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %q = bitnet.matmul %c scale %s sum %sum, [@layer::@q] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x80xf32>
  %k = bitnet.matmul %d scale %t sum %tum, [@layer::@k] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  return %q, %k : tensor<?x80xf32>, tensor<?x48xf32>
}

// Not fused: a residual is tied to one result.
// CHECK-LABEL: func.func @with_residual
// CHECK: bitnet.matmul {{.*}} [@layer::@q] residual
// CHECK: bitnet.matmul {{.*}} [@layer::@k] :
func.func @with_residual(%x: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x48xf32>) {
  %c, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %q = bitnet.matmul %c scale %s sum %sum, [@layer::@q] residual %x : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>, tensor<?x80xf32>) -> tensor<?x80xf32>
  %k = bitnet.matmul %c scale %s sum %sum, [@layer::@k] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  return %q, %k : tensor<?x80xf32>, tensor<?x48xf32>
}

// Not fused: two kinds of weights have two kernels.
// CHECK-LABEL: func.func @two_kinds
// CHECK: bitnet.matmul {{.*}} [@layer::@q] :
// CHECK: bitnet.matmul {{.*}} [@layer::@i] :
func.func @two_kinds(%x: tensor<?x80xf32>) -> (tensor<?x80xf32>, tensor<?x48xf32>) {
  %c, %s, %sum = bitnet.quantize %x : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %q = bitnet.matmul %c scale %s sum %sum, [@layer::@q] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x80xf32>
  %k = bitnet.matmul %c scale %s sum %sum, [@layer::@i] : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x48xf32>
  return %q, %k : tensor<?x80xf32>, tensor<?x48xf32>
}
