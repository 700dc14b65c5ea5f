// Two kinds of layers, one after the other: each kind reads the instances of
// its own record from 0, and KV operations go on counting layers, so rows of
// different widths do not meet in one cache.
// RUN: bitnet-opt %s --interpret=step --interpret-tokens=20 | FileCheck %s

// CHECK: @step
// CHECK-NEXT: result 0: 20x32xf32 hash [[H:0x.*]]
// CHECK: result 1: 20x32xf32 hash [[H]]

bitnet.record @wide count 2 {
  bitnet.weight @q quant ternary shape [32, 32] source "q"
}
bitnet.record @narrow count 3 {
  bitnet.weight @kv quant ternary shape [16, 32] source "kv"
}
func.func @wide_fn(%h: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %q = bitnet.linear %h, @wide::@q input int8 : tensor<?x32xf32> -> tensor<?x32xf32>
  bitnet.kv_append %q, %h head_dim 16 : tensor<?x32xf32>
  %0 = bitnet.attention %q heads 2 kv_heads 2 head_dim 16 : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
func.func @narrow_fn(%h: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %k = bitnet.linear %h, @narrow::@kv input int8 : tensor<?x32xf32> -> tensor<?x16xf32>
  bitnet.kv_append %k, %k head_dim 16 : tensor<?x16xf32>
  %0 = bitnet.attention %h heads 2 kv_heads 1 head_dim 16 : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
// Called directly, layers go on counting just the same.
func.func @both(%h: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = bitnet.repeat @wide_fn(%h) times 2 : tensor<?x32xf32>
  %1 = bitnet.repeat @narrow_fn(%0) times 3 : tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}
func.func @step(%h: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %0 = bitnet.repeat @wide_fn(%h) times 2 : tensor<?x32xf32>
  %1 = bitnet.repeat @narrow_fn(%0) times 3 : tensor<?x32xf32>
  %2 = call @both(%h) : (tensor<?x32xf32>) -> tensor<?x32xf32>
  return %1, %2 : tensor<?x32xf32>, tensor<?x32xf32>
}
