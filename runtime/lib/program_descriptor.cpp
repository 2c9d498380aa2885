// Checking a descriptor: every rule of abi.h that can be checked is, once, so that nothing after this asks again.
//
// A descriptor comes from our own compiler, but perhaps from another version of it, or from a damaged file. Structs are read with the
// artifact's own struct_size as stride, and copied: an artifact of an earlier minor version has shorter ones, and the members that
// these lack are zero in the copies.
#include <algorithm>
#include <climits>
#include <cstring>
#include <set>

#include "aligned_block.h"
#include "concat.h"
#include "program_parts.h"

namespace kiln::runtime {

namespace {

constexpr uint32_t kMaxStructSize = 4096; // far above any version's; a larger one is garbage
constexpr uint32_t kMaxRank = 64;         // as many dimensions as PyTorch's tensors have
constexpr uint32_t kMaxCudaArguments = 512; // 4 KiB of parameters, which every driver takes
constexpr uint64_t kMaxOptionNumbers = 64; // of a tuple among an optimizer's options; PyTorch's have two

/// Sizes in the first version that had the struct. Members that a later minor version appends leave these numbers as they are.
template <class T> constexpr uint32_t kFirstSize = 0;
template <> constexpr uint32_t kFirstSize<kiln_argument> = 40;
template <> constexpr uint32_t kFirstSize<kiln_function> = 144;
template <> constexpr uint32_t kFirstSize<kiln_state> = 48;
template <> constexpr uint32_t kFirstSize<kiln_state_name> = 24;
template <> constexpr uint32_t kFirstSize<kiln_prepared> = 24;
template <> constexpr uint32_t kFirstSize<kiln_prepare> = 72;
template <> constexpr uint32_t kFirstSize<kiln_module> = 56;
template <> constexpr uint32_t kFirstSize<kiln_site> = 32;
template <> constexpr uint32_t kFirstSize<kiln_program> = 120;
template <> constexpr uint32_t kFirstSize<kiln_launch> = sizeof(kiln_launch);
template <> constexpr uint32_t kFirstSize<kiln_gradient> = sizeof(kiln_gradient);
template <> constexpr uint32_t kFirstSize<kiln_option> = sizeof(kiln_option);
template <> constexpr uint32_t kFirstSize<kiln_slot> = sizeof(kiln_slot);
template <> constexpr uint32_t kFirstSize<kiln_parameter_group> = sizeof(kiln_parameter_group);
template <> constexpr uint32_t kFirstSize<kiln_optimizer> = sizeof(kiln_optimizer);
template <> constexpr uint32_t kFirstSize<kiln_cuda> = sizeof(kiln_cuda);
template <> constexpr uint32_t kFirstSize<kiln_cuda_image> = sizeof(kiln_cuda_image);
template <> constexpr uint32_t kFirstSize<kiln_cuda_kernel> = sizeof(kiln_cuda_kernel);
template <> constexpr uint32_t kFirstSize<kiln_cuda_constant> = sizeof(kiln_cuda_constant);

/// A total of sizes that a descriptor tells, in bytes that one block can have.
class Total {
public:
  /// False when there can't be so much.
  [[nodiscard]] bool add(std::size_t bytes) {
    return bytes <= static_cast<std::size_t>(LLONG_MAX) && !__builtin_add_overflow(bytes_, aligned(bytes), &bytes_) &&
           bytes_ <= static_cast<std::size_t>(LLONG_MAX);
  }

private:
  std::size_t bytes_ = 0;
};

/// A place in the descriptor, "functions[2].inputs[0].name", that is spelled out for messages only. It refers to the place that
/// it is in.
class Place {
public:
  Place(const char *name) : name_(name) {}
  Place operator/(const char *member) const { return Place(this, member, 0); }
  Place operator[](std::size_t index) const { return Place(this, nullptr, index); }

  std::string text() const {
    if (outer_ == nullptr)
      return name_;
    return name_ ? concat({outer_->text(), ".", name_}) : concat({outer_->text(), "[", index_, "]"});
  }

private:
  Place(const Place *outer, const char *name, std::size_t index) : outer_(outer), name_(name), index_(index) {}

