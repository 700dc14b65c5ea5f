// What the verifiers refuse, one case for every message.
// RUN: bitnet-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

// A record without instances has nothing to repeat.
// expected-error @+1 {{count must be at least 1, is 0}}
bitnet.record @layer count 0 {
}

// -----

// Counts are not read as unsigned.
// expected-error @+1 {{count must be at least 1, is -3}}
bitnet.record @layer count -3 {
}

// -----

// The packer walks records and knows weights only.
// expected-error @+1 {{holds weights only, found 'func.func'}}
bitnet.record @layer count 1 {
  func.func private @f()
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{shape must have 1 or 2 dimensions, has 3}}
  bitnet.weight @w quant float shape [2, 2, 2] source "w"
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{shape must have 1 or 2 dimensions, has 0}}
  bitnet.weight @w quant float shape [] source "w"
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{shape must be positive, is [64, 0]}}
  bitnet.weight @w quant ternary shape [64, 0] source "w"
}

// -----

// Only matrices are quantised.
bitnet.record @layer count 1 {
  // expected-error @+1 {{a vector must be float, is ternary}}
  bitnet.weight @w quant ternary shape [64] source "w"
}

// -----

// One scale for the matrix or one for each row.
bitnet.record @layer count 1 {
  // expected-error @+1 {{scale_rows must be 1 or 64, is 32}}
  bitnet.weight @w quant ternary shape [64, 32] scale_rows 32 source "w"
}

// -----

//===----------------------------------------------------------------------===//
// Graph level
//===----------------------------------------------------------------------===//

func.func @f() -> tensor<?x64xf32> {
  // expected-error @+1 {{weight @model::@embed does not exist}}
  %0 = bitnet.embed @model::@embed : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @model count 1 {
  bitnet.weight @embed quant float shape [32, 64] source "e"
}
func.func @f() -> tensor<?x64xf32> {
  // expected-error @+1 {{weight @model::@embed must be int8, ternary or binary, is float}}
  %0 = bitnet.embed @model::@embed : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @model count 1 {
  bitnet.weight @embed quant int8 shape [32, 64] source "e"
}
func.func @f() -> tensor<?x48xf32> {
  // expected-error @+1 {{weight @model::@embed must be [32, 48], is [32, 64]}}
  %0 = bitnet.embed @model::@embed : tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{layer function @layer does not exist}}
  %0 = bitnet.repeat @layer(%x) times 2 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func private @layer(tensor<?x64xf32>) -> tensor<?x32xf32>
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{layer function @layer must be 'tensor<?x64xf32>' -> 'tensor<?x64xf32>', is '(tensor<?x64xf32>) -> tensor<?x32xf32>'}}
  %0 = bitnet.repeat @layer(%x) times 2 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func private @layer(tensor<?x64xf32>) -> tensor<?x64xf32>
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{count must be at least 1, is -1}}
  %0 = bitnet.repeat @layer(%x) times -1 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{gain @layer::@gain is not a weight}}
  %0 = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// A gain has one element for every column.
bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [32] source "g"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{gain @layer::@gain must be 64 floats, is float [32]}}
  %0 = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// What is left without the factor is x * gain.
bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [64] source "g"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{unscaled is for a gain alone, neither centred nor with a bias}}
  %0 = bitnet.rms_norm %x unscaled gain @layer::@gain bias @layer::@gain eps 1.0e-5 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{unscaled is for a gain alone}}
  %0 = bitnet.norm_pack_bits %x unscaled eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x1xi64>
  return %0 : tensor<?x1x1xi64>
}

// -----

