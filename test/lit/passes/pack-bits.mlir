// RUN: bitnet-opt %s --bitnet-pack-bits | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-pack-bits --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [80] source "g"
  bitnet.weight @bias quant float shape [80] source "b"
}

// CHECK-LABEL: func.func @sign
// CHECK-NEXT: bitnet.sign_pack %arg0 : tensor<?x80xf32> -> tensor<?x2xi64>
// CHECK-NEXT: return
func.func @sign(%x: tensor<?x80xf32>) -> tensor<?x2xi64> {
  %b = bitnet.binarize %x : tensor<?x80xf32> -> tensor<?x80xi1>
  %p = bitnet.pack %b : tensor<?x80xi1> -> tensor<?x2xi64>
  return %p : tensor<?x2xi64>
}

// CHECK-LABEL: func.func @threshold
// CHECK-NEXT: bitnet.norm_sign_pack %arg0 gain @layer::@gain bias @layer::@bias eps
// CHECK-NEXT: return
func.func @threshold(%x: tensor<?x80xf32>) -> tensor<?x2xi64> {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x80xi1>
  %p = bitnet.pack %b : tensor<?x80xi1> -> tensor<?x2xi64>
  return %p : tensor<?x2xi64>
}

// Not fused with the norm: the normalised row has another reader.
// CHECK-LABEL: func.func @other_reader
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.sign_pack %[[N]]
func.func @other_reader(%x: tensor<?x80xf32>) -> (tensor<?x2xi64>, tensor<?x80xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x80xi1>
  %p = bitnet.pack %b : tensor<?x80xi1> -> tensor<?x2xi64>
  return %p, %n : tensor<?x2xi64>, tensor<?x80xf32>
}

// Not fused: bits that do not come from a sign.
// CHECK-LABEL: func.func private @other_bits
// CHECK: bitnet.pack %arg0
func.func private @other_bits(%b: tensor<?x80xi1>) -> tensor<?x2xi64> {
  %p = bitnet.pack %b : tensor<?x80xi1> -> tensor<?x2xi64>
  return %p : tensor<?x2xi64>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: bitnet.norm_sign_pack %arg0 centred eps
func.func @layer_norm(%x: tensor<?x80xf32>) -> tensor<?x2xi64> {
  %n = bitnet.rms_norm %x centred eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x80xi1>
  %p = bitnet.pack %b : tensor<?x80xi1> -> tensor<?x2xi64>
  return %p : tensor<?x2xi64>
}