  const Place *outer_ = nullptr;
  const char *name_; // null: an element
  std::size_t index_ = 0;
};

class DescriptorReader {
public:
  explicit DescriptorReader(ProgramParts &parts) : parts_(parts), program_(parts.descriptor) {}

  void read(const kiln_program *descriptor) {
    // The version first: with another one, nothing else need make sense. It is in the same place in all of them.
    program_.abi_major = descriptor->abi_major;
    program_.abi_minor = descriptor->abi_minor;
    if (program_.abi_major != KILN_ABI_MAJOR || program_.abi_minor > KILN_ABI_MINOR)
      fail("", {"was built for version ", program_.abi_major, ".", program_.abi_minor,
                " of the program interface, and this runtime has version ", KILN_ABI_MAJOR, ".", KILN_ABI_MINOR,
                ": build it again with a Kiln of this runtime's version"});
    check_struct_size<kiln_program>(descriptor->struct_size, "program");
    program_ = read_struct<kiln_program>(descriptor);
    text(program_.name, "name");
    check_fingerprint();
    if (std::string_view target = text(program_.target, "target"); target != "x86_64")
      fail("target", {"is '", target, "': expected 'x86_64'"});
    read_states();
    read_state_names();
    read_prepared();
    read_prepares();
    read_functions();
    read_modules();
    read_sites();
    read_training();
    read_instruction_sets();
    read_cuda();
  }

private:
  [[noreturn]] void fail(const Place &where, std::initializer_list<Piece> rule) const {
    throw FileError(parts_.origin, where.text(), concat(rule));
  }
  [[noreturn]] void fail(const Place &where, const char *rule) const { fail(where, {Piece(rule)}); }

  //===--------------------------------------------------------------------===//
  // Structs, text, indices
  //===--------------------------------------------------------------------===//

  template <class T> void check_struct_size(uint32_t size, const Place &where) const {
    static_assert(kFirstSize<T> != 0 && kFirstSize<T> <= sizeof(T) && (KILN_ABI_MINOR != 0 || kFirstSize<T> == sizeof(T)));
    const std::size_t least = program_.abi_minor == KILN_ABI_MINOR ? sizeof(T) : kFirstSize<T>;
    if (size < least || size > kMaxStructSize || size % alignof(T) != 0)
      fail(where, {"has struct_size ", size, ": expected at least ", least});
  }

  /// Calls visit(copy, where) for each struct of an array.
  template <class T, class Visit> void for_each(const T *array, uint32_t count, const Place &where, Visit visit) const {
    if (count != 0 && array == nullptr)
      fail(where, {"is null: expected ", count, " entries"});
    const auto *place = reinterpret_cast<const char *>(array);
    for (uint32_t i = 0; i < count; ++i, place += array->struct_size) {
      uint32_t size;
      std::memcpy(&size, place, sizeof size);
      check_struct_size<T>(size, where[i]);
      if (size != array->struct_size)
        fail(where[i], "has another struct_size than the first entry");
      visit(read_struct<T>(place), where[i]);
    }
  }

  std::string_view text(const char *value, const Place &where) const {
    if (value == nullptr)
      fail(where, "is null: expected text");
    return value;
  }
  std::string_view unique_name(const char *value, const Place &where, std::set<std::string_view> &taken) const {
    const std::string_view name = text(value, where);
    if (name.empty())
      fail(where, "is empty");
    if (!taken.insert(name).second)
      fail(where, {"'", name, "' is there twice"});
    return name;
  }

  template <class T> std::span<const T> array(const T *values, uint32_t count, const Place &where) const {
    if (count != 0 && values == nullptr)
      fail(where, {"is null: expected ", count, " entries"});
    return {values, count};
  }
  std::span<const uint32_t> indices(const uint32_t *values, uint32_t count, std::size_t limit, const Place &where) const {
    const auto result = array(values, count, where);
    for (std::size_t i = 0; i < result.size(); ++i)
      if (result[i] >= limit)
        fail(where[i], {"is ", result[i], ", and there are ", limit});
    return result;
  }

