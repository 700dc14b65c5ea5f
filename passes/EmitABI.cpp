//===- EmitABI.cpp - The model descriptor and its entry point -------------===//
//
// The only pass that sees runtime/abi. It wraps the lowered `step` in the C
// signature of bitnet_step_fn, gives bitnet_next its body, and writes the
// constant `<prefix>_model` from what earlier passes left on the module:
//
//   bitnet.model {name, vocab_size, ...}      graph builder
//   bitnet.workspace_per_token, _fixed        plan-memory
//   bitnet.kv_page_bytes                      lower-to-vector
//   bitnet.num_parameters, weight_bytes_per_token, summary,
//   screened_bytes_per_token, screened_row_bytes             select-kernels
//   bitnet.weights_hash, tokenizer, chat_template, compiler  driver (optional)
//
// Of a program for several targets every module defines <prefix>_variant_<i>,
// and that of the first target the descriptor, which points to all of them.
//
// Longer than most files, because no other pass may see runtime/abi.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"
#include "passes/lower/Emitter.h"
#include "runtime/abi/bitnet_abi.h"
#include "targets/Cpu.h"
#include "targets/Object.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_EMITABI
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

enum class FieldKind { U32, U64, Pointer, Hash };

struct Field {
  FieldKind kind;
  size_t offset;
};

constexpr size_t sizeOfKind(FieldKind kind) {
  return kind == FieldKind::U32 ? 4 : kind == FieldKind::Hash ? 32 : 8;
}

/// The fields of bitnet_model, in order; a blob is a pointer and a size.
#define FIELD(kind, name)                                                      \
  Field { FieldKind::kind, offsetof(bitnet_model, name) }
constexpr Field kFields[] = {
    FIELD(U32, magic),
    FIELD(U32, abi_version),
    FIELD(U32, struct_size),
    FIELD(U32, arch),
    FIELD(U64, required_features),
    FIELD(Pointer, name),
    FIELD(Pointer, target),
    FIELD(Pointer, compiler),
    FIELD(Pointer, summary),
    FIELD(U32, vocab_size),
    FIELD(U32, hidden_size),
    FIELD(U32, intermediate_size),
    FIELD(U32, num_layers),
    FIELD(U32, num_heads),
    FIELD(U32, num_kv_heads),
    FIELD(U32, head_dim),
    FIELD(U32, max_position),
    FIELD(U32, logits_stride),
    FIELD(U32, kv_page_tokens),
    FIELD(U64, kv_page_bytes),
    FIELD(U64, workspace_bytes_fixed),
    FIELD(U64, workspace_bytes_per_token),
    FIELD(U64, num_parameters),
    FIELD(U64, weight_bytes_per_token),
    FIELD(U64, screened_bytes_per_token),
    FIELD(U32, screened_row_bytes),
    FIELD(U32, screen_max_k),
    FIELD(Hash, model_hash),
    FIELD(U64, weights_begin),
    FIELD(U64, weights_end),
    FIELD(Pointer, tokenizer.data),
    FIELD(U64, tokenizer.size),
    FIELD(Pointer, chat_template.data),
    FIELD(U64, chat_template.size),
    FIELD(U32, bos_token),
    FIELD(U32, num_eos_tokens),
    FIELD(Pointer, eos_tokens),
    FIELD(Pointer, step),
    FIELD(Pointer, variants),
    FIELD(U32, num_variants),
    FIELD(U32, reserved),
};
#undef FIELD

/// The fields of bitnet_variant.
#define FIELD(kind, name)                                                      \
  Field { FieldKind::kind, offsetof(bitnet_variant, name) }
constexpr Field kVariantFields[] = {
    FIELD(U64, required_features),
    FIELD(Pointer, target),
    FIELD(Pointer, summary),
    FIELD(U64, workspace_bytes_fixed),
    FIELD(U64, workspace_bytes_per_token),
    FIELD(Pointer, step),
};
#undef FIELD

template <size_t N>
constexpr bool areContiguous(const Field (&fields)[N], size_t size) {
  size_t end = 0;
  for (Field field : fields) {
    if (field.offset != end)
      return false;
    end += sizeOfKind(field.kind);
  }
  return end == size;
}
static_assert(areContiguous(kFields, sizeof(bitnet_model)),
              "kFields must list every field of bitnet_model in order");
static_assert(areContiguous(kVariantFields, sizeof(bitnet_variant)),
              "kVariantFields must list every field of bitnet_variant");

