// RUN: not bitnet-opt %s --bitnet-select-kernels=target=pdp11 2>&1 | FileCheck %s
// RUN: not bitnet-opt %s --bitnet-select-kernels=layout=trit3 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: not bitnet-opt %s --bitnet-select-kernels=shared=generic,pdp11 2>&1 | FileCheck %s

// LAYOUT: error: unknown layout 'trit3'
// CHECK: error: unknown target 'pdp11'
bitnet.record @layer count 1 {
  bitnet.weight @t quant ternary shape [80, 160] source "t"
}
