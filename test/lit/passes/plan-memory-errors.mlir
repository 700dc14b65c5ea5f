// RUN: bitnet-opt %s --bitnet-plan-memory --split-input-file --verify-diagnostics

// The caller's value is overwritten by the layers, so nothing else may read it.
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [100, 64] scale_rows 100 source "e"
}
func.func @step() -> tensor<?x64xf32> {
  %0 = bitnet.embed @globals::@embed : tensor<?x64xf32>
  // expected-error @+1 {{input must have no other reader}}
  %1 = bitnet.repeat @layer_step(%0) times 3 : tensor<?x64xf32>
  %2 = bitnet.add %0, %1 : tensor<?x64xf32>
  return %2 : tensor<?x64xf32>
}
func.func private @layer_step(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  return %h : tensor<?x64xf32>
}

// -----

// A layer that does not end in its argument's place cannot be repeated.
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [100, 64] scale_rows 100 source "e"
  bitnet.weight @gain quant float shape [64] source "g"
}
func.func @step() -> tensor<?x64xf32> {
  %0 = bitnet.embed @globals::@embed : tensor<?x64xf32>
  %1 = bitnet.repeat @layer_step(%0) times 3 : tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
// expected-error @+1 {{layer result is not computed in place of its argument}}
func.func private @layer_step(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = bitnet.rms_norm %h gain @globals::@gain eps 1.0e-5 : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}
