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

// Not folded: a negative gain flips the sign of its column.
// CHECK-LABEL: func.func @negative_gain
// CHECK: %[[N:.*]] = bitnet.rms_norm
// CHECK: bitnet.binarize %[[N]]
func.func @negative_gain(%x: tensor<?x80xf32>) -> tensor<?x1x80xi1> {
  %n = bitnet.rms_norm %x gain @layer::@mixed eps 1.0e-5 : tensor<?x80xf32>
  %b = bitnet.binarize %n : tensor<?x80xf32> -> tensor<?x1x80xi1>
  return %b : tensor<?x1x80xi1>
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
