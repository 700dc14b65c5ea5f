// Calls the functions of micro-ops.mlir and compares them with plain C: dots of
// random and extreme bytes, chains of them and products of matrices, all halves
// and the floats halfway between two of them with their neighbours. For
// machines that the unit tests do not run on.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void dot(int32_t *, const uint8_t *, const int8_t *);
dot dot255, dot128, dot127, dot_even, dot_top;
dot mma;
dot chain_place, chain_top, chain_mixed;
void extend(const uint16_t *, float *);
void truncate(const float *, uint16_t *);

static int failures;
static void expect(int good, const char *what, unsigned value) {
  if (!good && failures++ < 20)
    printf("%s: %x\n", what, value);
}

// What a dot of a chain does: codes of at most `bound` after masking.
struct Step {
  int bound, mask;
};

// Every third time all codes are the largest.
static void checkChain(dot *function, const char *name,
                       const struct Step *steps, int count) {
  static const int8_t extremes[] = {-128, 127, 0, -1, 1};
  for (unsigned round = 0; round < 10000; ++round) {
    uint8_t a[6 * 64];
    int8_t b[6 * 64];
    int32_t sums[16], expected[16];
    for (int i = 0; i < count * 64; ++i) {
      int bound = steps[i / 64].bound, mask = steps[i / 64].mask;
      a[i] = mask == 255 ? rand() % (bound + 1) : rand();
      if (round % 3 == 0 || (a[i] & mask) > bound)
        a[i] = bound;
      b[i] = round % 7 == 0   ? -128
             : round % 7 == 1 ? 127
             : round % 2      ? extremes[rand() % 5]
                              : rand();
    }
    for (int i = 0; i < 16; ++i) {
      sums[i] = rand() - rand();
      uint32_t sum = sums[i];
      for (int j = 0; j < count * 4; ++j) {
        int at = j / 4 * 64 + 4 * i + j % 4;
        sum += (uint32_t)((a[at] & steps[j / 4].mask) * b[at]);
      }
      expected[i] = sum;
    }
    function(sums, a, b);
    expect(!memcmp(sums, expected, sizeof(sums)), name, round);
  }
}

static void checkDot(dot *function, const char *name, int bound, int mask) {
  struct Step step = {bound, mask};
  checkChain(function, name, &step, 1);
}

// 8 rows of weights by two tokens, of 8 columns.
static void checkMma(void) {
  static const int8_t extremes[] = {-128, 127, 0, -1, 1};
  for (unsigned round = 0; round < 10000; ++round) {
    uint8_t a[64];
    int8_t b[16];
    int32_t sums[16], expected[16];
    for (int i = 0; i < 64; ++i)
      a[i] = round % 3 ? rand() : rand() % 2 * 255;
    for (int i = 0; i < 16; ++i)
      b[i] = round % 2 ? extremes[rand() % 5] : rand();
    for (int i = 0; i < 16; ++i) {
      sums[i] = rand() - rand();
      uint32_t sum = sums[i];
      for (int j = 0; j < 8; ++j)
        sum += (uint32_t)(a[i / 2 * 8 + j] * b[i % 2 * 8 + j]);
      expected[i] = sum;
    }
    mma(sums, a, b);
    expect(!memcmp(sums, expected, sizeof(sums)), "mma", round);
  }
}

static double valueOf(uint16_t half) {
  int exponent = half >> 10 & 31, mantissa = half & 1023;
  double size = exponent == 31  ? (mantissa ? NAN : INFINITY)
                : exponent == 0 ? ldexp(mantissa, -24)
                                : ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -size : size;
}

static void checkHalves(unsigned first) {
  uint16_t halves[16], back[16];
  float floats[16];
  for (int i = 0; i < 16; ++i)
    halves[i] = first + i;
  extend(halves, floats);
  for (int i = 0; i < 16; ++i) {
    double value = valueOf(halves[i]);
    expect(isnan(value)
               ? isnan(floats[i])
               : floats[i] == value && !signbit(floats[i]) == !signbit(value),
           "extend", halves[i]);
  }
  truncate(floats, back);
  for (int i = 0; i < 16; ++i)
    if (isinf(floats[i]))
      expect(back[i] == (halves[i] & 0x8000) + 0x7bff, "saturate", halves[i]);
    else if (!isnan(floats[i]))
      expect(back[i] == halves[i], "truncate", halves[i]);
  for (int side = -1; side <= 1; ++side) {
    for (int i = 0; i < 16; ++i) {
      float middle = (valueOf(halves[i]) + valueOf(halves[i] + 1)) / 2;
      floats[i] = side ? nextafterf(middle, side * INFINITY) : middle;
    }
    truncate(floats, back);
    for (int i = 0; i < 16; ++i) {
      if ((halves[i] & 0x7fff) >= 0x7bff)
        continue;
      double low = fabs(floats[i] - valueOf(halves[i]));
      double high = fabs(floats[i] - valueOf(halves[i] + 1));
      int up = high < low || (high == low && halves[i] & 1);
      expect(back[i] == halves[i] + up, "round", halves[i]);
    }
  }
}

int main(void) {
  checkDot(dot255, "up to 255", 255, 255);
  checkDot(dot128, "up to 128", 128, 255);
  checkDot(dot127, "up to 127", 127, 255);
  checkDot(dot_even, "even", 128, 0xC0);
  checkDot(dot_top, "top", 128, 0x80);
  struct Step place[] = {{32, 48}, {32, 48}, {32, 48}, {32, 48}};
  struct Step top[] = {{128, 192}, {128, 192}, {128, 192}, {128, 192}};
  struct Step mixed[] = {{127, 127}, {3, 3},     {255, 255},
                         {12, 12},   {128, 192}, {128, 128}};
  checkChain(chain_place, "chain in place", place, 4);
  checkChain(chain_top, "chain of the highest", top, 4);
  checkChain(chain_mixed, "chain of all kinds", mixed, 6);
  checkMma();
  for (unsigned first = 0; first < 65536; first += 16)
    checkHalves(first);
  return failures != 0;
}
