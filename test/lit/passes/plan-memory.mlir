// RUN: bitnet-opt %s --bitnet-plan-memory | FileCheck %s

// Slots are bytes per token. The residual stream lies at 0 and is updated in
// place; a layer's own values start behind it and reuse each other's places.
// CHECK: bitnet.workspace_per_token = 1280
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [100, 80] scale_rows 100 source "e"
}
bitnet.record @layer count 3 {
  bitnet.weight @t quant ternary shape [80, 80] source "t"
}

// CHECK-LABEL: func.func @step
// CHECK: bitnet.embed {{.*}} {bitnet.slots = array<i64: 0>}
// CHECK: bitnet.repeat {{.*}} {bitnet.slots = array<i64: 0>}
// CHECK: bitnet.quantize {{.*}} {bitnet.slots = array<i64: 512, 768, 832>}
// The last value is the caller's logits.
// CHECK: bitnet.matmul {{.*}} {bitnet.slots = array<i64: -1>}
func.func @step() -> tensor<?x100xf32> {
  %0 = bitnet.embed @globals::@embed : tensor<?x80xf32>
  %1 = bitnet.repeat @layer_step(%0) times 3 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %1 : tensor<?x80xf32> -> tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>
  %2 = bitnet.matmul %q scale %s sum %sum, [@globals::@embed] : (tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x100xf32>
  return %2 : tensor<?x100xf32>
}

// CHECK-LABEL: func.func private @layer_step
// CHECK-SAME: %arg0: tensor<?x80xf32> {bitnet.slot = 0 : i64}
// 80 columns are padded to 128: 512 bytes of floats, 128 of codes.
// CHECK: bitnet.activation {{.*}} {bitnet.slots = array<i64: 512>}
// CHECK: bitnet.quantize {{.*}} {bitnet.slots = array<i64: 1024, 1152, 1216>}
// CHECK: bitnet.matmul {{.*}} residual %arg0 {bitnet.slots = array<i64: 0>}
func.func private @layer_step(%h: tensor<?x80xf32>) -> tensor<?x80xf32> {
  %a = bitnet.activation silu %h : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %a : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@layer::@t] residual %h : (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>, tensor<?x80xf32>) -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}
