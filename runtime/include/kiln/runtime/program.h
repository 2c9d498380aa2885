// A compiled program: the checked, readable form of an artifact's descriptor.
//
// A Program is a handle: copying one shares the artifact, which stays loaded as long as a Program or a Model of it lives. All that it
// returns (text, sizes, initial values) lies in the artifact or in the handle's shared part and lives as long. A Program is immutable
// and may be used by any number of threads. To run one, make a Model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kiln/runtime/abi.h"
#include "kiln/runtime/dtype.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/export.h"
#include "kiln/runtime/module_tree.h"

namespace kiln::runtime {

struct ProgramParts;

/// Instruction sets that an artifact can hold code for, in ascending order; the numbers are those of abi.h.
enum class InstructionSet : uint8_t {
  X86_64_V2 = KILN_ISA_X86_64_V2,
  X86_64_V3 = KILN_ISA_X86_64_V3,
  X86_64_V4 = KILN_ISA_X86_64_V4,
};

/// "v2", "v3", "v4": the spelling of KILN_ISA.
KILN_API std::string_view name(InstructionSet set);
/// The best set that this processor and its operating system support. Throws Error on a processor below x86-64-v2.
KILN_API InstructionSet cpu_instruction_set();
/// cpu_instruction_set(), or the lower one that the environment variable KILN_ISA names. Throws ValueError when that is no
/// instruction set or one that the processor lacks.
KILN_API InstructionSet requested_instruction_set();

/// An input or output of a function.
struct KILN_API Argument {
  std::string_view name;
  DType dtype;
  int64_t rank;
  std::span<const kiln_dim> dims; ///< of an input; empty for an output, whose sizes follow from the inputs'
  std::string_view shape_text;    ///< "[batch, 784]"

  /// "float32 [batch, 784]".
  std::string type_text() const;
};

/// A step of a function: one kernel over all its data. The counts are expressions in the function's symbols.
struct Launch {
  std::string_view kernel; ///< "f32_packed_linear_784x512_bias_relu"
  std::string_view module; ///< path; empty for none
  std::string_view flops;  ///< "803840 * batch": floating-point operations, a multiply-add being two
  std::string_view bytes;  ///< of what it reads and what it writes, each once
};

/// A function of the program.
struct KILN_API Function {
  std::string_view name;
  std::vector<std::string_view> symbols; ///< named dimensions: "batch"
  std::vector<Argument> inputs, outputs;
  std::span<const uint32_t> reads, writes; ///< indices into states()
  std::span<const uint32_t> prepared;      ///< indices into prepared_values()
  const kiln_function *descriptor;
  std::vector<Launch> launches; ///< in order; empty where the artifact tells nothing of them

