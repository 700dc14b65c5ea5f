// RUN: bitnet-opt %s --bitnet-place-barriers | FileCheck %s

// An item is the same token in all of these, but a token's codes lie
// where other tokens' floats were: those must have been read by then.
// CHECK-LABEL: func.func @step
// CHECK-NEXT: bitnet.activation
// CHECK-NEXT: bitnet.activation
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.quantize
// CHECK-NEXT: return
func.func @step(%x: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x64xf32> {
  %a = bitnet.activation silu %x {bitnet.slots = array<i64: 256>} : tensor<?x64xf32>
  %b = bitnet.activation silu %a {bitnet.slots = array<i64: 256>} : tensor<?x64xf32>
  %q, %s, %sum = bitnet.quantize %b {bitnet.slots = array<i64: 0, 64, 128>} : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %b : tensor<?x64xf32>
}
