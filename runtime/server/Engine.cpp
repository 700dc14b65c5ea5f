//===- Engine.cpp - Many requests over one model --------------------------===//
//
// The thread that runs steps, and the door to it: other threads leave requests
// and cancellations in an inbox that it empties before every step. All else is
// its own (Scheduler.h), so that nothing of a step needs a lock.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/Engine.h"
#include "runtime/server/Scheduler.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace bitnet::server {

/// Bytes of memory that this process may use: of the machine, or of its control
/// group.
static uint64_t memoryBytes() {
  uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                   static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream file("/sys/fs/cgroup/memory.max");
  if (uint64_t limit = 0; file >> limit && limit)
    bytes = std::min(bytes, limit);
  return bytes;
}

/// Fits the context and the pages into the memory they may have.
static bool sizeSession(const bitnet_model &model, const EngineOptions &options,
                        SessionOptions &session, std::string *error) {
  const uint64_t pageTokens = std::max(model.kv_page_tokens, 1u);
  const uint64_t pageBytes = std::max<uint64_t>(model.kv_page_bytes, 1);
  auto pagesFor = [&](uint64_t tokens) {
    return (tokens + pageTokens - 1) / pageTokens;
  };
  uint32_t context =
      options.contextLength ? options.contextLength : model.max_position;
  const uint64_t bytes = options.kvBytes ? options.kvBytes : memoryBytes() / 2;
  const uint64_t pages = bytes / pageBytes;
  if (pages < pagesFor(context)) {
    if (options.contextLength || pages == 0) {
      *error = "a context of " + std::to_string(context) + " tokens needs " +
               std::to_string(pagesFor(context) * pageBytes) +
               " bytes for keys and values, they may have " +
               std::to_string(bytes);
      return false;
    }
    context = static_cast<uint32_t>(pages * pageTokens);
  }
  session.contextLength = context;
  session.sequences = std::max(options.parallel, 1u);
  session.kvBytes = bytes;
  session.threads = options.threads;
  // A whole chunk fits beside a token of everybody.
  constexpr uint32_t kChunk = 256;
  session.maxTokens = session.sequences + kChunk;
  return true;
}

namespace {
class ThreadedEngine final : public Engine {
public:
  ThreadedEngine(std::unique_ptr<Session> made, const Tokenizer &tokenizer,
                 const EngineOptions &options)
      : session(std::move(made)), tokenizer(tokenizer),
        places(uint64_t{std::max(options.parallel, 1u)} + options.maxQueued),
        scheduler(*session, options.chunkTokens) {
    scheduler.fill(numbers);
    thread = std::thread([this] { work(); });
  }

  ~ThreadedEngine() override {
    {
      std::lock_guard lock(mutex);
      isStopping = isDraining = true;
    }
    changed.notify_all();
    thread.join();
  }

  Admission submit(Request request, std::shared_ptr<Listener> listener,
                   uint64_t *id) override {
    const auto &model = session->getModel();
    auto isToken = [&](int32_t token) {
      return token >= 0 && static_cast<uint32_t>(token) < model.vocab_size;
    };
    const size_t length = request.prompt.size();
    if (length == 0 ||
        !std::all_of(request.prompt.begin(), request.prompt.end(), isToken))
      return Admission::BadRequest;
    if (length >= contextLength())
      return Admission::TooLong;
    const uint64_t number = ++lastId;
    if (auto refusal = takePlace(); refusal != Admission::Accepted)
      return refusal;
    auto made = std::make_unique<Generation>(number, std::move(request),
                                             std::move(listener), model,
                                             tokenizer, contextLength());
    if (id)
      *id = number;
    {
      std::lock_guard lock(mutex);
      inbox.push_back(std::move(made));
    }
    changed.notify_all();
    return Admission::Accepted;
  }

  void cancel(uint64_t id) override {
    {
      std::lock_guard lock(mutex);
      cancelled.push_back(id);
    }
    changed.notify_all();
  }

  void cancelAll() override {
    {
      std::lock_guard lock(mutex);
      cancelsAll = true;
    }
    changed.notify_all();
  }

  bool drain(double seconds) override {
    std::unique_lock lock(mutex);
    isDraining = true;
    return finished.wait_for(lock, std::chrono::duration<double>(seconds),
                             [&] { return unfinished == 0; });
  }