class AbiEmitter {
public:
  AbiEmitter(ModuleOp module, const Cpu &cpu, StringRef prefix,
             ArrayRef<StringRef> targets)
      : module(module), cpu(cpu), prefix(prefix), targets(targets),
        b(module.getContext()), loc(module.getLoc()),
        ptr(LLVM::LLVMPointerType::get(b.getContext())), i32(b.getI32Type()),
        i64(b.getI64Type()) {}

  LogicalResult run();

private:
  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(b, loc, type,
                                    b.getIntegerAttr(type, value));
  }
  Value fieldAddress(Value base, size_t offset) {
    return LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{int32_t(offset)});
  }
  Value loadField(Type type, Value base, size_t offset) {
    return LLVM::LoadOp::create(b, loc, type, fieldAddress(base, offset));
  }
  Value loadCount(Value base, size_t offset) {
    return LLVM::ZExtOp::create(b, loc, i64, loadField(i32, base, offset));
  }
  /// A private constant; returns a reference for an initialiser.
  std::string addData(StringRef name, StringRef bytes);
  int64_t number(StringRef attribute) {
    auto value = module->getAttrOfType<IntegerAttr>(attribute);
    return value ? value.getInt() : 0;
  }
  StringRef text(StringRef attribute) {
    auto value = module->getAttrOfType<StringAttr>(attribute);
    return value ? value.getValue() : StringRef();
  }

  void defineNext(LLVM::LLVMFuncOp function);
  LLVM::LLVMFuncOp emitEntry(LLVM::LLVMFuncOp step);
  LLVM::LLVMStructType structType(ArrayRef<Field> fields);
  uint64_t requiredFeatures();
  std::string emitVariant(size_t index, StringRef target, StringRef summary,
                          StringRef entry);
  std::string emitVariants(StringRef target, StringRef summary,
                           StringRef entry);
  void emitDescriptor(DictionaryAttr model, LLVM::LLVMFuncOp entry);

  ModuleOp module;
  const Cpu &cpu;
  StringRef prefix;
  ArrayRef<StringRef> targets; ///< Of the program, if there are several.
  OpBuilder b;
  Location loc;
  Type ptr, i32, i64;
};

/// Fills a constant of a structure, field by field.
class Initializer {
public:
  Initializer(OpBuilder &b, LLVM::GlobalOp global)
      : b(b), loc(global.getLoc()),
        ptr(LLVM::LLVMPointerType::get(b.getContext())) {
    b.setInsertionPointToStart(b.createBlock(&global.getInitializerRegion()));
    value = LLVM::ZeroOp::create(b, loc, global.getGlobalType());
  }

  void constant(Type type, Attribute attribute) {
    insert(LLVM::ConstantOp::create(b, loc, type, attribute));
  }
  void u32(int64_t number) {
    constant(b.getI32Type(), b.getI32IntegerAttr(number));
  }
  void u64(int64_t number) {
    constant(b.getI64Type(), b.getI64IntegerAttr(number));
  }
  /// The address of `symbol`, null without a name.
  void pointer(StringRef symbol) {
    if (symbol.empty())
      insert(LLVM::ZeroOp::create(b, loc, ptr));
    else
      insert(LLVM::AddressOfOp::create(b, loc, ptr, symbol));
  }
  void finish([[maybe_unused]] size_t fields) {
    assert(next == static_cast<int64_t>(fields) && "field forgotten");
    LLVM::ReturnOp::create(b, loc, value);
  }

private:
  void insert(Value element) {
    value = LLVM::InsertValueOp::create(b, loc, value, element,
                                        ArrayRef<int64_t>{next++});
  }

  OpBuilder &b;
  Location loc;
  Type ptr;
  Value value;
  int64_t next = 0;
};
} // namespace

