// Prepared values: which functions need which, whether they are older than the state they come from, and computing them anew.
//
// Versions: `version` counts changes of state; a state has the version of its last change, a prepare function the version at which it
// last ran. `epoch` is the version of the last change that can matter to readiness, and each function remembers the epoch in which it
// was last found ready, so that a call of a ready function costs one atomic load.
#include <algorithm>
#include <span>

#include "concat.h"
#include "memory_pages.h"
#include "model_parts.h"
#include "name_list.h"
#include "services.h"

namespace kiln::runtime {

void ModelParts::lay_out_prepared_values() {
  std::size_t bytes = 0;
  for (const PreparedValue &value : program.prepared_values())
    bytes += aligned(value.bytes);
  prepared_block = Storage::allocate(bytes);
  std::byte *place = prepared_block->data();
  for (const PreparedValue &value : program.prepared_values()) {
    prepared_pointers.push_back(place);
    place += aligned(value.bytes);
  }
  for (const Prepare &prepare : program.prepares()) {
    std::vector<void *> targets;
    for (uint32_t target : prepare.targets)
      targets.push_back(prepared_pointers[target]);
    prepare_targets_.push_back(std::move(targets));
  }
  prepared_versions_.assign(program.prepares().size(), 0);
}

namespace {

std::vector<uint32_t> sorted(std::span<const uint32_t> values) {
  std::vector<uint32_t> result(values.begin(), values.end());
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

} // namespace

void ModelParts::make_plans() {
  const auto prepares = program.prepares();
  std::vector<std::vector<uint32_t>> sources;
  for (const Prepare &prepare : prepares)
    sources.push_back(sorted(prepare.sources));
  matters_.assign(states.size(), 0);
  for (const auto &list : sources)
    for (uint32_t state : list)
      matters_[state] = 1;

  for (const Function &function : program.functions()) {
    std::vector<char> needed(prepares.size(), 0);
    for (uint32_t value : function.prepared)
      needed[program.prepared_values()[value].prepare] = 1;
    // A prepare function may read what earlier ones prepared. The descriptor does not say which, but `sources` include those of the
    // values read, so only earlier ones whose sources are among its own come into question.
    for (std::size_t i = prepares.size(); i-- > 0;)
      for (std::size_t j = 0; needed[i] && j < i; ++j)
        if (std::includes(sources[i].begin(), sources[i].end(), sources[j].begin(), sources[j].end()))
          needed[j] = 1;

    FunctionPlan plan;
    std::vector<uint32_t> read(function.reads.begin(), function.reads.end());
    for (std::size_t i = 0; i < prepares.size(); ++i) {
      if (!needed[i])
        continue;
      plan.prepares.push_back(static_cast<uint32_t>(i));
      read.insert(read.end(), sources[i].begin(), sources[i].end());
    }
    plan.states = sorted(read);
    plans.push_back(std::move(plan));
  }
  ready = std::make_unique<std::atomic<uint64_t>[]>(plans.size());
}

void ModelParts::mark_changed(std::span<const uint32_t> changed, bool complete) {
  ++version;
  for (uint32_t state : changed) {
    state_versions[state] = version;
    if (matters_[state] || !state_present[state])
      epoch = version;
    state_present[state] |= static_cast<char>(complete);
  }
}

void ModelParts::refuse_absent_state(std::size_t function) const {
  NameList absent(5);
  for (uint32_t state : plans[function].states)
    if (!state_present[state])
      absent.add(program.states()[state].path);
  if (absent.count() != 0)
    throw ValueError(concat({program.functions()[function].name, ": ", absent.count(),
                             (absent.count() == 1 ? " tensor that it reads has" : " tensors that it reads have"),
                             " no value: ", absent.text(),
                             "\n  the weights of program '", program.name(),
                             "' are kept outside the artifact: load them first (load_state_dict, --weights=FILE)"}));
}

void ModelParts::make_ready_slowly(std::size_t function, Executor &executor) {
  std::lock_guard guard(prepare_mutex_);
  if (ready[function].load(std::memory_order_relaxed) == epoch)
    return; // another caller was here while this one waited
  refuse_absent_state(function);
  for (uint32_t index : plans[function].prepares) {
    const auto sources = program.prepares()[index].sources;
    const bool stale = prepared_versions_[index] == 0 || std::any_of(sources.begin(), sources.end(), [&](uint32_t source) {
                         return state_versions[source] > prepared_versions_[index];
                       });
    if (stale)
      run_prepare(index, executor);
  }
  ready[function].store(epoch, std::memory_order_release);
}

void ModelParts::run_prepare(std::size_t index, Executor &executor) {
  const Prepare &prepare = program.prepares()[index];
  const bool is_first = prepared_versions_[index] == 0;
  std::size_t bytes = 0;
  for (uint32_t target : prepare.targets) {
    bytes += program.prepared_values()[target].bytes;
    if (is_first)
      make_pages(prepared_pointers[target], program.prepared_values()[target].bytes);
  }
  prepared_versions_[index] = 0; // while it runs, and if it fails, the value is none
  // In a process that has just begun the pool has no threads yet: small values are there before it would have them.
  constexpr std::size_t kSmall = 1 << 20;
  CallingThread alone;
  CallServices services(is_first && bytes <= kSmall ? static_cast<Executor &>(alone) : executor);
  kiln_call call = services.make_call();
  call.outputs = prepare_targets_[index].data();
  call.state = state_pointers.data();
  call.prepared = prepared_pointers.data();
  call.arena = prepare_arena_.reserve(prepare.arena_bytes, prepare.name);
  const int32_t status = prepare.descriptor->run[static_cast<int>(instruction_set)](&call);
  services.rethrow();
  if (status != KILN_OK)
    throw_status(program, std::string(prepare.name), status, call);
  prepared_versions_[index] = version;
}

} // namespace kiln::runtime