  EngineStatistics statistics() const override {
    std::lock_guard lock(mutex);
    EngineStatistics out = numbers;
    out.waiting += static_cast<uint32_t>(inbox.size());
    return out;
  }

  uint32_t contextLength() const override { return session->contextLength(); }

private:
  /// Counts one more request, if there is room for it.
  Admission takePlace() {
    std::lock_guard lock(mutex);
    if (isDraining)
      return Admission::Stopping;
    if (unfinished >= places) {
      ++numbers.refused;
      return Admission::QueueFull;
    }
    ++unfinished;
    ++numbers.requests;
    return Admission::Accepted;
  }

  void work() {
    std::vector<Scheduler::Owner> arrived, done;
    std::vector<uint64_t> leaving;
    for (bool stop = false; !stop;) {
      bool cancelsEverybody = false;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] {
          return isStopping || cancelsAll || !inbox.empty() ||
                 !cancelled.empty() || !scheduler.isIdle();
        });
        stop = isStopping;
        cancelsEverybody = std::exchange(cancelsAll, false) || stop;
        arrived.swap(inbox);
        leaving.swap(cancelled);
      }
      for (auto &generation : arrived)
        scheduler.add(std::move(generation));
      arrived.clear();
      if (cancelsEverybody)
        scheduler.removeAll(done);
      for (uint64_t id : leaving)
        if (auto generation = scheduler.remove(id))
          done.push_back(std::move(generation));
      leaving.clear();
      for (auto &generation : done)
        generation->end(Finish::Cancelled);
      if (!stop)
        scheduler.step(done);
      report(done);
    }
  }

  /// Tells everybody what is new, after the numbers are right.
  void report(std::vector<Scheduler::Owner> &done) {
    news.clear();
    scheduler.forEachRunning([&](Generation &g) {
      if (g.hasNews())
        news.emplace_back(g.listener, g.takeEvent());
    });
    for (auto &g : done)
      news.emplace_back(g->listener, g->takeEvent());
    {
      std::lock_guard lock(mutex);
      scheduler.fill(numbers);
      for (const auto &[listener, event] : news) {
        numbers.generatedTokens += event.tokens.size();
        countEnd(event);
      }
    }
    for (auto &[listener, event] : news)
      if (listener)
        listener->on(std::move(event));
    if (done.empty())
      return;
    {
      std::lock_guard lock(mutex);
      unfinished -= done.size();
    }
    finished.notify_all();
    done.clear();
    news.clear();
  }

  void countEnd(const Event &event) {
    if (event.finish == Finish::None)
      return;
    ++(event.finish == Finish::Cancelled ? numbers.cancelled
       : event.finish == Finish::Error   ? numbers.failed
                                         : numbers.finished);
    numbers.promptSeconds += event.promptSeconds;
    numbers.generateSeconds += event.generateSeconds;
  }

  const std::unique_ptr<Session> session;
  const Tokenizer &tokenizer;
  const uint64_t places; ///< For requests, running and waiting.
  Scheduler scheduler;   ///< The thread's own.
  std::vector<std::pair<std::shared_ptr<Listener>, Event>> news;

  mutable std::mutex mutex; ///< Guards what follows.
  std::condition_variable changed, finished;
  std::vector<Scheduler::Owner> inbox;
  std::vector<uint64_t> cancelled;
  uint64_t unfinished = 0;
  EngineStatistics numbers;
  bool isStopping = false, isDraining = false, cancelsAll = false;

  std::atomic<uint64_t> lastId{0};
  std::thread thread;
};
} // namespace

std::unique_ptr<Engine> Engine::create(const bitnet_model &model,
                                       const Tokenizer &tokenizer,
                                       const EngineOptions &options,
                                       std::string *error) {
  if (*error = checkModel(model); !error->empty())
    return nullptr;
  SessionOptions sizes;
  if (!sizeSession(model, options, sizes, error))
    return nullptr;
  auto session = Session::create(model, sizes, error);
  if (!session)
    return nullptr;
  return std::make_unique<ThreadedEngine>(std::move(session), tokenizer,
                                          options);
}

} // namespace bitnet::server
