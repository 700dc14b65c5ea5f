//===- Session.cpp - A model with memory and threads ----------------------===//

#include "runtime/Session.h"
#include "runtime/ReadBandwidth.h"
#include <algorithm>
#include <numeric>

namespace bitnet {

std::string checkModel(const bitnet_model &model) {
  if (model.magic != BITNET_ABI_MAGIC)
    return "this is not a compiled bitnetc model";
  if (model.abi_version != BITNET_ABI_VERSION ||
      model.struct_size != sizeof(bitnet_model))
    return "the model has ABI version " + std::to_string(model.abi_version) +
           ", this runtime needs version " +
           std::to_string(BITNET_ABI_VERSION) +
           "; compile it again with the bitnetc of this runtime";
  return "";
}

std::unique_ptr<Session> Session::create(const bitnet_model &model,
                                         const SessionOptions &options,
                                         std::string *error) {
  if (*error = checkModel(model); !error->empty())
    return nullptr;
  const uint32_t contextLength =
      options.contextLength ? options.contextLength : model.max_position;
  if (contextLength > model.max_position) {
    *error = "the model was compiled for a context of " +
             std::to_string(model.max_position) + " tokens, " +
             std::to_string(contextLength) + " were asked for";
    return nullptr;
  }
  std::unique_ptr<Session> session(new Session(model));
  session->team = ThreadTeam::create(options.threads, error);
  if (!session->team)
    return nullptr;

  bitnet_context &context = session->context;
  const auto maxTokens = static_cast<uint32_t>(std::clamp<uint64_t>(
      options.maxTokens, 1, uint64_t{contextLength} * options.sequences));
  if (!session->cache.init(model, options.sequences, contextLength,
                           options.kvBytes, error) ||
      !session->workspace.allocate(model.workspace_bytes_fixed +
                                       maxTokens *
                                           model.workspace_bytes_per_token,
                                   "the workspace", error) ||
      !session->logitsMemory.allocate(uint64_t{maxTokens} *
                                          model.logits_stride * sizeof(float),
                                      "the logits", error))
    return nullptr;
  context.weights =
      options.weights ? options.weights
                      : reinterpret_cast<const uint8_t *>(model.weights_begin);
  context.workspace = session->workspace.data();
  context.kv_pages = session->cache.pages();
  context.page_table = session->cache.pageTable();
  context.pages_per_sequence = session->cache.pagesPerSequence();
  context.max_tokens = maxTokens;
  session->lengths.assign(options.sequences, 0);
  if (model.weights_end > model.weights_begin)
    adviseHugePages(reinterpret_cast<const void *>(model.weights_begin),
                    model.weights_end - model.weights_begin);
  return session;
}

int32_t Session::createSequence() {
  int32_t sequence = cache.createSequence();
  if (sequence >= 0)
    lengths[sequence] = 0;
  return sequence;
}

int32_t Session::fork(int32_t source, uint32_t count) {
  count = std::min(count, lengths[source]);
  int32_t sequence = cache.fork(source, count);
  if (sequence >= 0)
    lengths[sequence] = count;
  return sequence;
}

void Session::release(int32_t sequence) {
  cache.release(sequence);
  lengths[sequence] = 0;
}

void Session::truncate(int32_t sequence, uint32_t count) {
  count = std::min(count, lengths[sequence]);
  cache.truncate(sequence, count);
  lengths[sequence] = count;
}

void Session::step(const bitnet_batch &batch) {
  auto *out = reinterpret_cast<float *>(logitsMemory.data());
  team->run([&](bitnet_team *threads, uint32_t thread) {
    model.step(&model, &context, &batch, out, threads, thread);
  });
}

double Session::readWeights() {
  if (model.weights_end <= model.weights_begin)
    return 0;
  return measureReadBandwidth(*team, context.weights,
                              model.weights_end - model.weights_begin);
}

bool Session::append(int32_t sequence, std::span<const int32_t> tokens,
                     Want want, std::string *error, const ChunkDone &done) {
  error->clear();
  for (int32_t id : tokens)
    if (id < 0 || static_cast<uint32_t>(id) >= model.vocab_size) {
      *error = "token " + std::to_string(id) + " is not in the vocabulary of " +
               std::to_string(model.vocab_size) + " tokens";
      return false;
    }
  const uint32_t start = lengths[sequence];
  if (tokens.size() > contextLength() - start) {
    *error = std::to_string(start + tokens.size()) +
             " tokens do not fit into the context of " +
             std::to_string(contextLength());
    return false;
  }
  while (!tokens.empty()) {
    const auto count = static_cast<uint32_t>(
        std::min<size_t>(tokens.size(), context.max_tokens));
    const uint32_t position = lengths[sequence];
    if (!cache.prepareWrite(sequence, position, position + count)) {
      *error = "all " + std::to_string(cache.pagesTotal()) +
               " pages of the KV cache are in use";
      return false;
    }
    positions.resize(count);
    std::iota(positions.begin(), positions.end(),
              static_cast<int32_t>(position));
    sequences.assign(count, sequence);
    logitsTokens.clear();
    if (want == Want::All) {
      logitsTokens.resize(count);
      std::iota(logitsTokens.begin(), logitsTokens.end(), 0);
    } else if (want == Want::Last && count == tokens.size()) {
      logitsTokens.push_back(static_cast<int32_t>(count) - 1);
    }
    step({count, static_cast<uint32_t>(logitsTokens.size()), tokens.data(),
          positions.data(), sequences.data(), logitsTokens.data(), topK, 0});
    lengths[sequence] += count;
    tokens = tokens.subspan(count);
    if (done && !done(count))
      return false;
  }
  return true;
}

} // namespace bitnet