/// Asks the team for work unless it is one thread.
void AbiEmitter::defineNext(LLVM::LLVMFuncOp function) {
  Block *entry = function.addEntryBlock(b);
  Block *call = function.addBlock(), *single = function.addBlock();
  Value team = entry->getArgument(0), thread = entry->getArgument(1),
        threads = entry->getArgument(2), items = entry->getArgument(3),
        grain = entry->getArgument(4), alone = entry->getArgument(5);
  auto narrow = [&](Value value) -> Value {
    return LLVM::TruncOp::create(b, loc, i32, value);
  };
  b.setInsertionPointToStart(entry);
  Value several = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ugt,
                                       threads, constant(i64, 1));
  LLVM::CondBrOp::create(b, loc, several, call, single);
  b.setInsertionPointToStart(call);
  Value target = loadField(ptr, team, offsetof(bitnet_team, next));
  auto type = LLVM::LLVMFunctionType::get(i64, {ptr, i32, i32, i32});
  Value range = LLVM::CallOp::create(b, loc, type,
                                     ValueRange{target, team, narrow(thread),
                                                narrow(items), narrow(grain)})
                    .getResult();
  LLVM::ReturnOp::create(b, loc, range);
  b.setInsertionPointToStart(single);
  LLVM::ReturnOp::create(b, loc, alone);
}

/// void <prefix>_step(model, context, batch, logits, team, thread): unpacks the
/// structures into the environment of the lowered step. A memref argument is
/// five values there: two pointers, offset, size and stride.
LLVM::LLVMFuncOp AbiEmitter::emitEntry(LLVM::LLVMFuncOp step) {
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {ptr, ptr, ptr, ptr, ptr, i32});
  b.setInsertionPointToEnd(module.getBody());
  auto entry = LLVM::LLVMFuncOp::create(b, loc, (prefix + "_step").str(), type,
                                        LLVM::Linkage::Internal);
  entry.setPassthroughAttr(b.getStrArrayAttr({kEntryAttribute}));
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  Value context = block->getArgument(1), batch = block->getArgument(2),
        logits = block->getArgument(3), team = block->getArgument(4);

  SmallVector<Value> env(static_cast<size_t>(Env::Count));
  auto at = [&](Env which) -> Value & {
    return env[static_cast<size_t>(which)];
  };
#define CONTEXT(name) offsetof(bitnet_context, name)
#define BATCH(name) offsetof(bitnet_batch, name)
  at(Env::Weights) = loadField(ptr, context, CONTEXT(weights));
  at(Env::Workspace) = loadField(ptr, context, CONTEXT(workspace));
  at(Env::KVPages) = loadField(ptr, context, CONTEXT(kv_pages));
  at(Env::PageTable) = loadField(ptr, context, CONTEXT(page_table));
  at(Env::PagesPerSequence) = loadCount(context, CONTEXT(pages_per_sequence));
  at(Env::MaxTokens) = loadCount(context, CONTEXT(max_tokens));
  at(Env::Token) = loadField(ptr, batch, BATCH(token));
  at(Env::Position) = loadField(ptr, batch, BATCH(position));
  at(Env::Sequence) = loadField(ptr, batch, BATCH(sequence));
  at(Env::LogitsToken) = loadField(ptr, batch, BATCH(logits_token));
  at(Env::Tokens) = loadCount(batch, BATCH(num_tokens));
  at(Env::LogitRows) = loadCount(batch, BATCH(num_logits));
  at(Env::TopK) = loadCount(batch, BATCH(top_k));
#undef CONTEXT
#undef BATCH
  at(Env::Logits) = logits;
  at(Env::Thread) = LLVM::ZExtOp::create(b, loc, i64, block->getArgument(5));
  at(Env::Threads) = loadCount(team, offsetof(bitnet_team, num_threads));
  at(Env::Layer) = constant(i64, 0);
  at(Env::Layers) =
      loadCount(block->getArgument(0), offsetof(bitnet_model, num_layers));
  at(Env::Team) = team;

  SmallVector<Value> arguments;
  Value zero = constant(i64, 0), one = constant(i64, 1);
  Value unbounded = constant(i64, std::numeric_limits<int64_t>::max());
  for (auto [type, value] : llvm::zip(envTypes(b.getContext()), env))
    if (isa<MemRefType>(type))
      llvm::append_range(arguments,
                         ArrayRef<Value>{value, value, zero, unbounded, one});
    else
      arguments.push_back(value);
  LLVM::CallOp::create(b, loc, step, arguments);
  LLVM::ReturnOp::create(b, loc, ValueRange{});
  return entry;
}

std::string AbiEmitter::addData(StringRef name, StringRef bytes) {
  std::string symbol = (prefix + "_" + name).str();
  b.setInsertionPointToEnd(module.getBody());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true,
                         LLVM::Linkage::Internal, symbol,
                         b.getStringAttr(bytes), /*alignment=*/64);
  return symbol;
}