  DType dtype(uint32_t value, const Place &where) const {
    if (value > static_cast<uint32_t>(DType::Float64))
      fail(where, {"has the unknown dtype ", value});
    return static_cast<DType>(value);
  }
  void check_rank(uint32_t rank, const Place &where) const {
    if (rank > kMaxRank)
      fail(where, {"has ", rank, " dimensions: expected at most ", kMaxRank});
  }

  void check_fingerprint() const {
    const std::string_view fingerprint = text(program_.fingerprint, "fingerprint");
    if (fingerprint.size() != 64 || fingerprint.find_first_not_of("0123456789abcdef") != std::string_view::npos)
      fail("fingerprint", {"is '", fingerprint, "': expected 64 hexadecimal digits"});
  }

  //===--------------------------------------------------------------------===//
  // State and prepared values
  //===--------------------------------------------------------------------===//

  void read_states() {
    std::set<std::string_view> paths;
    Total total;
    for_each(program_.states, program_.state_count, "states", [&](const kiln_state &state, const Place &where) {
      if (state.kind > (program_.abi_minor == 0 ? KILN_STATE_OPTIMIZER : KILN_STATE_GENERATOR))
        fail(where, {"is of the unknown kind ", state.kind});
      check_rank(state.rank, where);
      State result{unique_name(state.path, where / "path", paths),
                   static_cast<StateKind>(state.kind),
                   dtype(state.dtype, where),
                   state.trainable != 0,
                   array(state.sizes, state.rank, where / "sizes"),
                   state.initial,
                   0};
      // The product without zeros, so that the strides fit too.
      int64_t bytes = static_cast<int64_t>(element_size(result.dtype));
      for (int64_t size : result.sizes)
        if (size < 0 || __builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes))
          fail(where / "sizes", "hold a negative size, or more bytes than there can be");
      result.bytes = std::ranges::find(result.sizes, 0) == result.sizes.end() ? static_cast<std::size_t>(bytes) : 0;
      if (!total.add(result.bytes))
        fail(where / "sizes", "make the states larger together than there can be memory");
      parts_.states.push_back(result);
    });
  }

  void read_state_names() {
    std::set<std::string_view> names;
    for_each(program_.state_names, program_.state_name_count, "state_names",
             [&](const kiln_state_name &name, const Place &where) {
               if (name.state >= parts_.states.size())
                 fail(where / "state", {"is ", name.state, ", and there are ", parts_.states.size()});
               parts_.state_names.push_back({unique_name(name.name, where / "name", names), name.state, name.persistent != 0});
             });
  }

  void read_prepared() {
    Total total;
    for_each(program_.prepared, program_.prepared_count, "prepared", [&](const kiln_prepared &prepared, const Place &where) {
      if (prepared.prepare >= program_.prepare_count)
        fail(where / "prepare", {"is ", prepared.prepare, ", and there are ", program_.prepare_count});
      if (prepared.bytes > LLONG_MAX)
        fail(where / "bytes", "is more than there can be");
      if (!total.add(static_cast<std::size_t>(prepared.bytes)))
        fail(where / "bytes", "makes the prepared values larger together than there can be memory");
      parts_.prepared.push_back(
          {text(prepared.name, where / "name"), prepared.prepare, static_cast<std::size_t>(prepared.bytes)});
    });
  }

