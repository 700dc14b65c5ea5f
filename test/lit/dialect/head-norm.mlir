// A head is a row of its own: with one head, head_norm is rms_norm.
//
// RUN: bitnet-opt %s | FileCheck %s
// RUN: bitnet-opt %s --interpret=head | tail -n +2 > %t.head
// RUN: bitnet-opt %s --interpret=row | tail -n +2 > %t.row
// RUN: diff %t.head %t.row

bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [64] source "g"
}

// CHECK-LABEL: func.func @head
// CHECK: bitnet.head_norm %arg0 gain @layer::@gain eps {{.*}} head_dim 64 : tensor<?x64xf32>
func.func @head(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = bitnet.head_norm %x gain @layer::@gain eps 1.0e-5 head_dim 64 : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
func.func @row(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
