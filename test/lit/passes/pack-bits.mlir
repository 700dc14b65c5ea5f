// RUN: bitnet-opt %s --bitnet-pack-bits | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-pack-bits --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [80] source "g"
  bitnet.weight @bias quant float shape [80] source "b"
}

// CHECK-LABEL: func.func @sign
// CHECK-NEXT: bitnet.pack_bits %arg0 : tensor<?x80xf32> -> tensor<?x1x2xi64>
// CHECK-NEXT: return
func.func @sign(%x: tensor<?x80xf32>) -> tensor<?x1x2xi64> {
  %b = bitnet.binarize %x : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}

// CHECK-LABEL: func.func @threshold
// CHECK-NEXT: bitnet.norm_pack_bits %arg0 gain @layer::@gain bias @layer::@bias eps
// CHECK-NEXT: return
func.func @threshold(%x: tensor<?x80xf32>) -> tensor<?x1x2xi64> {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}

// A gain with negative elements, of which fold-norm-into-sign left this.
// CHECK-LABEL: func.func @unscaled
// CHECK-NEXT: bitnet.norm_pack_bits %arg0 unscaled gain @layer::@gain eps
// CHECK-NEXT: return
func.func @unscaled(%x: tensor<?x80xf32>) -> tensor<?x1x2xi64> {
  %n = bitnet.rms_norm %x unscaled gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}

// Two planes and the number of ones in each.
// CHECK-LABEL: func.func @ternary
// CHECK-NEXT: bitnet.norm_pack_bits %arg0 gain @layer::@gain eps {{.*}} as ternary : tensor<?x80xf32> -> tensor<?x2x2xi64> sum tensor<?x2xi32>
// CHECK-NEXT: return
func.func @ternary(%x: tensor<?x80xf32>) -> (tensor<?x2x2xi64>, tensor<?x2xi32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n as ternary : tensor<?x80xf32> -> tensor<?x2x80xi1>
  %p, %s = bitnet.pack %b : tensor<?x2x80xi1> -> tensor<?x2x2xi64> sum tensor<?x2xi32>
  return %p, %s : tensor<?x2x2xi64>, tensor<?x2xi32>
}

// A scale for each token is of the normalised row.
// CHECK-LABEL: func.func @token_scale
// CHECK-NEXT: bitnet.norm_pack_bits %arg0 gain @layer::@gain eps {{.*}} as bit : tensor<?x80xf32> -> tensor<?x1x2xi64> scale tensor<?xf32> sum tensor<?x1xi32>
// CHECK-NEXT: return
func.func @token_scale(%x: tensor<?x80xf32>) -> (tensor<?x1x2xi64>, tensor<?x1xi32>, tensor<?xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %b, %t = bitnet.binarize %n as bit : tensor<?x80xf32> -> tensor<?x1x80xi1> scale tensor<?xf32>
  %p, %s = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64> sum tensor<?x1xi32>
  return %p, %s, %t : tensor<?x1x2xi64>, tensor<?x1xi32>, tensor<?xf32>
}

// Not fused: the scale would be made twice.
// CHECK-LABEL: func.func @two_packs
// CHECK: %[[B:.*]], %{{.*}} = bitnet.binarize
// CHECK: bitnet.pack %[[B]]
// CHECK: bitnet.pack %[[B]]
func.func @two_packs(%x: tensor<?x80xf32>) -> (tensor<?x1x2xi64>, tensor<?x1xi32>, tensor<?x1x2xi64>, tensor<?xf32>) {
  %b, %t = bitnet.binarize %x as bit : tensor<?x80xf32> -> tensor<?x1x80xi1> scale tensor<?xf32>
  %p, %s = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64> sum tensor<?x1xi32>
  %q = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p, %s, %q, %t : tensor<?x1x2xi64>, tensor<?x1xi32>, tensor<?x1x2xi64>, tensor<?xf32>
}

// Not fused with the norm: the normalised row has another reader.
// CHECK-LABEL: func.func @other_reader
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.pack_bits %[[N]]
func.func @other_reader(%x: tensor<?x80xf32>) -> (tensor<?x1x2xi64>, tensor<?x80xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p, %n : tensor<?x1x2xi64>, tensor<?x80xf32>
}

// Not fused: bits that do not come from a sign.
// CHECK-LABEL: func.func private @other_bits
// CHECK: bitnet.pack %arg0
func.func private @other_bits(%b: tensor<?x1x80xi1>) -> tensor<?x1x2xi64> {
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: bitnet.norm_pack_bits %arg0 centred eps
func.func @layer_norm(%x: tensor<?x80xf32>) -> tensor<?x1x2xi64> {
  %n = bitnet.rms_norm %x centred eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %p = bitnet.pack %b : tensor<?x1x80xi1> -> tensor<?x1x2xi64>
  return %p : tensor<?x1x2xi64>
}
