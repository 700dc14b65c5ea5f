// RUN: bitnet-opt %s --bitnet-select-kernels=target=znver4 | FileCheck %s --check-prefixes=CHECK,ZNVER4
// RUN: bitnet-opt %s --bitnet-select-kernels=target=generic | FileCheck %s --check-prefixes=CHECK,GENERIC
// RUN: bitnet-opt %s --bitnet-select-kernels="target=znver4 layout=trit2_r64" | FileCheck %s --check-prefixes=CHECK,TRIT2
// RUN: bitnet-opt %s --bitnet-select-kernels="target=znver4 shared=generic,znver4" | FileCheck %s --check-prefixes=CHECK,SHARED

// Weights lie one after the other, each on a cache line; records on a page.
// CHECK: bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 25600 : i64}
// CHECK: @embed {{.*}} layout u8_row at 0 scale_at 24576
// CHECK: @gain {{.*}} layout f32 at 25088
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [100, 160] scale_rows 100 source "e"
  bitnet.weight @gain quant float shape [80] source "g"
}
// CHECK: bitnet.record @layer count 3 attributes {offset = 28672 : i64
// ZNVER4: @t {{.*}} layout trit5_r80 at 0 scale_at 2560
// GENERIC: @t {{.*}} layout trit2_r64 at 0 scale_at 5120
// TRIT2: @t {{.*}} layout trit2_r64 at 0 scale_at 5120
// A bit layout keeps a scale a row, so that pad rows are zero.
// ZNVER4: @b quant binary shape [20, 160] scale_rows 20 source "b" layout bit1_r16 at 2624 scale_at 3392
// GENERIC: @b quant binary shape [20, 160] scale_rows 20 source "b" layout bit1_r16 at 5184 scale_at 5952
bitnet.record @layer count 3 {
  bitnet.weight @t quant ternary shape [80, 160] source "t"
  bitnet.weight @b quant binary shape [20, 160] source "b"
}

// Embeddings of few bits: the layout of the head that is tied to it, or else the
// one that a head would want. Scales of groups lie after the codes.
// CHECK: @tied {{.*}} layout trit2_r64 at 0 scale_at 5120
// CHECK: @alone quant binary shape [100, 160] scale_rows 100 source "a" layout bit1_r64
bitnet.record @packed count 1 {
  bitnet.weight @tied quant ternary shape [100, 160] scale_rows 100 group 80 half_scales source "t"
  bitnet.weight @alone quant binary shape [100, 160] source "a"
}
func.func @embed(%x: tensor<?x160xf32>) -> (tensor<?x160xf32>, tensor<?x160xf32>, tensor<?x100xf32>) {
  %t = bitnet.embed @packed::@tied : tensor<?x160xf32>
  %a = bitnet.embed @packed::@alone : tensor<?x160xf32>
  %q, %s, %sum = bitnet.quantize %x : tensor<?x160xf32> -> tensor<?x2x160xi8>, tensor<?xf32>, tensor<?x2xi32>
  %l = bitnet.matmul %q scale %s sum %sum, [@packed::@tied] : (tensor<?x2x160xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x100xf32>
  return %t, %a, %l : tensor<?x160xf32>, tensor<?x160xf32>, tensor<?x100xf32>
}

// Ternary weights with bits: two planes of words.
// CHECK: @planes quant ternary shape [20, 160] source "p" layout trit2_r16
bitnet.record @bits count 1 {
  bitnet.weight @planes quant ternary shape [20, 160] source "p"
}
// CHECK-LABEL: func.func @ternary_bits
// ZNVER4: [@bits::@planes] kernel "trit2_sign_vpopcntdq"
// GENERIC: [@bits::@planes] kernel "trit2_sign_generic"
func.func @ternary_bits(%x: tensor<?x160xf32>) -> tensor<?x20xf32> {
  %p = bitnet.pack_bits %x : tensor<?x160xf32> -> tensor<?x1x3xi64>
  %y = bitnet.matmul %p, [@bits::@planes] : (tensor<?x1x3xi64>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// CHECK-LABEL: func.func @kernels
// ZNVER4: [@layer::@t] kernel "trit5_vbmi"
// ZNVER4: [@layer::@b] kernel "bit1_vpopcntdq"
// ZNVER4: [@globals::@embed] kernel "u8_vnni"
// Weights that code for a poorer CPU reads too have a layout for that.
// SHARED: [@layer::@t] kernel "trit2_vnni"
// SHARED: [@layer::@b] kernel "bit1_vpopcntdq"
// SHARED: [@globals::@embed] kernel "u8_vnni"
// A layout that is asked for comes before the first row of the table.
// TRIT2: [@layer::@t] kernel "trit2_vnni"
// TRIT2: [@layer::@b] kernel "bit1_vpopcntdq"
// GENERIC: [@layer::@t] kernel "trit2_generic"
// GENERIC: [@layer::@b] kernel "bit1_generic"
// GENERIC: [@globals::@embed] kernel "u8_generic"
func.func @kernels(%x: tensor<?x160xf32>) -> (tensor<?x80xf32>, tensor<?x20xf32>, tensor<?x100xf32>) {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x160xf32> -> tensor<?x1x160xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@t] : (tensor<?x1x160xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x80xf32>
  %p = bitnet.pack_bits %x : tensor<?x160xf32> -> tensor<?x1x3xi64>
  %z = bitnet.matmul %p, [@layer::@b] : (tensor<?x1x3xi64>) -> tensor<?x20xf32>
  %q2, %s2, %sum2 = bitnet.quantize %x : tensor<?x160xf32> -> tensor<?x2x160xi8>, tensor<?xf32>, tensor<?x2xi32>
  %l = bitnet.matmul %q2 scale %s2 sum %sum2, [@globals::@embed] : (tensor<?x2x160xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x100xf32>
  return %y, %z, %l : tensor<?x80xf32>, tensor<?x20xf32>, tensor<?x100xf32>
}