// So has a bias, and it is a vector.
bitnet.record @layer count 1 {
  bitnet.weight @gain quant float shape [64] source "g"
  bitnet.weight @bias quant float shape [64, 1] source "b"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{bias @layer::@bias must be 64 floats, is float [64, 1]}}
  %0 = bitnet.rms_norm %x gain @layer::@gain bias @layer::@bias eps 1.0e-5 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [32, 64] source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{weight @layer::@w must be [64, 64], is [32, 64]}}
  %0 = bitnet.linear %x, @layer::@w input int8 : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant int8 shape [64, 64] scale_rows 64 source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{bit input does not multiply with int8 weight @layer::@w}}
  %0 = bitnet.linear %x, @layer::@w input sign : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Heads are whole vectors of 16 lanes.
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{head_dim must be a multiple of 16, is 8}}
  %0 = bitnet.rope %x, @model::@rope half head_dim 8 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x72xf32>) -> tensor<?x72xf32> {
  // expected-error @+1 {{row of 72 is not a whole number of heads of 16}}
  %0 = bitnet.rope %x, @model::@rope half head_dim 16 : tensor<?x72xf32>
  return %0 : tensor<?x72xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{table @model::@rope does not exist}}
  %0 = bitnet.rope %x, @model::@rope half head_dim 16 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @model count 1 {
  bitnet.weight @rope quant float shape [128, 32] source "r"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{table @model::@rope must be float [positions, 16], is float [128, 32]}}
  %0 = bitnet.rope %x, @model::@rope half head_dim 16 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x40xf32>) {
  // expected-error @+1 {{row of 40 is not a whole number of heads of 16 (a multiple of 16)}}
  bitnet.kv_append %x, %x head_dim 16 : tensor<?x40xf32>
  return
}

// -----

func.func @f(%x: tensor<?x528xf32>) {
  // expected-error @+1 {{head_dim must be at most 512 with form i8, is 528}}
  bitnet.kv_append %x, %x head_dim 528 form i8 : tensor<?x528xf32>
  return
}

// -----

func.func @f(%x: tensor<?x528xf32>) -> tensor<?x528xf32> {
  // expected-error @+1 {{head_dim must be at most 512 with form i8, is 528}}
  %0 = bitnet.attention %x heads 1 kv_heads 1 head_dim 528 form i8 : tensor<?x528xf32>
  return %0 : tensor<?x528xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @c quant float shape [3] source "c"
}
func.func @f(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  // expected-error @+1 {{score_scale is for form b1, the form is f16}}
  %0 = bitnet.attention %x heads 3 kv_heads 1 head_dim 16 score_scale @layer::@c : tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @c quant float shape [3] source "c"
}
func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{score_scale @layer::@c must be 2 floats, is float [3]}}
  %0 = bitnet.attention %x heads 2 kv_heads 1 head_dim 16 form b1 score_scale @layer::@c : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{score_scale @layer::@c is not a weight}}
  %0 = bitnet.attention %x heads 2 kv_heads 1 head_dim 16 form b1 score_scale @layer::@c : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  // expected-error @+1 {{heads (3) must be a multiple of kv_heads (2)}}
  %0 = bitnet.attention %x heads 3 kv_heads 2 head_dim 16 : tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

