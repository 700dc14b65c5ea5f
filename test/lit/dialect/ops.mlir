// Every operation of the dialect, printed, parsed again and printed the same.
// RUN: bitnet-opt %s | bitnet-opt | FileCheck %s
// RUN: bitnet-opt %s --mlir-print-op-generic | bitnet-opt | FileCheck %s

// CHECK-LABEL: bitnet.record @model count 1 {
bitnet.record @model count 1 {
  // CHECK-NEXT: bitnet.weight @embed quant int8 shape [32, 64] scale_rows 32 source "embed"
  bitnet.weight @embed quant int8 shape [32, 64] scale_rows 32 source "embed"
  // CHECK-NEXT: bitnet.weight @rope quant float shape [128, 16] source "rope"
  bitnet.weight @rope quant float shape [128, 16] source "rope"
  // CHECK-NEXT: bitnet.weight @norm quant float shape [64] positive source "norm"
  bitnet.weight @norm quant float shape [64] positive source "norm"
}

// CHECK-LABEL: bitnet.record @layer count 2 attributes {offset = 4096 : i64, stride = 8192 : i64} {
bitnet.record @layer count 2 attributes {offset = 4096 : i64, stride = 8192 : i64} {
  // CHECK-NEXT: bitnet.weight @gain quant float shape [64] source "{}.gain" layout f32 at 0
  bitnet.weight @gain quant float shape [64] source "{}.gain" layout f32 at 0
  // CHECK-NEXT: bitnet.weight @bias quant float shape [64] source "{}.bias"
  bitnet.weight @bias quant float shape [64] source "{}.bias"
  // CHECK-NEXT: bitnet.weight @scores quant float shape [4] source "{}.scores"
  bitnet.weight @scores quant float shape [4] source "{}.scores"
  // CHECK-NEXT: bitnet.weight @t quant ternary shape [64, 64] source "{}.t" layout trit2_r64 at 256 scale_at 4096
  bitnet.weight @t quant ternary shape [64, 64] source "{}.t" layout trit2_r64 at 256 scale_at 4096
  // CHECK-NEXT: bitnet.weight @u quant ternary shape [64, 64] source "{}.u" layout u8_row at 256 scale_at 4096
  bitnet.weight @u quant ternary shape [64, 64] source "{}.u" layout u8_row at 256 scale_at 4096
  // CHECK-NEXT: bitnet.weight @b quant binary shape [32, 64] scale_rows 32 source "{}.b" layout bit1_r16 at 0 scale_at 64
  bitnet.weight @b quant binary shape [32, 64] scale_rows 32 source "{}.b" layout bit1_r16 at 0 scale_at 64
  // CHECK-NEXT: bitnet.weight @c quant binary shape [32, 64] scale_rows 32 group 32 half_scales source "{}.c" layout bit1_r64 at 0 scale_at 64
  bitnet.weight @c quant binary shape [32, 64] scale_rows 32 group 32 half_scales source "{}.c" layout bit1_r64 at 0 scale_at 64
}

