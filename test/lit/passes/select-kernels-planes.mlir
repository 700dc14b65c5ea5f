// Codes are multiplied with bits masked in place; a kernel that counts bits, if its
// layout is asked for, reads them as planes.
// RUN: bitnet-opt %s --bitnet-select-kernels=target=znver4 | FileCheck %s --check-prefix=CODES
// RUN: bitnet-opt %s --bitnet-select-kernels="target=znver4 layout=bit1_r16" | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.codes
// RUN: bitnet-opt %s --bitnet-select-kernels="target=znver4 layout=bit1_r16" --interpret > %t.planes
// RUN: diff %t.codes %t.planes

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [20, 100] scale_rows 20 source "w"
  bitnet.weight @groups quant binary shape [20, 128] scale_rows 20 group 64 source "g"
  bitnet.weight @t quant ternary shape [20, 100] source "t"
}

// CODES-NOT: pack_codes
// CODES: [@layer::@w] kernel "sign1_vnni"
// CHECK-LABEL: func.func @codes
// CHECK: %[[Q:.*]], %[[S:.*]], %[[SUM:.*]] = bitnet.quantize
// CHECK: %[[P:.*]] = bitnet.pack_codes %[[Q]] : tensor<?x1x100xi8> -> tensor<?x8x2xi64>
// CHECK: bitnet.matmul %[[P]] scale %[[S]] sum %[[SUM]], [@layer::@w] as int8 kernel "bit1_i8_vpopcntdq"
func.func @codes(%x: tensor<?x100xf32>) -> tensor<?x20xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x100xf32> -> tensor<?x1x100xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@w] : (tensor<?x1x100xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// Not with scales for groups, which that kernel has not.
// CHECK-LABEL: func.func @groups
// CHECK-NOT: pack_codes
// CHECK: [@layer::@groups] kernel "sign1_vnni"
func.func @groups(%x: tensor<?x128xf32>) -> tensor<?x20xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x128xf32> -> tensor<?x1x128xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@groups] : (tensor<?x1x128xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// Nor of ternary weights.
// CHECK-LABEL: func.func @ternary
// CHECK-NOT: pack_codes
// CHECK: [@layer::@t] kernel "trit5_vbmi"
func.func @ternary(%x: tensor<?x100xf32>) -> tensor<?x20xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x100xf32> -> tensor<?x1x100xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@t] : (tensor<?x1x100xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}
