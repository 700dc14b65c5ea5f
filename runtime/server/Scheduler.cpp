//===- Scheduler.cpp - Who is in the next batch ---------------------------===//

#include "runtime/server/Scheduler.h"
#include "runtime/Cli.h"
#include <algorithm>
#include <numeric>

namespace bitnet::server {

static void insertByAge(std::vector<Scheduler::Owner> &list,
                        Scheduler::Owner generation) {
  auto place = std::upper_bound(
      list.begin(), list.end(), generation,
      [](const auto &a, const auto &b) { return a->id < b->id; });
  list.insert(place, std::move(generation));
}

void Scheduler::add(Owner generation) {
  insertByAge(waiting, std::move(generation));
}

Scheduler::Owner Scheduler::remove(uint64_t id) {
  for (auto *list : {&waiting, &running})
    for (auto it = list->begin(); it != list->end(); ++it)
      if ((*it)->id == id) {
        Owner generation = std::move(*it);
        list->erase(it);
        leave(*generation);
        return generation;
      }
  return nullptr;
}

void Scheduler::removeAll(std::vector<Owner> &removed) {
  for (auto *list : {&waiting, &running})
    while (!list->empty())
      removed.push_back(remove(list->back()->id));
}

/// Gives back everything that `g` has in the KV cache; full pages stay in the
/// prefix cache until their place is needed.
void Scheduler::leave(Generation &g) {
  if (g.sequence < 0)
    return;
  kv.release(g.sequence);
  while (!g.nodes.empty()) {
    prefixes.release(g.nodes.back());
    g.nodes.pop_back();
  }
  g.sequence = -1;
  g.computed = 0;
}

/// Takes the following full pages of `g` from the prefix cache as far as they
/// are there. At least one token is left to compute: the answer starts from its
/// logits.
void Scheduler::sharePrompt(Generation &g) {
  if (g.scoresPrompt())
    return;
  const uint32_t size = kv.tokensPerPage();
  while (g.computed == g.nodes.size() * size && g.left() > size) {
    const int32_t node =
        prefixes.find(g.nodes.empty() ? PrefixCache::root : g.nodes.back(),
                      std::span(g.tokens()).subspan(g.computed, size));
    if (node == PrefixCache::none)
      return;
    prefixes.acquire(node);
    kv.map(g.sequence, static_cast<uint32_t>(g.nodes.size()),
           prefixes.page(node));
    g.nodes.push_back(node);
    counters.cachedTokens += g.share(size);
  }
}

/// Puts pages that are full now into the prefix cache, or uses the ones that
/// are there already.
void Scheduler::keepPages(Generation &g) {
  const uint32_t size = kv.tokensPerPage();
  while ((g.nodes.size() + 1) * size <= g.computed) {
    const auto index = static_cast<uint32_t>(g.nodes.size());
    const int32_t parent = g.nodes.empty() ? PrefixCache::root : g.nodes.back();
    const auto content = std::span(g.tokens()).subspan(index * size, size);
    int32_t node = prefixes.find(parent, content);
    if (node == PrefixCache::none) {
      node = prefixes.insert(parent, content, kv.pageAt(g.sequence, index));
    } else {
      prefixes.acquire(node);
      kv.map(g.sequence, index, prefixes.page(node));
    }
    g.nodes.push_back(node);
  }
}

void Scheduler::admit() {
  while (!waiting.empty()) {
    Generation &g = *waiting.front();
    g.sequence = kv.createSequence();
    if (g.sequence < 0)
      return;
    sharePrompt(g);
    // All of its text must fit, and a page for everybody who runs, or it would
    // be suspended again at once.
    const uint64_t needed =
        pagesFor(g.size() + 1) - g.nodes.size() + running.size();
    if (!running.empty() && needed > pagesAvailable()) {
      leave(g);
      return;
    }
    if (g.begin())
      counters.promptTokens += g.size();
    insertByAge(running, std::move(waiting.front()));
    waiting.erase(waiting.begin());
  }
}

void Scheduler::suspend(size_t index) {
  Owner generation = std::move(running[index]);
  running.erase(running.begin() + static_cast<ptrdiff_t>(index));
  leave(*generation);
  ++counters.preemptions;
  insertByAge(waiting, std::move(generation));
}

/// Pages for the next `tokens` of `g`, from the free ones, from the prefix
/// cache or from the youngest; false if that was `g` itself.
bool Scheduler::makeRoom(Generation &g, uint32_t count) {
  while (!kv.prepareWrite(g.sequence, g.computed, g.computed + count)) {
    if (prefixes.evict())
      continue;
    suspend(running.size() - 1);
    if (g.sequence < 0)
      return false;
  }
  return true;
}

/// Whether an older request is about to compute the page that `g` needs next.
bool Scheduler::waitsForOlder(const Generation &g) const {
  if (g.scoresPrompt())
    return false;
  const uint32_t end =
      (g.computed / kv.tokensPerPage() + 1) * kv.tokensPerPage();
  if (end >= g.size())
    return false;
  for (const Owner &older : running) {
    if (older.get() == &g)
      return false;
    if (older->left() > 1 && older->computed < end &&
        older->computed >= g.computed && older->size() >= end &&
        std::equal(g.tokens().begin(), g.tokens().begin() + end,
                   older->tokens().begin()))
      return true;
  }
  return false;
}

/// Every answer gets its token. Of the rest, the oldest prompt gets a half, so
/// that it is done some time; the shortest ones get what is left, so that a
/// short question does not wait for a long text.
void Scheduler::plan() {
  batch.clear();
  uint32_t room = session.maxTokens();
  std::vector<Generation *> prompts;
  StepTokens answers;
  for (Owner &g : running) {
    if (g->left() > 1)
      sharePrompt(*g);
    if (g->left() > 1) {
      prompts.push_back(g.get());
    } else if (room) {
      batch.push_back({g.get(), 1});
      answers.add(g->computed, 1);
      --room;
    }
  }
  std::erase_if(prompts, [&](Generation *g) { return waitsForOlder(*g); });
  if (prompts.empty())
    return;
  if (!batch.empty()) {
    uint32_t position = 0;
    for (const Generation *g : prompts)
      position = std::max(position, g->computed);
    room =
        std::min(room, chunk ? chunk : times.promptBeside(answers, position));
  }
  std::vector<uint32_t> share(prompts.size(), 0);
  // Rows of logits, as long as the vocabulary.
  uint32_t scored = 32;
  auto give = [&](size_t i, uint32_t most) {
    const bool scores = prompts[i]->scoresPrompt();
    if (scores)
      most = std::min(most, scored);
    const uint32_t more = std::min(prompts[i]->left() - share[i], most);
    share[i] += more;
    room -= more;
    if (scores)
      scored -= more;
  };
  give(0, (room + 1) / 2);
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(prompts[a]->left(), a) < std::pair(prompts[b]->left(), b);
  });
  for (size_t i : order)
    give(i, room);
  for (size_t i = 0; i < prompts.size(); ++i)
    if (share[i])
      batch.push_back({prompts[i], share[i]});
}

