// Linked into a program, throws inside libstdc++ and catches outside, before
// main: "caught", if the bundle of the runtime kept the tables of exceptions
// whole. Needs no header of the architecture that it is compiled for.
extern "C" void _exit(int);
extern "C" int puts(const char *);
extern "C" int fflush(void *);
namespace std {
[[noreturn]] void __throw_length_error(const char *);
}

static int destroyed = 0;
struct Local {
  ~Local() { ++destroyed; }
};

[[gnu::constructor]] static void test() {
  try {
    Local local;
    std::__throw_length_error("thrown");
  } catch (...) {
    puts(destroyed == 1 ? "caught" : "not unwound");
    fflush(nullptr);
    _exit(0);
  }
}