  /// Whether it can run on CUDA; otherwise it runs on the processor, also when the model is on CUDA.
  bool has_cuda() const { return descriptor->run_cuda != nullptr; }
  /// "predict(x: float32 [batch, 784]) -> (output: float32 [batch, 10])".
  std::string declaration() const;
};

enum class StateKind : uint8_t {
  Parameter = KILN_STATE_PARAMETER,
  Buffer = KILN_STATE_BUFFER,
  Optimizer = KILN_STATE_OPTIMIZER,
  Gradient = KILN_STATE_GRADIENT,
  Hyperparameter = KILN_STATE_HYPERPARAMETER,
  Generator = KILN_STATE_GENERATOR,
};

/// One storage: a parameter, a buffer, or what training keeps beside them (gradients, values of optimizers, learning rates, the seed
/// of random numbers). Only parameters and buffers have names in the module tree.
struct State {
  std::string_view path;
  StateKind kind;
  DType dtype;
  bool trainable;
  std::span<const int64_t> sizes;
  const void *initial; ///< contiguous; null: zeros for gradients and optimizers, else the weights are kept outside the artifact
  std::size_t bytes;
};

/// A name in the module tree; several may name one state (tied weights).
struct StateName {
  std::string_view name;
  uint32_t state;  ///< index into states()
  bool persistent; ///< part of state_dict()
};

/// A value derived from state alone, such as a packed weight.
struct PreparedValue {
  std::string_view name;
  uint32_t prepare; ///< index into prepares()
  std::size_t bytes;
};

/// Computes prepared values from state and from values that earlier entries prepared. `sources` holds every state that they depend
/// on, also by way of other prepared values.
struct Prepare {
  std::string_view name;
  std::span<const uint32_t> sources; ///< indices into states()
  std::span<const uint32_t> targets; ///< indices into prepared_values()
  std::size_t arena_bytes;
  const kiln_prepare *descriptor;
};

/// The gradient of a parameter as it is between calls.
struct Gradient {
  uint32_t parameter, state; ///< indices into states()
  uint32_t flag;             ///< index into the state gradient_flags(): whether the gradient is not None
};

/// An entry of PyTorch's param_groups: None, a number or a tuple of numbers.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::vector<double>>;

/// What an optimizer keeps for each parameter of a group, "exp_avg".
struct OptimizerSlot {
  std::string_view name;
  std::span<const int32_t> states; ///< indices into states(), one a parameter; -1: none
};

/// Parameters that an optimizer treats alike.
struct ParameterGroup {
  uint32_t learning_rate;               ///< index into states(): one float64
  std::span<const uint32_t> parameters; ///< indices into states()
  /// The entries of param_groups that compiled code holds as constants, in PyTorch's order, without lr and params.
  std::vector<std::pair<std::string_view, OptionValue>> options;
  std::vector<OptimizerSlot> slots; ///< in PyTorch's order
};

struct OptimizerDescription {
  std::string_view name; ///< "optimizer"
  std::string_view type; ///< "Adam"
  uint32_t steps;        ///< index into states(): float32, how often each parameter was updated, through all groups
  std::vector<ParameterGroup> groups;
};

/// A place in the model's source that an error of compiled code can name.
struct Site {
  std::string_view module, source, operation;
};

/// Code for CUDA devices: machine code for one architecture, or PTX for it and later ones.
struct CudaImage {
  uint32_t architecture; ///< 80 for sm_80
  bool is_ptx;
  std::span<const std::byte> bytes;
};

/// A kernel in every image.
struct CudaKernel {
  std::string_view name;
  uint32_t threads, argument_count;
};

struct CudaCode {
  std::vector<CudaImage> images;
  std::vector<CudaKernel> kernels;
  std::vector<std::span<const std::byte>> constants;
};

class KILN_API Program {
public:
  /// Loads an artifact (a shared library). Throws FileError when there is no such file, when it is cut short, no shared library, made
  /// for another processor, when it exports no program or several, or when its descriptor breaks a rule of abi.h.
  static Program load(const std::string &path);
  /// A program that is linked into this one. The descriptor must outlive every handle. Throws FileError as `load` does.
  static Program from(const kiln_program *descriptor);

  std::string_view name() const;
  /// 64 hexadecimal digits over module paths, types, options, state names, shapes, dtypes and ties.
  std::string_view fingerprint() const;
  std::string_view target() const; ///< "x86_64"
  /// Where the program came from: the path given to `load`, or the descriptor's symbol.
  const std::string &origin() const;

  std::span<const Function> functions() const;
  std::span<const State> states() const;
  /// In the order of state_dict().
  std::span<const StateName> state_names() const;
  std::span<const PreparedValue> prepared_values() const;
  std::span<const Prepare> prepares() const;
  /// The module tree in pre-order.
  std::span<const ModuleEntry> modules() const;
  std::span<const Site> sites() const;
  /// Gradients that are there between calls, in the order of their flags.
  std::span<const Gradient> gradients() const;
  /// The state that says which gradients are not None, bool [gradients().size()]; none without gradients.
  std::optional<uint32_t> gradient_flags() const;
  /// In order of construction.
  std::span<const OptimizerDescription> optimizers() const;
  /// The state that holds seed and offset of random numbers, int64 [2].
  std::optional<uint32_t> generator() const;
  /// Code for CUDA devices; null where the artifact holds none.
  const CudaCode *cuda() const;

  /// Index of a function. Throws KeyError, listing the functions there are.
  std::size_t function_index(std::string_view name) const;
  /// Index of an optimizer. Throws KeyError, listing the optimizers there are.
  std::size_t optimizer_index(std::string_view name) const;
  /// Type of the model's root module, for messages: "DeepMLP"; the program's name where it has no module.
  std::string_view model_type() const;

  /// The instruction sets that the artifact holds complete code for, ascending.
  std::vector<InstructionSet> instruction_sets() const;
  /// The best of them that is not above `wanted`. Throws Error when there is none.
  InstructionSet select_instruction_set(InstructionSet wanted) const;

private:
  explicit Program(std::shared_ptr<const ProgramParts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const ProgramParts> parts_;
};

} // namespace kiln::runtime
