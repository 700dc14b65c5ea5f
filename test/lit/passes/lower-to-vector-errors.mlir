// RUN: bitnet-opt %s --bitnet-lower-to-vector --split-input-file --verify-diagnostics

// Only what the fusing passes leave has a vector form.
func.func @step(%x: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x1x64xi1> {
  // expected-error @+1 {{has no vector form; run the fusing passes (bitnet-fuse) first}}
  %y = bitnet.binarize %x {bitnet.slots = array<i64: 256>} : tensor<?x64xf32> -> tensor<?x1x64xi1>
  return %y : tensor<?x1x64xi1>
}

// -----

func.func @step(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{has no slots; plan memory first}}
  %y = bitnet.activation silu %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 attributes {offset = 0 : i64, stride = 1088 : i64} {
  bitnet.weight @b quant binary shape [64, 64] scale_rows 64 source "b" layout bit1_r16 at 0 scale_at 512
}
func.func @step(%x: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x64xf32> {
  %p = bitnet.pack_bits %x {bitnet.slots = array<i64: 256>} : tensor<?x64xf32> -> tensor<?x1x1xi64>
  // expected-error @+1 {{has no kernel; select kernels first}}
  %y = bitnet.matmul %p, [@layer::@b] {bitnet.slots = array<i64: 320>} : (tensor<?x1x1xi64>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// The KV cache has one numbering of layers.
func.func @step(%x: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x64xf32> {
  %0 = bitnet.repeat @layer_step(%x) times 2 {bitnet.slots = array<i64: 0>} : tensor<?x64xf32>
  // expected-error @+1 {{a model has one repeat; this is another}}
  %1 = bitnet.repeat @layer_step(%0) times 2 {bitnet.slots = array<i64: 0>} : tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
func.func private @layer_step(%h: tensor<?x64xf32> {bitnet.slot = 0 : i64}) -> tensor<?x64xf32> {
  return %h : tensor<?x64xf32>
}
