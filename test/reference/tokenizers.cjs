// Hugging Face's tokenizers library with the command line of
// `bitnetc tokenize`, for comparison.
//
// usage: tokenizers.cjs --tokenizer PATH [--no-bos] [--decode] [--skip-special]
//
// PATH is a tokenizer.json, or a folder with GPT-2's vocab.json and merges.txt.
// NODE_PATH: where the package is. Exit code 77: it is not there.

const fs = require("fs");
const path = require("path");

let tokenizers;
try {
  tokenizers = require("tokenizers");
} catch (error) {
  console.error("skipped: " + error.message.split("\n")[0]);
  process.exit(77);
}

// What transformers makes of these two files.
function gpt2(folder) {
  const vocab = JSON.parse(fs.readFileSync(path.join(folder, "vocab.json")));
  const merges = fs.readFileSync(path.join(folder, "merges.txt"), "utf8")
    .split("\n").filter((line) => line && !line.startsWith("#version"));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false,
                      trim_offsets: true, use_regex: true };
  const end = "<|endoftext|>";
  return JSON.stringify({
    version: "1.0",
    added_tokens: [{ id: vocab[end], content: end, special: true,
                     lstrip: false, rstrip: false, single_word: false,
                     normalized: false }],
    normalizer: null, pre_tokenizer: byteLevel, post_processor: null,
    decoder: byteLevel, model: { type: "BPE", vocab, merges },
  });
}

async function main() {
  const has = (name) => process.argv.includes(name);
  const file = process.argv[process.argv.indexOf("--tokenizer") + 1];
  const tokenizer = fs.statSync(file).isDirectory()
    ? tokenizers.Tokenizer.fromString(gpt2(file))
    : tokenizers.Tokenizer.fromFile(file);
  const inputs = fs.readFileSync(0, "utf8").split("\n").filter(Boolean)
    .map((line) => JSON.parse(line));
  const step = 1000;
  for (let i = 0; i < inputs.length; i += step) {
    const part = inputs.slice(i, i + step);
    const out = has("--decode")
      ? await tokenizer.decodeBatch(part, has("--skip-special"))
      : (await tokenizer.encodeBatch(part,
            { addSpecialTokens: !has("--no-bos") })).map((e) => e.getIds());
    fs.writeSync(1, out.map((line) => JSON.stringify(line) + "\n").join(""));
  }
}

main().catch((error) => {
  console.error("error: " + error.message);
  process.exit(1);
});