  void read_prepares() {
    std::vector<bool> made(parts_.prepared.size());
    for_each(program_.prepares, program_.prepare_count, "prepares", [&](const kiln_prepare &prepare, const Place &where) {
      if (prepare.arena_bytes > LLONG_MAX)
        fail(where / "arena_bytes", "is more than there can be");
      Prepare result{text(prepare.name, where / "name"),
                     indices(prepare.sources, prepare.source_count, parts_.states.size(), where / "sources"),
                     indices(prepare.targets, prepare.target_count, parts_.prepared.size(), where / "targets"),
                     static_cast<std::size_t>(prepare.arena_bytes), &parts_.prepare_structs.emplace_back(prepare)};
      for (uint32_t target : result.targets) {
        if (parts_.prepared[target].prepare != parts_.prepares.size())
          fail(where / "targets", "name a value that another prepare function computes");
        made[target] = true;
      }
      parts_.prepares.push_back(result);
    });
    for (std::size_t i = 0; i < made.size(); ++i)
      if (!made[i])
        fail(Place("prepared")[i], "is the target of no prepare function");
  }

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  void read_functions() {
    std::set<std::string_view> names;
    for_each(program_.functions, program_.function_count, "functions", [&](const kiln_function &function, const Place &where) {
      Function result;
      result.name = unique_name(function.name, where / "name", names);
      std::set<std::string_view> symbols;
      for (const char *symbol : array(function.symbols, function.symbol_count, where / "symbols"))
        result.symbols.push_back(unique_name(symbol, where / "symbols", symbols));
      result.inputs = read_arguments(function.inputs, function.input_count, where / "inputs");
      result.outputs = read_arguments(function.outputs, function.output_count, where / "outputs");
      read_dims(function, result, where);
      const std::size_t states = parts_.states.size();
      result.reads = indices(function.reads, function.read_count, states, where / "reads");
      result.writes = indices(function.writes, function.write_count, states, where / "writes");
      result.prepared = indices(function.prepared, function.prepared_count, parts_.prepared.size(), where / "prepared");
      if (function.measure == nullptr)
        fail(where / "measure", "is null");
      for (const char *condition : array(function.conditions, function.condition_count, where / "conditions"))
        text(condition, where / "conditions");
      for_each(function.launches, function.launch_count, where / "launches", [&](const kiln_launch &launch, const Place &place) {
        result.launches.push_back({text(launch.kernel, place / "kernel"), text(launch.module, place / "module"),
                                   text(launch.flops, place / "flops"), text(launch.bytes, place / "bytes")});
      });
      result.descriptor = &parts_.function_structs.emplace_back(function);
      parts_.functions.push_back(std::move(result));
    });
  }

  std::vector<Argument> read_arguments(const kiln_argument *arguments, uint32_t count, const Place &where) const {
    std::vector<Argument> result;
    std::set<std::string_view> names;
    for_each(arguments, count, where, [&](const kiln_argument &argument, const Place &place) {
      check_rank(argument.rank, place);
      result.push_back({unique_name(argument.name, place / "name", names),
                        dtype(argument.dtype, place),
                        static_cast<int64_t>(argument.rank),
                        {argument.dims, argument.dims ? argument.rank : 0},
                        text(argument.shape_text, place / "shape_text")});
    });
    return result;
  }

  /// A symbol's value is that of the input dimensions that carry it, so each must be one of some input.
  void read_dims(const kiln_function &function, const Function &result, const Place &where) const {
    std::vector<bool> bound(function.symbol_count);
    for (std::size_t i = 0; i < result.inputs.size(); ++i) {
      const Argument &input = result.inputs[i];
      const Place inputs = where / "inputs", input_place = inputs[i], place = input_place / "dims";
      if (static_cast<int64_t>(input.dims.size()) != input.rank)
        fail(place, {"is null: expected ", input.rank, " entries"});
      for (const kiln_dim &dim : input.dims) {
        if (dim.symbol >= static_cast<int64_t>(function.symbol_count) || (dim.symbol < 0 && dim.value < 0))
          fail(place, "hold a negative size or an unknown symbol");
        if (dim.symbol >= 0)
          bound[static_cast<std::size_t>(dim.symbol)] = true;
      }
    }
    for (std::size_t i = 0; i < bound.size(); ++i)
      if (!bound[i])
        fail(where / "symbols", {"'", result.symbols[i], "' is a dimension of no input"});
  }

  //===--------------------------------------------------------------------===//
  // Modules, sites, instruction sets
  //===--------------------------------------------------------------------===//