LLVM::LLVMStructType AbiEmitter::structType(ArrayRef<Field> fields) {
  SmallVector<Type> types;
  auto hashType = LLVM::LLVMArrayType::get(b.getI8Type(), 32);
  for (Field f : fields)
    types.push_back(f.kind == FieldKind::U32       ? i32
                    : f.kind == FieldKind::U64     ? i64
                    : f.kind == FieldKind::Pointer ? ptr
                                                   : Type(hashType));
  return LLVM::LLVMStructType::getLiteral(b.getContext(), types);
}

uint64_t AbiEmitter::requiredFeatures() {
  uint64_t features = 0;
#define FEATURE_BIT(bit, suffix, name)                                         \
  if (cpu.hasFeature(name))                                                    \
    features |= uint64_t(1) << bit;
  BITNET_CPU_FEATURES(FEATURE_BIT)
#undef FEATURE_BIT
  return features;
}

/// The variant of this module, for the descriptor in another one or this.
std::string AbiEmitter::emitVariant(size_t index, StringRef target,
                                    StringRef summary, StringRef entry) {
  std::string name = (prefix + "_variant_" + Twine(index)).str();
  b.setInsertionPointToEnd(module.getBody());
  auto global = LLVM::GlobalOp::create(
      b, loc, structType(kVariantFields), /*isConstant=*/true,
      index ? LLVM::Linkage::External : LLVM::Linkage::Internal, name,
      Attribute(), /*alignment=*/64);
  Initializer value(b, global);
  value.u64(static_cast<int64_t>(requiredFeatures()));
  value.pointer(target);
  value.pointer(summary);
  value.u64(number(kFixedWorkspaceAttr));
  value.u64(number(kWorkspaceAttr));
  value.pointer(entry);
  value.finish(std::size(kVariantFields));
  return name;
}

/// The variant of this module, and the list of all of them.
std::string AbiEmitter::emitVariants(StringRef target, StringRef summary,
                                     StringRef entry) {
  SmallVector<std::string> names = {emitVariant(0, target, summary, entry)};
  b.setInsertionPointToEnd(module.getBody());
  for (size_t i = 1; i < targets.size(); ++i) {
    names.push_back((prefix + "_variant_" + Twine(i)).str());
    LLVM::GlobalOp::create(b, loc, structType(kVariantFields),
                           /*isConstant=*/true, LLVM::Linkage::External,
                           names.back(), Attribute());
  }
  std::string list = (prefix + "_variants").str();
  auto global = LLVM::GlobalOp::create(
      b, loc, LLVM::LLVMArrayType::get(ptr, names.size()), /*isConstant=*/true,
      LLVM::Linkage::Internal, list, Attribute(), /*alignment=*/64);
  Initializer value(b, global);
  for (const std::string &name : names)
    value.pointer(name);
  value.finish(names.size());
  return list;
}

