//===- RandomWeights.cpp - Pseudo-random weights and inputs ---------------===//

#include "dialect/RandomWeights.h"
#include "dialect/ScalarMath.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

/// Elements up to which a weight or argument is made up.
static constexpr int64_t kMaxElements = int64_t(1) << 32;

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

RandomStream::RandomStream(uint64_t seed, StringRef name, int64_t index) {
  state = 0xCBF29CE484222325u; // FNV-1a of the name
  for (unsigned char c : name)
    state = (state ^ c) * 0x100000001B3u;
  state += seed * 0x9E3779B97F4A7C15u;
  state ^= next() + static_cast<uint64_t>(index);
}

uint64_t RandomStream::next() {
  state += 0x9E3779B97F4A7C15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int64_t RandomStream::integer(int64_t low, int64_t high) {
  uint64_t range = static_cast<uint64_t>(high - low) + 1;
  return low + static_cast<int64_t>((next() >> 32) * range >> 32);
}

float RandomStream::real(float low, float high) {
  return low + (high - low) * (static_cast<float>(next() >> 40) * 0x1p-24f);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// `record::weight`, which names a stream.
static std::string streamName(WeightOp weight) {
  return (weight->getParentOfType<RecordOp>().getSymName() +
          "::" + weight.getSymName())
      .str();
}

/// Rows times columns, or 0 if that is too many to make up.
static int64_t numElements(WeightOp weight) {
  int64_t rows = weight.getRows(), cols = weight.getCols();
  return rows > kMaxElements / cols ? 0 : rows * cols;
}

static int8_t randomCode(WeightQuant quant, RandomStream &random) {
  switch (quant) {
  case WeightQuant::Float:
  case WeightQuant::Sketch: // Nobody asks: it is derived.
    break;
  case WeightQuant::Int8:
    return static_cast<int8_t>(random.integer(-127, 127));
  case WeightQuant::Ternary:
    return static_cast<int8_t>(random.integer(-1, 1));
  case WeightQuant::Binary:
    return random.integer(0, 1) ? 1 : -1;
  }
  return 0;
}

FailureOr<MatrixView> RandomWeights::matrix(WeightOp weight, int64_t instance) {
  int64_t size = numElements(weight);
  if (size == 0)
    return failure();
  codes.assign(size, 1);
  scales.assign(weight.getScaleRows() * weight.getGroups(), 1.0f);
  if (!ones) {
    RandomStream random(seed, streamName(weight), instance);
    for (int8_t &code : codes)
      code = randomCode(weight.getQuant(), random);
    for (float &scale : scales)
      scale = weight.getHalfScales()
                  ? f16ToF32(f32ToF16(random.real(0.01f, 0.03f)))
                  : random.real(0.01f, 0.03f);
  }
  return MatrixView{codes, scales};
}

/// head_dim/2 cosines, then as many sines, for every position.
static void fillRopeTable(std::vector<float> &table, int64_t positions,
                          int64_t headDim) {
  int64_t half = headDim / 2;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < half; ++i) {
      double angle = static_cast<double>(p) *
                     std::pow(10000.0, -2.0 * static_cast<double>(i) / headDim);
      table[p * headDim + i] = static_cast<float>(std::cos(angle));
      table[p * headDim + half + i] = static_cast<float>(std::sin(angle));
    }
}

FailureOr<ArrayRef<float>> RandomWeights::floats(WeightOp weight,
                                                 int64_t instance) {
  int64_t size = numElements(weight);
  if (size == 0)
    return failure();
  elements.assign(size, 1.0f);
  if (weight.isMatrix()) {
    fillRopeTable(elements, weight.getRows(), weight.getCols());
  } else if (!ones) {
    RandomStream random(seed, streamName(weight), instance);
    for (float &element : elements) {
      element = random.real(0.5f, 1.5f);
      if (random.integer(0, 1) && !weight.getPositive())
        element = -element;
    }
  }
  return ArrayRef<float>(elements);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

Batch mlir::bitnet::randomBatch(ModuleOp module, int64_t tokens,
                                uint64_t seed) {
  int64_t vocabulary = int64_t(1) << 30;
  module.walk([&](EmbedOp embed) {
    if (WeightOp weight = lookupWeight(embed, embed.getWeight()))
      vocabulary = std::min(vocabulary, weight.getRows());
  });
  Batch batch;
  RandomStream random(seed, "tokens");
  int64_t first = tokens - tokens / 3; // the rest is a second sequence
  for (int64_t i = 0; i < tokens; ++i) {
    batch.tokens.push_back(
        static_cast<int32_t>(random.integer(0, vocabulary - 1)));
    batch.positions.push_back(static_cast<int32_t>(i < first ? i : i - first));
    batch.sequences.push_back(i < first ? 0 : 1);
  }
  if (first > 0)
    batch.logitsToken.push_back(static_cast<int32_t>(first - 1));
  if (first < tokens)
    batch.logitsToken.push_back(static_cast<int32_t>(tokens - 1));
  return batch;
}

/// The sums of every plane of `codes`.
static Tensor planeSums(const Tensor &codes) {
  const auto &in = std::get<Tensor::Codes>(codes.data);
  int64_t rows = codes.shape[0], planes = codes.shape[1], k = codes.shape[2];
  Tensor::Ints sums(rows * planes);
  for (int64_t i = 0; i < rows * planes * k; ++i)
    sums[i / k] += in[i];
  return Tensor::of({rows, planes}, std::move(sums));
}

template <typename Data, typename F>
static Tensor generate(ArrayRef<int64_t> shape, F element) {
  Data data(ShapedType::getNumElements(shape));
  for (auto &value : data)
    value = static_cast<typename Data::value_type>(element());
  return Tensor::of(shape, std::move(data));
}

/// A value of `type` with `rows` rows; `previous` are the arguments before it.
static FailureOr<Tensor> randomValue(RankedTensorType type, int64_t rows,
                                     ArrayRef<Tensor> previous,
                                     RandomStream random) {
  SmallVector<int64_t> shape(type.getShape());
  if (shape.empty())
    return failure();
  shape[0] = ShapedType::isDynamic(shape[0]) ? rows : shape[0];
  int64_t room = kMaxElements;
  for (int64_t dim : shape) {
    if (ShapedType::isDynamic(dim) || dim > room)
      return failure();
    room = dim ? room / dim : 0;
  }
  Type element = type.getElementType();
  if (element.isF32() && shape.size() == 1)
    return generate<Tensor::Floats>(shape,
                                    [&] { return random.real(0.001f, 0.01f); });
  if (element.isF32())
    return generate<Tensor::Floats>(shape,
                                    [&] { return random.real(-2.0f, 2.0f); });
  if (element.isInteger(1))
    return generate<Tensor::Bits>(shape, [&] { return random.integer(0, 1); });
  if (element.isInteger(8))
    return generate<Tensor::Codes>(shape,
                                   [&] { return random.integer(-127, 127); });
  if (element.isInteger(64))
    return generate<Tensor::Words>(shape, [&] { return random.next(); });
  if (!element.isInteger(32))
    return failure();
  for (const Tensor &codes : llvm::reverse(previous))
    if (shape.size() == 2 && codes.shape.size() == 3 &&
        std::holds_alternative<Tensor::Codes>(codes.data) &&
        codes.shape[0] == shape[0] && codes.shape[1] == shape[1])
      return planeSums(codes);
  return generate<Tensor::Ints>(shape,
                                [&] { return random.integer(-1000, 1000); });
}

FailureOr<std::vector<Tensor>>
mlir::bitnet::randomArguments(func::FuncOp function, int64_t rows,
                              uint64_t seed) {
  std::vector<Tensor> args;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto ranked = dyn_cast<RankedTensorType>(type);
    FailureOr<Tensor> value = failure();
    if (ranked)
      value =
          randomValue(ranked, rows, args, RandomStream(seed, "argument", i));
    if (failed(value))
      return function.emitOpError("argument ")
             << i << ": no pseudo-random value of type " << type;
    args.push_back(std::move(*value));
  }
  return args;
}