  void read_modules() {
    for_each(program_.modules, program_.module_count, "modules", [&](const kiln_module &module, const Place &where) {
      if (module.parent < -1 || module.parent >= static_cast<int64_t>(parts_.modules.size()))
        fail(where / "parent", {"is ", module.parent, ": expected an earlier module, or -1"});
      ModuleEntry entry;
      entry.parent = module.parent;
      entry.name = text(module.name, where / "name");
      entry.path = text(module.path, where / "path");
      entry.type = text(module.type, where / "type");
      entry.extra_repr = text(module.extra_repr, where / "extra_repr");
      entry.output_shape = text(module.output_shape, where / "output_shape");
      entry.multiply_adds = text(module.multiply_adds, where / "multiply_adds");
      parts_.modules.push_back(std::move(entry));
    });
    count_parameters();
  }

  /// A tied parameter counts for the module that names it first, as in PyTorch's parameters().
  void count_parameters() {
    std::vector<bool> counted(parts_.states.size());
    for (const StateName &name : parts_.state_names) {
      const State &state = parts_.states[name.state];
      if (state.kind != StateKind::Parameter || counted[name.state])
        continue;
      counted[name.state] = true;
      const std::size_t dot = name.name.rfind('.');
      const std::string_view path = dot == std::string_view::npos ? "" : name.name.substr(0, dot);
      const auto module = std::find_if(parts_.modules.begin(), parts_.modules.end(),
                                       [&](const ModuleEntry &entry) { return entry.path == path; });
      if (module == parts_.modules.end())
        continue;
      const auto elements = static_cast<int64_t>(state.bytes / element_size(state.dtype));
      module->parameters += elements;
      module->trainable_parameters += state.trainable ? elements : 0;
    }
  }

  void read_sites() {
    for_each(program_.sites, program_.site_count, "sites", [&](const kiln_site &site, const Place &where) {
      parts_.sites.push_back(
          {text(site.module, where / "module"), text(site.source, where / "source"), text(site.operation, where / "operation")});
    });
  }

  //===--------------------------------------------------------------------===//
  // Training
  //===--------------------------------------------------------------------===//

  void read_training() {
    if (program_.abi_minor == 0)
      return;
    read_gradients();
    read_optimizers();
    if (program_.generator != -1)
      parts_.generator = state_of(program_.generator, StateKind::Generator, DType::Int64, kPair, "generator");
  }

  /// A state that must be of this kind, dtype and sizes.
  uint32_t state_of(int64_t index, StateKind kind, DType dtype, std::span<const int64_t> sizes, const Place &where) const {
    if (index < 0 || index >= static_cast<int64_t>(parts_.states.size()))
      fail(where, {"is ", index, ", and there are ", parts_.states.size()});
    const State &state = parts_.states[static_cast<std::size_t>(index)];
    if (state.kind != kind || state.dtype != dtype || !std::equal(state.sizes.begin(), state.sizes.end(), sizes.begin(), sizes.end()))
      fail(where, {"names state '", state.path, "', which has not the kind, dtype or sizes that it must have"});
    return static_cast<uint32_t>(index);
  }
  /// A state that must be of this kind and, like the parameter, of its dtype and sizes.
  uint32_t state_like(int64_t index, StateKind kind, uint32_t parameter, const Place &where) const {
    return state_of(index, kind, parts_.states[parameter].dtype, parts_.states[parameter].sizes, where);
  }
  uint32_t parameter_of(uint32_t index, const Place &where) const {
    if (index >= parts_.states.size())
      fail(where, {"is ", index, ", and there are ", parts_.states.size()});
    const State &state = parts_.states[index];
    if (state.kind != StateKind::Parameter)
      fail(where, {"names state '", state.path, "', which is no parameter"});
    return index;
  }
  /// Each state serves one purpose.
  void claim(uint32_t state, std::set<uint32_t> &taken, const Place &where) const {
    if (!taken.insert(state).second)
      fail(where, {"names state '", parts_.states[state].path, "', which another entry names too"});
  }