void Scheduler::runBatch() {
  tokens.clear();
  positions.clear();
  sequences.clear();
  logitsTokens.clear();
  rows.clear();
  uint32_t topK = 1;
  StepTokens answers, prompts;
  auto wantRow = [&](const Entry &entry, int32_t scoredToken) {
    rows.push_back({entry.generation, scoredToken});
    // A row whose best k are wanted is the same with more, so one number for
    // all is no influence on each other.
    const uint32_t needed = entry.generation->logitsNeeded();
    topK = needed && topK ? std::max(topK, needed) : 0;
  };
  for (const Entry &entry : batch) {
    const Generation &g = *entry.generation;
    const bool wantsLogits = entry.tokens == g.left();
    (g.left() == 1 ? answers : prompts).add(g.computed, entry.tokens);
    for (uint32_t i = 0; i < entry.tokens; ++i) {
      tokens.push_back(g.tokens()[g.computed + i]);
      positions.push_back(static_cast<int32_t>(g.computed + i));
      sequences.push_back(g.sequence);
      const bool isScored = g.scores(g.computed + i);
      if (!isScored && !(wantsLogits && i + 1 == entry.tokens))
        continue;
      logitsTokens.push_back(static_cast<int32_t>(tokens.size()) - 1);
      wantRow(entry, isScored ? positions.back() : -1);
    }
  }
  const auto count = static_cast<uint32_t>(tokens.size());
  const double start = now();
  session.step({count, static_cast<uint32_t>(logitsTokens.size()),
                tokens.data(), positions.data(), sequences.data(),
                logitsTokens.data(), topK, 0});
  const double seconds = now() - start;
  // Rows of logits beside the usual ones cost as much as layers.
  if (rows.size() <= batch.size())
    times.add(answers, prompts, seconds);
  ++counters.steps;
  counters.stepTokens += count;
}

void Scheduler::step(std::vector<Owner> &done) {
  admit();
  plan();
  for (const Entry &entry : batch)
    if (entry.generation->sequence >= 0)
      makeRoom(*entry.generation, entry.tokens);
  std::erase_if(
      batch, [](const Entry &entry) { return entry.generation->sequence < 0; });
  if (batch.empty())
    return;
  runBatch();
  for (const Entry &entry : batch) {
    entry.generation->advance(entry.tokens);
    keepPages(*entry.generation);
  }
  session.forEach(static_cast<uint32_t>(rows.size()), [&](uint32_t i) {
    const auto [generation, scored] = rows[i];
    const std::span<const float> logits(session.logits(i),
                                        session.getModel().vocab_size);
    if (scored < 0)
      generation->sample(logits);
    else
      generation->score(static_cast<uint32_t>(scored), logits);
  });
  for (const Row &row : rows)
    if (row.scored < 0 && !row.generation->take())
      done.push_back(remove(row.generation->id));
}

void Scheduler::fill(EngineStatistics &out) const {
  out.promptTokens = counters.promptTokens;
  out.cachedTokens = counters.cachedTokens;
  out.steps = counters.steps;
  out.stepTokens = counters.stepTokens;
  out.preemptions = counters.preemptions;
  out.running = static_cast<uint32_t>(running.size());
  out.waiting = static_cast<uint32_t>(waiting.size());
  out.pagesTotal = kv.pagesTotal();
  out.pagesCached = prefixes.size();
  out.pagesInUse = kv.pagesInUse() - prefixes.unused();
}

} // namespace bitnet::server
