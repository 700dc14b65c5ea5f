// RUN: bitnet-opt %s --bitnet-fuse-norm-quantize | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-fuse-norm-quantize --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [80] source "g"
  bitnet.weight @bias quant float shape [80] source "b"
}

// CHECK-LABEL: func.func @fused
// CHECK-NEXT: bitnet.norm_quantize %arg0 gain @layer::@gain bias @layer::@bias eps
// CHECK-NEXT: return
func.func @fused(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q, %s, %sum : tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
}

// CHECK-LABEL: func.func @two_planes
// CHECK: bitnet.norm_quantize {{.*}} -> tensor<?x2x80xi8>
func.func @two_planes(%x: tensor<?x80xf32>) -> (tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n : tensor<?x80xf32> -> tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>
  return %q, %s, %sum : tensor<?x2x80xi8>, tensor<?xf32>, tensor<?x2xi32>
}

// Not fused: the normalised row has another reader.
// CHECK-LABEL: func.func @other_reader
// CHECK: bitnet.rms_norm
// CHECK: bitnet.quantize
func.func @other_reader(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi8>, tensor<?x80xf32>) {
  %n = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q, %n : tensor<?x1x80xi8>, tensor<?x80xf32>
}

// LayerNorm, and a range of codes.
// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: bitnet.norm_quantize %arg0 centred gain @layer::@gain bias @layer::@bias eps {{.*}} range shifted128
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) {
  %n = bitnet.rms_norm %x centred gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n range shifted128 : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q, %s, %sum : tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
}

// CHECK-LABEL: func.func @no_gain
// CHECK-NEXT: bitnet.norm_quantize %arg0 eps {{.*}} range signed128
func.func @no_gain(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) {
  %n = bitnet.rms_norm %x eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n range signed128 : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q, %s, %sum : tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
}

// Not fused: codes see the factor that is left out here.
// CHECK-LABEL: func.func @unscaled
// CHECK: bitnet.rms_norm %arg0 unscaled
// CHECK: bitnet.quantize
func.func @unscaled(%x: tensor<?x80xf32>) -> (tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>) {
  %n = bitnet.rms_norm %x unscaled gain @layer::@gain eps 1.0e-5 : tensor<?x80xf32>
  %q, %s, %sum = bitnet.quantize %n : tensor<?x80xf32> -> tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q, %s, %sum : tensor<?x1x80xi8>, tensor<?xf32>, tensor<?x1xi32>
}