  void read_gradients() {
    std::set<uint32_t> parameters, gradients;
    for_each(program_.gradients, program_.gradient_count, "gradients", [&](const kiln_gradient &gradient, const Place &where) {
      Gradient result{};
      result.parameter = parameter_of(gradient.parameter, where / "parameter");
      claim(result.parameter, parameters, where / "parameter");
      result.state = state_like(gradient.gradient, StateKind::Gradient, result.parameter, where / "gradient");
      claim(result.state, gradients, where / "gradient");
      result.flag = gradient.flag;
      if (result.flag != parts_.gradients.size())
        fail(where / "flag", {"is ", result.flag, ": expected ", parts_.gradients.size(), ", the place of the gradient"});
      parts_.gradients.push_back(result);
    });
    const int64_t count[] = {program_.gradient_count};
    if (program_.gradient_count != 0)
      parts_.gradient_flags = state_of(program_.gradient_flags, StateKind::Gradient, DType::Bool, count, "gradient_flags");
    else if (program_.gradient_flags != -1)
      fail("gradient_flags", {"is ", program_.gradient_flags, ": expected -1, since there are no gradients"});
  }

  void read_optimizers() {
    std::set<std::string_view> names;
    std::set<uint32_t> states; // those that belong to an optimizer already
    for_each(program_.optimizers, program_.optimizer_count, "optimizers",
             [&](const kiln_optimizer &optimizer, const Place &where) {
               OptimizerDescription result{};
               result.name = unique_name(optimizer.name, where / "name", names);
               result.type = text(optimizer.type, where / "type");
               std::set<uint32_t> parameters;
               for_each(optimizer.groups, optimizer.group_count, where / "groups",
                        [&](const kiln_parameter_group &group, const Place &place) {
                          result.groups.push_back(read_group(group, place, parameters, states));
                        });
               const int64_t count[] = {static_cast<int64_t>(parameters.size())};
               result.steps = state_of(optimizer.steps, StateKind::Optimizer, DType::Float32, count, where / "steps");
               claim(result.steps, states, where / "steps");
               parts_.optimizers.push_back(std::move(result));
             });
  }

  ParameterGroup read_group(const kiln_parameter_group &group, const Place &where, std::set<uint32_t> &parameters,
                            std::set<uint32_t> &states) const {
    ParameterGroup result{};
    result.learning_rate = state_of(group.learning_rate, StateKind::Hyperparameter, DType::Float64, {}, where / "learning_rate");
    claim(result.learning_rate, states, where / "learning_rate");
    result.parameters = array(group.parameters, group.parameter_count, where / "parameters");
    for (std::size_t i = 0; i < result.parameters.size(); ++i)
      claim(parameter_of(result.parameters[i], (where / "parameters")[i]), parameters, (where / "parameters")[i]);
    std::set<std::string_view> options, slots;
    for_each(group.options, group.option_count, where / "options", [&](const kiln_option &option, const Place &place) {
      const std::string_view name = unique_name(option.name, place / "name", options);
      if (name == "lr" || name == "params")
        fail(place / "name", {"is '", name, "', which is no constant of a group"});
      result.options.emplace_back(name, option_value(option, place));
    });
    for_each(group.slots, group.slot_count, where / "slots", [&](const kiln_slot &slot, const Place &place) {
      const OptimizerSlot entry{unique_name(slot.name, place / "name", slots),
                                array(slot.states, group.parameter_count, place / "states")};
      for (std::size_t i = 0; i < entry.states.size(); ++i)
        if (entry.states[i] != -1)
          claim(state_like(entry.states[i], StateKind::Optimizer, result.parameters[i], (place / "states")[i]), states,
                (place / "states")[i]);
      result.slots.push_back(entry);
    });
    return result;
  }

