// RUN: bitnet-opt %s --bitnet-place-barriers | FileCheck %s

bitnet.record @model count 1 {
  bitnet.weight @rope quant float shape [64, 16] source "rope"
}

// Halves of rows are the items of both: 2 heads of one, 1 head of the other.
// CHECK-LABEL: func.func @common_items
// CHECK-NEXT: bitnet.rope
// CHECK-NEXT: bitnet.rope
// CHECK-NEXT: return
func.func @common_items(%q: tensor<?x64xf32> {bitnet.slot = 0 : i64}, %k: tensor<?x32xf32> {bitnet.slot = 256 : i64}) -> tensor<?x64xf32> {
  %qr = bitnet.rope %q, @model::@rope half head_dim 16 {bitnet.slots = array<i64: 0>} : tensor<?x64xf32>
  %kr = bitnet.rope %k, @model::@rope half head_dim 16 {bitnet.slots = array<i64: 256>} : tensor<?x32xf32>
  return %qr : tensor<?x64xf32>
}

// 4 and 3 heads have only the whole row in common, and one item a row would
// leave threads idle.
// CHECK-LABEL: func.func @no_common_items
// CHECK-NEXT: bitnet.rope
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.rope
func.func @no_common_items(%q: tensor<?x64xf32> {bitnet.slot = 0 : i64}, %k: tensor<?x48xf32> {bitnet.slot = 256 : i64}) -> tensor<?x64xf32> {
  %qr = bitnet.rope %q, @model::@rope half head_dim 16 {bitnet.slots = array<i64: 0>} : tensor<?x64xf32>
  %kr = bitnet.rope %k, @model::@rope half head_dim 16 {bitnet.slots = array<i64: 256>} : tensor<?x48xf32>
  return %qr : tensor<?x64xf32>
}

// Rows of logits are not the rows of tokens.
// CHECK-LABEL: func.func @other_rows
// CHECK-NEXT: bitnet.activation
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.gather_logits
// CHECK-NEXT: bitnet.activation
// CHECK-NEXT: return
func.func @other_rows(%x: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x64xf32> {
  %a = bitnet.activation silu %x {bitnet.slots = array<i64: 256>} : tensor<?x64xf32>
  %g = bitnet.gather_logits %x {bitnet.slots = array<i64: 512>} : tensor<?x64xf32>
  %b = bitnet.activation silu %g {bitnet.slots = array<i64: 512>} : tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}
