"""Checks that layers, exporter and numpy reference agree (python3 -m unittest).

Needs torch and numpy, no trained model: small random models are exported to a
temporary directory and their logits compared between torch and reference.py.
"""
import json
import os
import shutil
import tempfile
import unittest

import numpy as np
import torch

from bitlinear import BinLinear, BitLinear, Sign
from export import description, pack_binary, pack_ternary, tensors_of, write_safetensors
from model import Config, Model
from reference import Reference, unpack
from tokenizer import Tokenizer

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


class Packing(unittest.TestCase):
    def test_ternary_vector(self):
        packed = np.array([[0b10100001, 0b00011000], [0b10010000, 0b00001010]], np.uint8)
        rows = [[0, -1], [-1, 1], [-1, 1], [-1, 1], [1, 0], [0, -1], [1, -1], [1, -1]]
        self.assertEqual(unpack(packed, "hf_2bit").tolist(), rows)
        self.assertEqual(pack_ternary(np.array(rows)).tolist(), packed.tolist())

    def test_binary_is_lsb_first(self):
        row = [1, -1, -1, -1, -1, -1, -1, 1] + [-1] * 7 + [1]
        packed = pack_binary(np.array([row]))
        self.assertEqual(packed.tolist(), [[0x81, 0x80]])
        self.assertEqual(unpack(packed, "bits").tolist(), [row])


class Layers(unittest.TestCase):
    def test_binary_layer_is_its_export(self):
        torch.manual_seed(0)
        layer, x = BinLinear(64, 8), torch.randn(5, 64)
        x[0, 0] = 0.0
        weight, scale = layer.export()
        sign = torch.where(x >= 0, 1.0, -1.0)
        want = (sign @ weight.float().t()) * scale
        torch.testing.assert_close(layer(BinLinear.quantise_input(x)), want)

    def test_ternary_layer_is_its_export(self):
        torch.manual_seed(0)
        layer, x = BitLinear(64, 8), torch.randn(5, 64)
        weight, scale = layer.export()
        s = 127 / x.abs().amax(-1, keepdim=True)
        want = ((x * s).round() @ weight.float().t()) / s * scale
        torch.testing.assert_close(layer(BitLinear.quantise_input(x)), want)

    def test_sign_gradient_is_clipped(self):
        x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], requires_grad=True)
        Sign.apply(x).sum().backward()
        self.assertEqual(x.grad.tolist(), [0.0, 1.0, 1.0, 1.0, 0.0])


class Export(unittest.TestCase):
    def compare(self, name, config):
        torch.manual_seed(1)
        model = Model(config)
        with torch.no_grad():
            for key, value in model.named_parameters():
                if key.endswith("norm.bias"):
                    value.normal_(0, 0.1)
                elif key.endswith("score_scale"):
                    value.uniform_(0.5, 2)
        with tempfile.TemporaryDirectory() as folder:
            tokenizer_file = os.path.join(folder, "tokenizer.json")
            shutil.copyfile(os.path.join(EXAMPLES, name, "tokenizer.json"), tokenizer_file)
            write_safetensors(os.path.join(folder, "model.safetensors"), tensors_of(model))
            with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as f:
                json.dump(description(config, name, Tokenizer(tokenizer_file)), f)
            reference = Reference(folder)
        ids = np.random.default_rng(0).integers(3, 1000, 40).tolist()
        with torch.no_grad():
            want = model(torch.tensor([ids]))[0].numpy()
        got = reference.forward(ids)
        # A value next to a rounding boundary may go the other way: compare the bulk.
        self.assertLess(np.median(np.abs(got - want)), 1e-4)
        cache = []
        parts = [reference.forward(ids[:25], cache), reference.forward(ids[25:], cache)]
        self.assertLess(np.median(np.abs(np.concatenate(parts) - got)), 1e-4)

    def test_ternary(self):
        self.compare("story-ternary", Config(kind="ternary", layers=2))

    def test_binary(self):
        self.compare("story-w1a1", Config(kind="w1a1", layers=2, act="silu", kv_heads=8,
                                          intermediate_size=768, norm_bias=True))

    def test_binary_attention(self):
        self.compare("story-w1a1", Config(kind="w1a1-plain", layers=2, act="silu", kv_heads=4,
                                          intermediate_size=768, binary_attention=True))

    def test_binary_weights_int8(self):
        self.compare("story-w1a1", Config(kind="w1a8", layers=2, act="silu"))


if __name__ == "__main__":
    unittest.main()