  OptionValue option_value(const kiln_option &option, const Place &where) const {
    switch (option.kind) {
    case KILN_OPTION_NONE:
      return std::monostate();
    case KILN_OPTION_BOOL:
      return option.integer != 0;
    case KILN_OPTION_INT:
      return option.integer;
    case KILN_OPTION_FLOAT:
      return option.number;
    case KILN_OPTION_FLOATS: {
      if (option.number_count > kMaxOptionNumbers)
        fail(where, {"has ", option.number_count, " numbers: expected at most ", kMaxOptionNumbers});
      const auto numbers = array(option.numbers, static_cast<uint32_t>(option.number_count), where / "numbers");
      return std::vector<double>(numbers.begin(), numbers.end());
    }
    default:
      fail(where, {"is of the unknown kind ", option.kind});
    }
  }

  /// A set counts only when every function has code for it: results of one program come from one set.
  void read_instruction_sets() {
    for (int set = 0; set < KILN_ISA_COUNT; ++set) {
      auto has_code = [set](const auto &entry) { return entry.descriptor->run[set] != nullptr; };
      if (std::all_of(parts_.functions.begin(), parts_.functions.end(), has_code) &&
          std::all_of(parts_.prepares.begin(), parts_.prepares.end(), has_code))
        parts_.instruction_sets.push_back(static_cast<InstructionSet>(set));
    }
    if (parts_.instruction_sets.empty())
      fail("functions", "have no instruction set that all of them hold code for");
  }

  //===--------------------------------------------------------------------===//
  // CUDA
  //===--------------------------------------------------------------------===//

  void read_cuda() {
    if (program_.cuda == nullptr) {
      for (std::size_t i = 0; i < parts_.functions.size(); ++i)
        if (parts_.functions[i].has_cuda())
          fail(Place("functions")[i] / "run_cuda", "is set, and the program has no code for CUDA");
      return;
    }
    check_struct_size<kiln_cuda>(program_.cuda->struct_size, "cuda");
    const auto code = read_struct<kiln_cuda>(program_.cuda);
    CudaCode result;
    auto bytes = [&](const void *data, uint64_t count, const Place &where) {
      if (data == nullptr || count > LLONG_MAX)
        fail(where / "data", "is null, or more bytes than there can be");
      return std::span(static_cast<const std::byte *>(data), static_cast<std::size_t>(count));
    };
    for_each(code.images, code.image_count, "cuda.images", [&](const kiln_cuda_image &image, const Place &where) {
      const auto data = bytes(image.data, image.bytes, where);
      // PTX is text, which the driver reads up to its end.
      if (data.empty() || (image.is_ptx != 0 && data.back() != std::byte{0}))
        fail(where / "data", "is empty, or text without an end");
      result.images.push_back({image.architecture, image.is_ptx != 0, data});
    });
    if (result.images.empty())
      fail("cuda.images", "are none: expected at least one");
    std::set<std::string_view> names;
    for_each(code.kernels, code.kernel_count, "cuda.kernels", [&](const kiln_cuda_kernel &kernel, const Place &where) {
      if (kernel.threads == 0 || kernel.threads > 1024)
        fail(where / "threads", {"is ", kernel.threads, ": expected 1 to 1024"});
      if (kernel.argument_count > kMaxCudaArguments)
        fail(where / "argument_count", {"is ", kernel.argument_count, ": expected at most ", kMaxCudaArguments});
      result.kernels.push_back({unique_name(kernel.name, where / "name", names), kernel.threads, kernel.argument_count});
    });
    for_each(code.constants, code.constant_count, "cuda.constants", [&](const kiln_cuda_constant &constant, const Place &where) {
      result.constants.push_back(bytes(constant.data, constant.bytes, where));
    });
    for (std::size_t i = 0; i < parts_.functions.size(); ++i)
      if (parts_.functions[i].has_cuda() && !parts_.functions[i].writes.empty())
        fail(Place("functions")[i] / "run_cuda", "is set, and the function writes state");
    parts_.cuda = std::move(result);
  }

  static constexpr int64_t kPair[] = {2};
  ProgramParts &parts_;
  kiln_program &program_; // of parts_
};

} // namespace

void read_descriptor(ProgramParts &parts, const kiln_program *descriptor) { DescriptorReader(parts).read(descriptor); }

} // namespace kiln::runtime