void AbiEmitter::emitDescriptor(DictionaryAttr model, LLVM::LLVMFuncOp entry) {
  auto field = [&](StringRef name) {
    return cast<IntegerAttr>(model.get(name)).getInt();
  };
  auto cString = [](StringRef value) {
    return std::string(value.data(), value.size()) + '\0';
  };
  std::string target = addData("target", cString(cpu.name));
  std::string summary = addData("summary", cString(text("bitnet.summary")));
  if (!targets.empty() && targets[0] != cpu.name) {
    emitVariant(llvm::find(targets, cpu.name) - targets.begin(), target,
                summary, entry.getSymName());
    return;
  }
  std::string variants =
      targets.empty() ? "" : emitVariants(target, summary, entry.getSymName());

  int64_t arch = cpu.arch == "x86_64"    ? BITNET_ARCH_X86_64
                 : cpu.arch == "aarch64" ? BITNET_ARCH_AARCH64
                                         : BITNET_ARCH_RISCV64;
  std::string name =
      addData("name", cString(cast<StringAttr>(model.get("name"))));
  std::string compiler = addData("compiler", cString(text("bitnet.compiler")));
  StringRef tokenizerBytes = text("bitnet.tokenizer");
  StringRef templateBytes = text("bitnet.chat_template");
  std::string tokenizer =
      tokenizerBytes.empty() ? "" : addData("tokenizer", tokenizerBytes);
  std::string chatTemplate =
      templateBytes.empty() ? "" : addData("chat_template", templateBytes);
  ArrayRef<int32_t> eos = cast<DenseI32ArrayAttr>(model.get("eos_tokens"));
  StringRef eosBytes(reinterpret_cast<const char *>(eos.data()),
                     eos.size() * 4);
  std::string eosTokens = eos.empty() ? "" : addData("eos_tokens", eosBytes);
  std::string hash(32, '\0');
  if (!text("bitnet.weights_hash").empty())
    hash = llvm::fromHex(text("bitnet.weights_hash"));

  b.setInsertionPointToEnd(module.getBody());
  auto global = LLVM::GlobalOp::create(
      b, loc, structType(kFields), /*isConstant=*/true, LLVM::Linkage::External,
      (prefix + "_model").str(), Attribute(),
      /*alignment=*/64);
  Initializer value(b, global);
  int64_t vocab = field("vocab_size");
  value.u32(BITNET_ABI_MAGIC);
  value.u32(BITNET_ABI_VERSION);
  value.u32(sizeof(bitnet_model));
  value.u32(arch);
  value.u64(static_cast<int64_t>(requiredFeatures()));
  value.pointer(name);
  value.pointer(target);
  value.pointer(compiler);
  value.pointer(summary);
  value.u32(vocab);
  for (StringRef shape :
       {"hidden_size", "intermediate_size", "num_layers", "num_heads",
        "num_kv_heads", "head_dim", "max_position"})
    value.u32(field(shape));
  value.u32(llvm::alignTo(vocab, kRowPad));
  value.u32(kPageTokens);
  value.u64(number("bitnet.kv_page_bytes"));
  value.u64(number(kFixedWorkspaceAttr));
  value.u64(number(kWorkspaceAttr));
  value.u64(number("bitnet.num_parameters"));
  value.u64(number("bitnet.weight_bytes_per_token"));
  value.u64(number("bitnet.screened_bytes_per_token"));
  value.u32(number("bitnet.screened_row_bytes"));
  value.u32(number("bitnet.screened_row_bytes") ? kMaxTopK : 0);
  value.constant(LLVM::LLVMArrayType::get(b.getI8Type(), 32),
                 b.getStringAttr(hash));
  value.u64(0); // weights_begin and weights_end are the linker step's.
  value.u64(0);
  value.pointer(tokenizer);
  value.u64(tokenizerBytes.size());
  value.pointer(chatTemplate);
  value.u64(templateBytes.size());
  value.u32(field("bos_token"));
  value.u32(eos.size());
  value.pointer(eosTokens);
  value.pointer(entry.getSymName());
  value.pointer(variants);
  value.u32(targets.size());
  value.u32(0);
  value.finish(std::size(kFields));
}

LogicalResult AbiEmitter::run() {
  auto step = module.lookupSymbol<LLVM::LLVMFuncOp>("step");
  auto model = module->getAttrOfType<DictionaryAttr>("bitnet.model");
  if (!step || !model)
    return module.emitError("has no lowered 'step' function or no "
                            "'bitnet.model' attribute");
  auto next = module.lookupSymbol<LLVM::LLVMFuncOp>(kNextFunction);
  if (next && next.isExternal())
    defineNext(next);
  LLVM::LLVMFuncOp entry = emitEntry(step);
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
  emitDescriptor(model, entry);
  for (auto record : llvm::make_early_inc_range(module.getOps<RecordOp>()))
    record.erase();
  // The translation to LLVM IR knows no attributes of ours.
  SmallVector<StringAttr> ours;
  for (NamedAttribute attribute : module->getDiscardableAttrs())
    if (attribute.getName().getValue().starts_with("bitnet."))
      ours.push_back(attribute.getName());
  for (StringAttr attribute : ours)
    module->removeDiscardableAttr(attribute);
  return success();
}

namespace {
struct EmitABIPass : bitnet::impl::EmitABIBase<EmitABIPass> {
  using EmitABIBase::EmitABIBase;

  void runOnOperation() override {
    const Cpu *cpu = lookupCpu(target);
    if (!cpu) {
      getOperation().emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    SmallVector<StringRef> targets;
    StringRef(shared).split(targets, ',', /*MaxSplit=*/-1,
                            /*KeepEmpty=*/false);
    if (!targets.empty() && !llvm::is_contained(targets, target)) {
      getOperation().emitError()
          << "target '" << target << "' is not one of '" << shared << "'";
      return signalPassFailure();
    }
    if (failed(AbiEmitter(getOperation(), *cpu, prefix, targets).run()))
      signalPassFailure();
  }
};
} // namespace
