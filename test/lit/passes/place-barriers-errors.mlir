// RUN: bitnet-opt %s --bitnet-place-barriers --verify-diagnostics

// Barriers are placed by the bytes that operations touch.
func.func @step(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{has no slots; plan memory first}}
  %y = bitnet.activation silu %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