func.func @f(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  // expected-error @+1 {{head_dim must be a multiple of 16, is 24}}
  %0 = bitnet.attention %x heads 2 kv_heads 1 head_dim 24 : tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

func.func @f(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  // expected-error @+1 {{row must be heads * head_dim = 32, is 48}}
  %0 = bitnet.attention %x heads 2 kv_heads 1 head_dim 16 : tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Decomposed level
//===----------------------------------------------------------------------===//

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x32xi8> {
  // expected-error @+1 {{codes must have 64 columns, have 32}}
  %c, %s, %u = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x1x32xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %c : tensor<?x1x32xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x3x64xi8> {
  // expected-error @+1 {{codes must have 1 or 2 planes, have 3}}
  %c, %s, %u = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x3x64xi8>, tensor<?xf32>, tensor<?x3xi32>
  return %c : tensor<?x3x64xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x2x64xi8> {
  // expected-error @+1 {{sum must have one entry for each of 2 planes, has 1}}
  %c, %s, %u = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %c : tensor<?x2x64xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x2x64xi8> {
  // expected-error @+1 {{sum must have one entry for each of 2 planes and each group, has 2}}
  %c, %s, %u = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?x4xf32>, tensor<?x2xi32>
  return %c : tensor<?x2x64xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x64xi8> {
  // expected-error @+1 {{64 columns are not 8 groups of a multiple of 16}}
  %c, %s, %u = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?x8xf32>, tensor<?x8xi32>
  return %c : tensor<?x1x64xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x64xi8> {
  // expected-error @+1 {{range signed128 is for whole rows}}
  %c, %s, %u = bitnet.quantize %x range signed128 : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?x4xf32>, tensor<?x4xi32>
  return %c : tensor<?x1x64xi8>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [64, 64] scale_rows 64 group 32 source "w"
}
func.func @f(%q: tensor<?x1x64xi8>, %s: tensor<?x4xf32>, %sum: tensor<?x4xi32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{input has scales for 4 groups, weight 'w' for 2}}
  %0 = bitnet.matmul %q scale %s sum %sum, [@layer::@w] : (tensor<?x1x64xi8>, tensor<?x4xf32>, tensor<?x4xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [64, 64] source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{by_group is for int8 and int16 input, and weights with groups of 16 n columns}}
  %0 = bitnet.linear %x, @layer::@w input int8 by_group : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x32xi1> {
  // expected-error @+1 {{input and result must have equal rows}}
  %0 = bitnet.binarize %x : tensor<?x64xf32> -> tensor<?x1x32xi1>
  return %0 : tensor<?x1x32xi1>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x64xi1> {
  // expected-error @+1 {{ternary has 2 planes of bits, not 1}}
  %0 = bitnet.binarize %x as ternary : tensor<?x64xf32> -> tensor<?x1x64xi1>
  return %0 : tensor<?x1x64xi1>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{bits have one scale a token, not 4}}
  %0, %1 = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64> scale tensor<?x4xf32>
  return %0 : tensor<?x1x1xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [64, 64] source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{token_scale is for input of bits, others have one}}
  %0 = bitnet.linear %x, @layer::@w input int8 token_scale : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x2x64xi1>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{input has 2 planes, result 1}}
  %0 = bitnet.pack %x : tensor<?x2x64xi1> -> tensor<?x1x1xi64>
  return %0 : tensor<?x1x1xi64>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{sum must have one entry for each of 1 planes, or of each group of 64 n columns, has 2}}
  %0, %1 = bitnet.pack_bits %x as bit : tensor<?x64xf32> -> tensor<?x1x1xi64> sum tensor<?x2xi32>
  return %0 : tensor<?x1x1xi64>
}

// -----

func.func @f(%x: tensor<?x1x65xi1>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{packs 65 bits into 2 words, has 1}}
  %0 = bitnet.pack %x : tensor<?x1x65xi1> -> tensor<?x1x1xi64>
  return %0 : tensor<?x1x1xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [32, 64] source "w"
}
func.func @f(%c: tensor<?x2x64xi8>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{result must have 2 planes, has 1}}
  %0 = bitnet.dot %c, @layer::@w : tensor<?x2x64xi8> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

func.func @f(%c: tensor<?x1x64xi8>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{weight @layer::@w does not exist}}
  %0 = bitnet.dot %c, @layer::@w : tensor<?x1x64xi8> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 65] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{input has 1 words, weight @layer::@w needs 2}}
  %0 = bitnet.dot %p, @layer::@w : tensor<?x1x1xi64> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [32, 64] source "w"
}
func.func @f(%c: tensor<?x1x48xi8>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{weight @layer::@w must be [32, 48], is [32, 64]}}
  %0 = bitnet.dot %c, @layer::@w : tensor<?x1x48xi8> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant float shape [32, 64] source "w"
}
func.func @f(%c: tensor<?x1x64xi8>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{integer input does not multiply with float weight @layer::@w}}
  %0 = bitnet.dot %c, @layer::@w : tensor<?x1x64xi8> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

func.func @f(%d: tensor<?x1x32xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{weight @layer::@w does not exist}}
  %0 = bitnet.dequantize %d, @layer::@w : tensor<?x1x32xi32> -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [48, 64] source "w"
}
func.func @f(%d: tensor<?x1x32xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{rows must have 48 columns like weight @layer::@w}}
  %0 = bitnet.dequantize %d, @layer::@w : tensor<?x1x32xi32> -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Fused level