// CHECK-LABEL: func.func @layer_fn
func.func @layer_fn(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: bitnet.rms_norm %{{.*}} gain @layer::@gain eps 9.99999974E-6 : tensor<?x64xf32>
  %n = bitnet.rms_norm %h gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32>
  // CHECK: bitnet.rms_norm %{{.*}} gain @layer::@gain bias @layer::@bias eps 9.99999974E-6 : tensor<?x64xf32>
  %nb = bitnet.rms_norm %h gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x64xf32>
  // CHECK: bitnet.rms_norm %{{.*}} centred gain @layer::@gain bias @layer::@bias eps 9.99999974E-6 : tensor<?x64xf32>
  %ln = bitnet.rms_norm %h centred gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x64xf32>
  // CHECK: bitnet.rms_norm %{{.*}} eps 9.99999974E-6 : tensor<?x64xf32>
  %plain = bitnet.rms_norm %ln eps 1.0e-5 : tensor<?x64xf32>
  // CHECK: bitnet.norm_quantize %{{.*}} centred eps 9.99999974E-6 range shifted128 : tensor<?x64xf32>
  %nq, %ns, %nsum = bitnet.norm_quantize %plain centred eps 1.0e-5 range shifted128 : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  // CHECK: bitnet.quantize %{{.*}} range signed128 : tensor<?x64xf32>
  %qq, %qs, %qsum = bitnet.quantize %plain range signed128 : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  // CHECK: bitnet.linear %{{.*}}, @layer::@t input int8 range shifted128 : tensor<?x64xf32> -> tensor<?x64xf32>
  %lr = bitnet.linear %plain, @layer::@t input int8 range shifted128 : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: bitnet.linear %{{.*}}, @layer::@t input int8 : tensor<?x64xf32> -> tensor<?x64xf32>
  %q = bitnet.linear %n, @layer::@t input int8 : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: bitnet.linear %{{.*}}, @layer::@b input sign : tensor<?x64xf32> -> tensor<?x32xf32>
  %k = bitnet.linear %nb, @layer::@b input sign : tensor<?x64xf32> -> tensor<?x32xf32>
  // CHECK: bitnet.rope %{{.*}}, @model::@rope half head_dim 16 : tensor<?x64xf32>
  %qr = bitnet.rope %q, @model::@rope half head_dim 16 : tensor<?x64xf32>
  // CHECK: bitnet.rope %{{.*}}, @model::@rope interleaved head_dim 16 : tensor<?x32xf32>
  %kr = bitnet.rope %k, @model::@rope interleaved head_dim 16 : tensor<?x32xf32>
  // CHECK: bitnet.kv_append %{{.*}}, %{{.*}} head_dim 16 : tensor<?x32xf32>
  bitnet.kv_append %kr, %k head_dim 16 : tensor<?x32xf32>
  // CHECK: bitnet.attention %{{.*}} heads 4 kv_heads 2 head_dim 16 : tensor<?x64xf32>
  %a = bitnet.attention %qr heads 4 kv_heads 2 head_dim 16 : tensor<?x64xf32>
  // CHECK: bitnet.kv_append %{{.*}}, %{{.*}} head_dim 16 form i8 : tensor<?x32xf32>
  bitnet.kv_append %kr, %k head_dim 16 form i8 : tensor<?x32xf32>
  // CHECK: bitnet.attention %{{.*}} heads 4 kv_heads 2 head_dim 16 form i8 : tensor<?x64xf32>
  %a8 = bitnet.attention %qr heads 4 kv_heads 2 head_dim 16 form i8 : tensor<?x64xf32>
  // CHECK: bitnet.kv_append %{{.*}}, %{{.*}} head_dim 16 form b1 : tensor<?x32xf32>
  bitnet.kv_append %kr, %k head_dim 16 form b1 : tensor<?x32xf32>
  // CHECK: bitnet.attention %{{.*}} heads 4 kv_heads 2 head_dim 16 form b1 : tensor<?x64xf32>
  %a1 = bitnet.attention %qr heads 4 kv_heads 2 head_dim 16 form b1 : tensor<?x64xf32>
  // CHECK: bitnet.attention %{{.*}} heads 4 kv_heads 2 head_dim 16 form b1 score_scale @layer::@scores : tensor<?x64xf32>
  %a1s = bitnet.attention %qr heads 4 kv_heads 2 head_dim 16 form b1 score_scale @layer::@scores : tensor<?x64xf32>
  // CHECK: bitnet.activation silu %{{.*}} : tensor<?x64xf32>
  %s = bitnet.activation silu %a : tensor<?x64xf32>
  // CHECK: bitnet.activation relu2 %{{.*}} : tensor<?x64xf32>
  %r = bitnet.activation relu2 %a : tensor<?x64xf32>
  // CHECK: bitnet.mul %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %m = bitnet.mul %s, %r : tensor<?x64xf32>
  // CHECK: bitnet.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %y = bitnet.add %m, %h : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @step
func.func @step() -> tensor<?x32xf32> {
  // CHECK: bitnet.embed @model::@embed : tensor<?x64xf32>
  %e = bitnet.embed @model::@embed : tensor<?x64xf32>
  // CHECK: bitnet.repeat @layer_fn(%{{.*}}) times 2 : tensor<?x64xf32>
  %h = bitnet.repeat @layer_fn(%e) times 2 : tensor<?x64xf32>
  // CHECK: bitnet.gather_logits %{{.*}} : tensor<?x64xf32>
  %g = bitnet.gather_logits %h : tensor<?x64xf32>
  %n = bitnet.rms_norm %g gain @model::@norm eps 1.0e-5 : tensor<?x64xf32>
  // CHECK: bitnet.linear %{{.*}}, @model::@embed input int16 : tensor<?x64xf32> -> tensor<?x32xf32>
  %l = bitnet.linear %n, @model::@embed input int16 : tensor<?x64xf32> -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @decomposed
func.func @decomposed(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  // CHECK: bitnet.quantize %{{.*}} : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  %c, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  // CHECK: bitnet.dot %{{.*}}, @layer::@t : tensor<?x2x64xi8> -> tensor<?x2x64xi32>
  %d = bitnet.dot %c, @layer::@t : tensor<?x2x64xi8> -> tensor<?x2x64xi32>
  // CHECK: bitnet.dequantize %{{.*}} scale %{{.*}}, @layer::@t : tensor<?x2x64xi32>, tensor<?xf32> -> tensor<?x64xf32>
  %y = bitnet.dequantize %d scale %s, @layer::@t : tensor<?x2x64xi32>, tensor<?xf32> -> tensor<?x64xf32>
  // CHECK: bitnet.binarize %{{.*}} : tensor<?x64xf32> -> tensor<?x1x64xi1>
  %b = bitnet.binarize %x : tensor<?x64xf32> -> tensor<?x1x64xi1>
  // CHECK: bitnet.pack %{{.*}} : tensor<?x1x64xi1> -> tensor<?x1x1xi64>
  %p = bitnet.pack %b : tensor<?x1x64xi1> -> tensor<?x1x1xi64>
  // CHECK: bitnet.dot %{{.*}}, @layer::@b : tensor<?x1x1xi64> -> tensor<?x1x32xi32>
  %e = bitnet.dot %p, @layer::@b : tensor<?x1x1xi64> -> tensor<?x1x32xi32>
  // CHECK: bitnet.dequantize %{{.*}}, @layer::@b : tensor<?x1x32xi32> -> tensor<?x32xf32>
  %z = bitnet.dequantize %e, @layer::@b : tensor<?x1x32xi32> -> tensor<?x32xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @fused
func.func @fused(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: bitnet.norm_quantize %{{.*}} gain @layer::@gain bias @layer::@bias eps {{.*}} : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  %c, %s, %sum = bitnet.norm_quantize %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  // CHECK: bitnet.pack_bits %{{.*}} : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  // CHECK: bitnet.norm_pack_bits %{{.*}} unscaled gain @layer::@gain eps
  %nu = bitnet.norm_pack_bits %x unscaled gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x1xi64>
  // CHECK: bitnet.norm_pack_bits %{{.*}} gain @layer::@gain eps {{.*}} : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %np = bitnet.norm_pack_bits %x gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x1xi64>
  // CHECK: bitnet.pack_bits %{{.*}} : tensor<?x64xf32> -> tensor<?x1x1xi64> scale tensor<?xf32>
  %sp, %ss = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64> scale tensor<?xf32>
  // CHECK: bitnet.matmul %{{.*}} scale %{{.*}}, [@layer::@b] : (tensor<?x1x1xi64>, tensor<?xf32>) -> tensor<?x32xf32>
  %sy = bitnet.matmul %sp scale %ss, [@layer::@b] : (tensor<?x1x1xi64>, tensor<?xf32>) -> tensor<?x32xf32>
  // CHECK: %[[T:.*]], %[[TSUM:.*]] = bitnet.pack_bits %{{.*}} as ternary : tensor<?x64xf32> -> tensor<?x2x1xi64> sum tensor<?x2xi32>
  %t, %tsum = bitnet.pack_bits %x as ternary : tensor<?x64xf32> -> tensor<?x2x1xi64> sum tensor<?x2xi32>
  // CHECK: bitnet.matmul %[[T]] sum %[[TSUM]], [@layer::@b] as ternary : (tensor<?x2x1xi64>, tensor<?x2xi32>) -> tensor<?x32xf32>
  %ty = bitnet.matmul %t sum %tsum, [@layer::@b] as ternary : (tensor<?x2x1xi64>, tensor<?x2xi32>) -> tensor<?x32xf32>
  // CHECK: bitnet.matmul %{{.*}} scale %{{.*}} sum %{{.*}}, [@layer::@t, @layer::@u] : (tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  %y:2 = bitnet.matmul %c scale %s sum %sum, [@layer::@t, @layer::@u] : (tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  // CHECK: %[[PLANES:.*]] = bitnet.pack_codes %{{.*}} : tensor<?x1x64xi8> -> tensor<?x8x1xi64>
  %planes = bitnet.pack_codes %c : tensor<?x1x64xi8> -> tensor<?x8x1xi64>
  // CHECK: bitnet.matmul %[[PLANES]] scale %{{.*}} sum %{{.*}}, [@layer::@b] as int8 : (tensor<?x8x1xi64>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x32xf32>
  %py = bitnet.matmul %planes scale %s sum %sum, [@layer::@b] as int8 : (tensor<?x8x1xi64>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x32xf32>
  // CHECK: bitnet.matmul %{{.*}}, [@layer::@b] kernel "generic" : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  %z = bitnet.matmul %np, [@layer::@b] kernel "generic" : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  // CHECK: bitnet.matmul %{{.*}} scale %{{.*}} sum %{{.*}}, [@layer::@t, @layer::@u] glu silu :
  %g = bitnet.matmul %c scale %s sum %sum, [@layer::@t, @layer::@u] glu silu : (tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x64xf32>
  // CHECK: bitnet.matmul %{{.*}} scale %{{.*}} sum %{{.*}}, [@layer::@u] residual %{{.*}} :
  %r = bitnet.matmul %c scale %s sum %sum, [@layer::@u] residual %x : (tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: bitnet.barrier
  bitnet.barrier
  return %y#0, %y#1, %z, %g, %r : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @micro
func.func @micro(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<16xi8>, %h: vector<16xi16>) -> (vector<16xi32>, vector<16xi16>) {
  // CHECK: bitnet.dot_u8i8 %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %d = bitnet.dot_u8i8 %acc, %a, %a : vector<16xi32>, vector<64xi8>, vector<64xi8>
  // CHECK: bitnet.mma_u8i8 %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi32>, vector<64xi8>, vector<16xi8>
  %m = bitnet.mma_u8i8 %d, %a, %b : vector<16xi32>, vector<64xi8>, vector<16xi8>
  // CHECK: bitnet.unpack_trit5 %{{.*}} : vector<64xi8>
  %trits:5 = bitnet.unpack_trit5 %a : vector<64xi8>
  // CHECK: bitnet.flip_signs %{{.*}}, %{{.*}} : vector<64xi8>
  %flipped = bitnet.flip_signs %a, %a : vector<64xi8>
  // CHECK: bitnet.lookup %{{.*}}, %{{.*}} : vector<16xi8>, vector<64xi8>
  %table = arith.constant dense<1> : vector<16xi8>
  %found = bitnet.lookup %table, %a : vector<16xi8>, vector<64xi8>
  // CHECK: bitnet.extend_f16 %{{.*}} : vector<16xi16> -> vector<16xf32>
  %f = bitnet.extend_f16 %h : vector<16xi16> -> vector<16xf32>
  // CHECK: bitnet.truncate_f16 %{{.*}} : vector<16xf32> -> vector<16xi16>
  %t = bitnet.truncate_f16 %f : vector<16xf32> -> vector<16xi16>
  return %m, %t : vector<16xi32>, vector<16xi16>
}
