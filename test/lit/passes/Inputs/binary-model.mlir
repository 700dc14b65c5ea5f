// A whole binary (W1A1) model in miniature, at graph level, for the tests of passes
// that look at more than one operation.
module attributes {bitnet.model = {name="t", vocab_size=128, hidden_size=64, intermediate_size=128, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=16, max_position=64, bos_token=0, eos_tokens=array<i32: 1>}} {
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [128, 64] scale_rows 128 source "e"
  bitnet.weight @rope quant float shape [64, 16] source "@rope"
  bitnet.weight @final_norm quant float shape [64] source "n"
}
bitnet.record @layer count 2 {
  bitnet.weight @attn_norm quant float shape [64] source "a"
  bitnet.weight @q quant binary shape [64, 64] scale_rows 64 source "q"
  bitnet.weight @k quant binary shape [32, 64] scale_rows 32 source "q"
  bitnet.weight @v quant binary shape [32, 64] scale_rows 32 source "q"
  bitnet.weight @o quant binary shape [64, 64] scale_rows 64 source "q"
  bitnet.weight @ffn_norm quant float shape [64] positive source "a"
  bitnet.weight @attn_bias quant float shape [64] source "b"
  bitnet.weight @gate quant binary shape [128, 64] scale_rows 128 source "q"
  bitnet.weight @up quant binary shape [128, 64] scale_rows 128 source "q"
  bitnet.weight @down quant binary shape [64, 128] scale_rows 64 source "q"
}
func.func @step() -> tensor<?x128xf32> {
  %0 = bitnet.embed @globals::@embed : tensor<?x64xf32>
  %1 = bitnet.repeat @layer_step(%0) times 2 : tensor<?x64xf32>
  %2 = bitnet.gather_logits %1 : tensor<?x64xf32>
  %3 = bitnet.rms_norm %2 gain @globals::@final_norm eps 1.0e-5 : tensor<?x64xf32>
  %4 = bitnet.linear %3, @globals::@embed input int16 : tensor<?x64xf32> -> tensor<?x128xf32>
  return %4 : tensor<?x128xf32>
}
func.func private @layer_step(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = bitnet.rms_norm %h gain @layer::@attn_norm bias @layer::@attn_bias eps 1.0e-5 : tensor<?x64xf32>
  %q0 = bitnet.linear %n, @layer::@q input sign : tensor<?x64xf32> -> tensor<?x64xf32>
  %k0 = bitnet.linear %n, @layer::@k input sign : tensor<?x64xf32> -> tensor<?x32xf32>
  %v = bitnet.linear %n, @layer::@v input sign : tensor<?x64xf32> -> tensor<?x32xf32>
  %q = bitnet.rope %q0, @globals::@rope half head_dim 16 : tensor<?x64xf32>
  %k = bitnet.rope %k0, @globals::@rope half head_dim 16 : tensor<?x32xf32>
  bitnet.kv_append %k, %v head_dim 16 : tensor<?x32xf32>
  %a = bitnet.attention %q heads 4 kv_heads 2 head_dim 16 : tensor<?x64xf32>
  %o = bitnet.linear %a, @layer::@o input sign : tensor<?x64xf32> -> tensor<?x64xf32>
  %h1 = bitnet.add %h, %o : tensor<?x64xf32>
  %m = bitnet.rms_norm %h1 gain @layer::@ffn_norm eps 1.0e-5 : tensor<?x64xf32>
  %g = bitnet.linear %m, @layer::@gate input sign : tensor<?x64xf32> -> tensor<?x128xf32>
  %u = bitnet.linear %m, @layer::@up input sign : tensor<?x64xf32> -> tensor<?x128xf32>
  %ga = bitnet.activation relu2 %g : tensor<?x128xf32>
  %f = bitnet.mul %ga, %u : tensor<?x128xf32>
  %d = bitnet.linear %f, @layer::@down input sign : tensor<?x128xf32> -> tensor<?x64xf32>
  %h2 = bitnet.add %h1, %d : tensor<?x64xf32>
  return %h2 : tensor<?x64xf32>
}
}