//===----------------------------------------------------------------------===//

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x32xi8> {
  // expected-error @+1 {{codes must have 64 columns, have 32}}
  %c, %s, %u = bitnet.norm_quantize %x gain @layer::@g eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x32xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %c : tensor<?x1x32xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x64xi8> {
  // expected-error @+1 {{gain @layer::@g is not a weight}}
  %c, %s, %u = bitnet.norm_quantize %x gain @layer::@g eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %c : tensor<?x1x64xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x2xi64> {
  // expected-error @+1 {{packs 64 bits into 1 words, has 2}}
  %0 = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x2xi64>
  return %0 : tensor<?x1x2xi64>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x2xi64> {
  // expected-error @+1 {{packs 64 bits into 1 words, has 2}}
  %0 = bitnet.norm_pack_bits %x gain @layer::@g eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x2xi64>
  return %0 : tensor<?x1x2xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @g quant float shape [64] source "g"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{bias @layer::@b is not a weight}}
  %0 = bitnet.norm_pack_bits %x gain @layer::@g bias @layer::@b eps 1.0e-5 : tensor<?x64xf32> -> tensor<?x1x1xi64>
  return %0 : tensor<?x1x1xi64>
}

// -----

func.func @f(%c: tensor<?x1x64xi8>) -> tensor<?x32xf32> {
  // expected-error @+1 {{codes need a scale and a sum}}
  %0 = bitnet.matmul %c, [@layer::@w] : (tensor<?x1x64xi8>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%p: tensor<?x1x1xi64>, %s: tensor<?x2xf32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{bits have one scale a token, not 2}}
  %0 = bitnet.matmul %p scale %s, [@layer::@w] : (tensor<?x1x1xi64>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// K - 2 popcount(w xor p) has no need of them.
bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>, %u: tensor<?x1xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{sign bits and binary weights take no sum}}
  %0 = bitnet.matmul %p sum %u, [@layer::@w] : (tensor<?x1x1xi64>, tensor<?x1xi32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x32xf32> {
  // expected-error @+1 {{bit bits and binary weights need a sum}}
  %0 = bitnet.matmul %p, [@layer::@w] as bit : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 128] scale_rows 32 group 64 source "w"
}
func.func @f(%p: tensor<?x1x2xi64>, %u: tensor<?x1xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{sum must have 2 entries for weight @layer::@w, has 1}}
  %0 = bitnet.matmul %p sum %u, [@layer::@w] as bit : (tensor<?x1x2xi64>, tensor<?x1xi32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{ternary has 2 planes of bits, not 1}}
  %0 = bitnet.dot %p, @layer::@w as ternary : tensor<?x1x1xi64> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%c: tensor<?x1x64xi8>) -> tensor<?x1x32xi32> {
  // expected-error @+1 {{as bit is for packed bits}}
  %0 = bitnet.dot %c, @layer::@w as bit : tensor<?x1x64xi8> -> tensor<?x1x32xi32>
  return %0 : tensor<?x1x32xi32>
}

// -----

func.func @f(%c: tensor<?x2x64xi8>) -> tensor<?x8x1xi64> {
  // expected-error @+1 {{packs 1 plane of codes, not 2}}
  %0 = bitnet.pack_codes %c : tensor<?x2x64xi8> -> tensor<?x8x1xi64>
  return %0 : tensor<?x8x1xi64>
}

// -----

func.func @f(%c: tensor<?x1x65xi8>) -> tensor<?x8x1xi64> {
  // expected-error @+1 {{result must have 2 words, has 1}}
  %0 = bitnet.pack_codes %c : tensor<?x1x65xi8> -> tensor<?x8x1xi64>
  return %0 : tensor<?x8x1xi64>
}

// -----

func.func @f(%c: tensor<?x1x64xi8>) -> tensor<?x2x1xi64> {
  // expected-error @+1 {{int8 has 8 planes of bits, not 2}}
  %0 = bitnet.pack_codes %c : tensor<?x1x64xi8> -> tensor<?x2x1xi64>
  return %0 : tensor<?x2x1xi64>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8x64xi1> {
  // expected-error @+1 {{compares; int8 planes come from pack_codes}}
  %0 = bitnet.binarize %x as int8 : tensor<?x64xf32> -> tensor<?x8x64xi1>
  return %0 : tensor<?x8x64xi1>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8x1xi64> {
  // expected-error @+1 {{compares; int8 planes come from pack_codes}}
  %0 = bitnet.pack_bits %x as int8 : tensor<?x64xf32> -> tensor<?x8x1xi64>
  return %0 : tensor<?x8x1xi64>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8x1xi64> {
  // expected-error @+1 {{compares; int8 planes come from pack_codes}}
  %0 = bitnet.norm_pack_bits %x eps 1.0e-5 as int8 : tensor<?x64xf32> -> tensor<?x8x1xi64>
  return %0 : tensor<?x8x1xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x8x1xi64>, %s: tensor<?xf32>, %u: tensor<?x1xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{as int8 is for binary weights, @layer::@w is ternary}}
  %0 = bitnet.matmul %p scale %s sum %u, [@layer::@w] as int8 : (tensor<?x8x1xi64>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// One sum of the codes, not one of each plane.
bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x8x1xi64>, %s: tensor<?xf32>, %u: tensor<?x8xi32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{sum must have 1 entries for weight @layer::@w, has 8}}
  %0 = bitnet.matmul %p scale %s sum %u, [@layer::@w] as int8 : (tensor<?x8x1xi64>, tensor<?xf32>, tensor<?x8xi32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [64, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x8x1xi64> {
  // expected-error @+1 {{packs comparisons, not int8}}
  %0 = bitnet.matmul %p, [@layer::@w] packs int8 : (tensor<?x1x1xi64>) -> tensor<?x8x1xi64>
  return %0 : tensor<?x8x1xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x1x2xi64> {
  // expected-error @+1 {{bits must have 1 words, have 2}}
  %0 = bitnet.matmul %p, [@layer::@w] packs sign : (tensor<?x1x1xi64>) -> tensor<?x1x2xi64>
  return %0 : tensor<?x1x2xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x1x1xi64> {
  // expected-error @+1 {{ternary has 2 planes of bits, not 1}}
  %0 = bitnet.matmul %p, [@layer::@w] packs ternary : (tensor<?x1x1xi64>) -> tensor<?x1x1xi64>
  return %0 : tensor<?x1x1xi64>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x32xf32> {
  // expected-error @+1 {{has 'tensor<?x32xf32>' where bits belong}}
  %0 = bitnet.matmul %p, [@layer::@w] packs sign : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>) -> (tensor<?x32xf32>, tensor<?x1x1xi64>) {
  // expected-error @+1 {{packs one product, has 2}}
  %0:2 = bitnet.matmul %p, [@layer::@w, @layer::@w] packs sign : (tensor<?x1x1xi64>) -> (tensor<?x32xf32>, tensor<?x1x1xi64>)
  return %0#0, %0#1 : tensor<?x32xf32>, tensor<?x1x1xi64>
}

// -----

func.func @f(%p: tensor<?x1x1xi64>) {
  // expected-error @+1 {{needs at least one weight}}
  bitnet.matmul %p, [] : (tensor<?x1x1xi64>) -> ()
  return
}

// -----

// A gate is a pair.
func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x32xf32> {
  // expected-error @+1 {{glu takes two weights and no residual}}
  %0 = bitnet.matmul %p, [@layer::@w] glu silu : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%p: tensor<?x1x1xi64>, %r: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // expected-error @+1 {{a residual goes with one weight, has 2}}
  %0:2 = bitnet.matmul %p, [@layer::@w, @layer::@w] residual %r : (tensor<?x1x1xi64>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>)
  return %0#0, %0#1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

func.func @f(%p: tensor<?x1x1xi64>) -> tensor<?x32xf32> {
  // expected-error @+1 {{must have 2 results, has 1}}
  %0 = bitnet.matmul %p, [@layer::@w, @layer::@w] : (tensor<?x1x1xi64>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [32, 64] source "w"
}
func.func @f(%p: tensor<?x1x1xi64>, %r: tensor<?x48xf32>) -> tensor<?x32xf32> {
  // expected-error @+1 {{residual must be 'tensor<?x32xf32>', is 'tensor<?x48xf32>'}}
  %0 = bitnet.matmul %p, [@layer::@w] residual %r : (tensor<?x1x1xi64>, tensor<?x48xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{group must be a multiple of 8 that divides 80 columns, is 32}}
  bitnet.weight @w quant ternary shape [64, 80] scale_rows 64 group 32 source "w"
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{groups need scale_rows 64}}
  bitnet.weight @w quant ternary shape [64, 80] group 40 source "w"
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{half_scales are for groups}}
  bitnet.weight @w quant ternary shape [64, 80] half_scales source "w"
}

// -----

// Bits are counted by whole words.
bitnet.record @layer count 1 {
  bitnet.weight @w quant binary shape [64, 64] scale_rows 64 group 32 source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{bit input needs groups of a multiple of 64 columns, those of @layer::@w have 32}}
  %0 = bitnet.linear %x, @layer::@w input sign : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Rows of bytes are summed from end to end.
bitnet.record @layer count 1 {
  // expected-error @+1 {{groups are for ternary and binary weights}}
  bitnet.weight @w quant int8 shape [64, 64] scale_rows 64 group 32 source "w"
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [64, 64] scale_rows 64 group 32 source "w"
}
func.func @f(%q: tensor<?x1x64xi8>) -> tensor<?x1x64xi32> {
  // expected-error @+1 {{result must have 2 groups, has 1}}
  %0 = bitnet.dot %q, @layer::@w : tensor<?x1x64xi8> -> tensor<?x1x64xi32>
  return %0 : tensor<?x1x64xi32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @g quant float shape [64] source "g"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{gain @layer::@g must be 32 floats, is float [64]}}
  %0 = bitnet.head_norm %x gain @layer::@g eps 1.0e-5 head_dim 32 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @g quant float shape [48] source "g"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{row of 64 is not a whole number of heads of 48}}
  %0 = bitnet.head_norm %x gain @layer::@g eps 1.0e-5 head_dim 48 : tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

func.func @f(%x: tensor<?x70xf32>) -> tensor<?x1x70xi8> {
  // expected-error @+1 {{shifted rows must be a multiple of 16, are 70}}
  %q, %s, %sum = bitnet.quantize %x range shifted128 : tensor<?x70xf32> -> tensor<?x1x70xi8>, tensor<?xf32>, tensor<?x1xi32>
  return %q : tensor<?x1x70xi8>
}

// -----

func.func @f(%x: tensor<?x64xf32>) -> tensor<?x2x64xi8> {
  // expected-error @+1 {{range signed128 is for 1 plane}}
  %q, %s, %sum = bitnet.quantize %x range signed128 : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  return %q : tensor<?x2x64xi8>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [64, 64] source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{range signed128 is for int8 input}}
  %0 = bitnet.linear %x, @layer::@w input int16 range signed128 : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  // expected-error @+1 {{a sketch needs scale_rows 64 and no groups}}
  bitnet.weight @w quant sketch shape [64, 64] source "w"
}

// -----

// A sketch is looked at before a product, never multiplied for its own sake.
bitnet.record @layer count 1 {
  bitnet.weight @w quant sketch shape [64, 64] scale_rows 64 source "w"
}
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{integer input does not multiply with sketch weight @layer::@w}}
  %0 = bitnet.linear %x, @layer::@w input int16 : tensor<?x64xf32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant int8 shape [64, 64] scale_rows 64 source "w"
}
func.func @f(%q: tensor<?x2x64xi8>, %s: tensor<?xf32>, %sum: tensor<?x2xi32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{sketch @layer::@w is not a sketch}}
  %0 = bitnet.matmul %q scale %s sum %sum, [@layer::@w] sketch @layer::@w z 6.0 : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant int8 shape [64, 64] scale_rows 64 source "w"
  bitnet.weight @k quant sketch shape [128, 64] scale_rows 128 source "@sketch:w"
}
func.func @f(%q: tensor<?x2x64xi8>, %s: tensor<?xf32>, %sum: tensor<?x2xi32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{sketch @layer::@k of shape [128, 64] needs an int8 weight of this shape and two planes of input}}
  %0 = bitnet.matmul %q scale %s sum %sum, [@layer::@w] sketch @layer::@k z 6.0 : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant int8 shape [64, 64] scale_rows 64 source "w"
  bitnet.weight @k quant sketch shape [64, 64] scale_rows 64 source "@sketch:w"
}
func.func @f(%q: tensor<?x2x64xi8>, %s: tensor<?xf32>, %sum: tensor<?x2xi32>, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @+1 {{a sketch goes with one weight and neither residual nor packs}}
  %0 = bitnet.matmul %q scale %s sum %sum, [@layer::@w] residual %x sketch @layer::@k z 6.0 : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
