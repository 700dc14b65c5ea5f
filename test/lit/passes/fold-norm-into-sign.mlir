// RUN: bitnet-opt %s --bitnet-fold-norm-into-sign | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-fold-norm-into-sign --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @positive quant float shape [80] positive source "g"
  bitnet.weight @mixed quant float shape [80] source "h"
  bitnet.weight @bias quant float shape [80] source "b"
}

// CHECK-LABEL: func.func @dropped
// CHECK-NOT: rms_norm
// CHECK: bitnet.binarize %arg0
func.func @dropped(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@positive eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// The norm stays for its other reader; the sign no longer waits for it.
// CHECK-LABEL: func.func @other_reader
// CHECK: bitnet.rms_norm %arg0
// CHECK: bitnet.binarize %arg0
func.func @other_reader(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi1>, tensor<?x80xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@positive eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b, %n : tensor<?x1x80xi1>, tensor<?x80xf32>
}

// A negative gain flips the sign of its column; the rest of the norm goes.
// CHECK-LABEL: func.func @negative_gain
// CHECK: %[[N:.*]] = bitnet.rms_norm %arg0 unscaled gain @layer::@mixed
// CHECK: bitnet.binarize %[[N]]
func.func @negative_gain(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@mixed eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// Two signs of one norm, as q and v have.
// CHECK-LABEL: func.func @two_signs
// CHECK: %[[N:.*]] = bitnet.rms_norm %arg0 unscaled gain @layer::@mixed
// CHECK: bitnet.binarize %[[N]]
// CHECK: bitnet.binarize %[[N]]
func.func @two_signs(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi1>, tensor<?x1x80xi1>) {
  %n = bitnet.rms_norm %x gain @layer::@mixed eps 1.0e-5 : tensor<?x80xf32>
  %a = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %a, %b : tensor<?x1x80xi1>, tensor<?x1x80xi1>
}

// Not folded: with a negative gain, and another reader of the whole norm.
// CHECK-LABEL: func.func @negative_gain_other_reader
// CHECK: %[[N:.*]] = bitnet.rms_norm %arg0 gain @layer::@mixed
// CHECK: bitnet.binarize %[[N]]
func.func @negative_gain_other_reader(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi1>, tensor<?x80xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@mixed eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b, %n : tensor<?x1x80xi1>, tensor<?x80xf32>
}

// Not folded: a bias is a threshold in units of the norm.
// CHECK-LABEL: func.func @threshold
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]]
func.func @threshold(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@positive bias @layer::@bias eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// CHECK-LABEL: func.func @no_gain
// CHECK-NOT: rms_norm
// CHECK: bitnet.binarize %arg0
func.func @no_gain(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// Not folded: the mean that is subtracted is a threshold.
// CHECK-LABEL: func.func @centred
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]]
func.func @centred(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x centred gain @layer::@positive eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// Not folded: without eps a row of zeros is NaN, which is no longer >= 0.
// CHECK-LABEL: func.func @no_eps
// CHECK: %[[N:.*]] = bitnet.rms_norm %arg0 gain @layer::@positive
// CHECK: bitnet.binarize %[[N]]
func.func @no_eps(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@positive eps 0.0 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// Not folded: a comparison with 1/2 sees every factor.
// CHECK-LABEL: func.func @bit
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]] as bit
func.func @bit(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@positive eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n as bit : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
}

// CHECK-LABEL: func.func @ternary
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]] as ternary
func.func @ternary(%x: tensor<?x80xf32>) -> tensor<?x2x80xi1> {
  %n = bitnet.rms_norm %x eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n as ternary : tensor<?x80xf32> -> tensor<?x2x80xi1>
  return %b : tensor<?x2x80xi1>
}

// Nor does a scale for each token let a factor go.
// CHECK-LABEL: func.func @token_scale
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]]
func.func @token_scale(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi1>, tensor<?xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@positive eps 1.0e-5 : tensor<?x80xf32>
  %b, %t = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1> scale tensor<?xf32>
  return %b, %t : tensor<?x1x80xi1>, tensor<?xf32>
}
