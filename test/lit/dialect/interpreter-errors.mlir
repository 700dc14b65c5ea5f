// What the interpreter refuses although the verifiers accept it: things that
// depend on the batch or on other functions. It reports them at the operation.
// RUN: bitnet-opt %s --interpret=f --split-input-file --verify-diagnostics

// Half of the layers would have no weights.
bitnet.record @layer count 2 {
  bitnet.weight @gain quant float shape [4] source "g"
}
func.func @layer_fn(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{reads instance 2 of @layer::@gain, its record has 2}}
  %0 = bitnet.rms_norm %x gain @layer::@gain eps 1.0e-5 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.repeat @layer_fn(%x) times 4 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Keys of the second token on were never stored.
func.func @f(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-error @+1 {{reads position 0 of sequence 0, which was never appended}}
  %0 = bitnet.attention %x heads 1 kv_heads 1 head_dim 16 : tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  bitnet.kv_append %x, %x head_dim 16 : tensor<?x32xf32>
  // expected-error @+1 {{reads rows of 16 from a cache of rows of 32}}
  %0 = bitnet.attention %x heads 2 kv_heads 1 head_dim 16 : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%x: tensor<?x32xf32>, %y: tensor<?x16xf32>) {
  bitnet.kv_append %x, %x head_dim 16 : tensor<?x32xf32>
  // expected-error @+1 {{appends rows of 16 to a cache of rows of 32}}
  bitnet.kv_append %y, %y head_dim 16 : tensor<?x16xf32>
  return
}

// -----

// The batch of five tokens reaches position 3.
bitnet.record @model count 1 {
  bitnet.weight @rope quant float shape [3, 16] source "r"
}
func.func @f(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-error @+1 {{table of 3 positions has no position 3}}
  %0 = bitnet.rope %x, @model::@rope half head_dim 16 : tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Gathered rows are no longer one for each token.
func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.gather_logits %x : tensor<?x4xf32>
  // expected-error @+1 {{operands have 2 and 5 rows}}
  %1 = bitnet.add %0, %x : tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.gather_logits %x : tensor<?x4xf32>
  // expected-error @+1 {{has 2 rows for a batch of 5 tokens}}
  %1 = bitnet.gather_logits %0 : tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [4, 4] source "w"
}
func.func @f(%d: tensor<?x2x4xi32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{has no meaning for 2 planes without a token scale}}
  %0 = bitnet.dequantize %d, @layer::@w : tensor<?x2x4xi32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant float shape [4, 4] source "w"
}
func.func @f(%d: tensor<?x1x4xi32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{@layer::@w is not a quantised matrix}}
  %0 = bitnet.dequantize %d, @layer::@w : tensor<?x1x4xi32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant ternary shape [1, 131073] source "w"
}
func.func @f(%x: tensor<?x131073xf32>) -> tensor<?x1xf32> {
  // expected-error @+1 {{@layer::@w has more than 131072 columns: a dot could overflow i32}}
  %0 = bitnet.linear %x, @layer::@w input int8 : tensor<?x131073xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

bitnet.record @layer count 1 {
  bitnet.weight @w quant int8 shape [1000000000000, 4] source "w"
}
func.func @f() -> tensor<?x4xf32> {
  // expected-error @+1 {{has no data for @layer::@w}}
  %0 = bitnet.embed @layer::@w : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  bitnet.kv_append %x, %x head_dim 32 form i8 : tensor<?x32xf32>
  // expected-error @+1 {{reads f16 heads of 32 from a cache of i8 heads of 32}}
  %0 = bitnet.attention %x heads 1 kv_heads 1 head_dim 32 : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  bitnet.kv_append %x, %x head_dim 32 form i8 : tensor<?x32xf32>
  // expected-error @+1 {{appends i8 heads of 16 to a cache of i8 heads of 32}}
  bitnet.kv_append %x, %x head_dim 16 form i8 : tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  bitnet.kv_append %x, %x head_dim 32 form i8 : tensor<?x32xf32>
  // expected-error @+1 {{reads b1 heads of 32 from a cache of i8 heads of 32}}
  %0 = bitnet.attention %x heads 1 kv_heads 1 head_dim 32 form b1 : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// A layer's layers would overwrite the KV cache of the next layer.
func.func @inner(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}
func.func @outer(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{must not be inside a layer function}}
  %0 = bitnet.repeat @inner(%x) times 2 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.repeat @outer(%x) times 2 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{repeats more than 65536 times}}
  %0 = bitnet.repeat @f(%x) times 65537 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{nests deeper than 64 calls}}
  %0 = call @f(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// expected-error @+1 {{must have one block to be interpreted}}
func.func private @layer_fn(tensor<?x4xf32>) -> tensor<?x4xf32>
func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.repeat @layer_fn(%x) times 2 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// expected-error @+1 {{argument 0: no pseudo-random value of type 'tensor<?x?xf32>'}}
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  return %x : tensor<?x?xf32>
}

// -----

func.func @f() -> tensor<?x?xi8> {
  %x = arith.constant dense<1.0> : tensor<1x4xf32>
  // expected-error @+1 {{has no meaning for a value of type 'vector<4xf32>'}}
  %v = arith.constant dense<1.0> : vector<4xf32>
  %c = tensor.empty() : tensor<1x4xi8>
  %d = tensor.cast %c : tensor<1x4xi8> to tensor<?x?xi8>
  return %d : tensor<?x?xi8>
}

// -----

func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @+1 {{has no meaning in the reference interpreter}}
  %0 = tensor.cast %x : tensor<?x4xf32> to tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// expected-error @+1 {{bitnet-interpret: no function @f}}
module {
}
