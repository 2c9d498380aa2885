// print(model) and the summary. Expected trees are what PyTorch printed.
#include "kiln/runtime/module_tree.h"
#include "test_files.h"

namespace kiln::runtime {
namespace {

/// Builds entries in pre-order from a nested description.
struct Node {
  std::string name, type, extra_repr;
  std::vector<Node> children;
};

void flatten(const Node &node, int32_t parent, const std::string &path, std::vector<ModuleEntry> &entries) {
  const auto index = static_cast<int32_t>(entries.size());
  ModuleEntry entry;
  entry.parent = parent;
  entry.name = node.name;
  entry.path = path;
  entry.type = node.type;
  entry.extra_repr = node.extra_repr;
  entries.push_back(entry);
  for (const Node &child : node.children)
    flatten(child, index, path.empty() ? child.name : path + "." + child.name, entries);
}

std::string tree(const Node &root) {
  std::vector<ModuleEntry> entries;
  flatten(root, -1, "", entries);
  return module_tree_text(entries) + "\n";
}

Node linear(const std::string &name, int in, int out) {
  return {name, "Linear", "in_features=" + std::to_string(in) + ", out_features=" + std::to_string(out) + ", bias=True", {}};
}
Node batch_norm(const std::string &name, int features) {
  return {name,
          "BatchNorm1d",
          std::to_string(features) + ", eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True",
          {}};
}
Node dropout(const std::string &name) { return {name, "Dropout", "p=0.2, inplace=False", {}}; }

TEST(ModuleTreeTest, ShallowMLP) {
  EXPECT_EQ(tree({"", "ShallowMLP", "", {linear("fc1", 784, 128), linear("fc2", 128, 10)}}),
            read_file(data_path("ShallowMLP.print.txt")));
}

TEST(ModuleTreeTest, DeepMLP) {
  Node net{"net", "Sequential", "", {}};
  int width = 784;
  for (int hidden : {512, 256, 128}) {
    auto next = [&] { return std::to_string(net.children.size()); };
    net.children.push_back(linear(next(), width, hidden));
    net.children.push_back(batch_norm(next(), hidden));
    net.children.push_back({next(), "ReLU", "", {}});
    net.children.push_back(dropout(next()));
    width = hidden;
  }
  net.children.push_back(linear("12", width, 10));
  EXPECT_EQ(tree({"", "DeepMLP", "", {net}}), read_file(data_path("DeepMLP.print.txt")));
}

TEST(ModuleTreeTest, ResidualNetworkCollapsesEqualBlocks) {
  Node blocks{"blocks", "ModuleList", "", {}};
  for (const char *name : {"0", "1", "2", "3"})
    blocks.children.push_back(
        {name,
         "ResidualBlock",
         "",
         {linear("fc1", 256, 128), batch_norm("bn1", 128), linear("fc2", 128, 256), batch_norm("bn2", 256), dropout("dropout")}});
  EXPECT_EQ(tree({"",
                  "ResidualNetwork",
                  "",
                  {linear("input_layer", 784, 256), batch_norm("bn_input", 256), blocks, linear("output_layer", 256, 10)}}),
            read_file(data_path("ResidualNetwork.print.txt")));
}

// Several lines of extra_repr with an empty one, runs of equal blocks, empty and nested containers.
TEST(ModuleTreeTest, EveryRule) {
  auto block = [](const std::string &name, int width) {
    return Node{name, "Block", "width\n\nof the block", {linear("fc", width, width)}};
  };
  const Node root{"",
                  "Net",
                  "",
                  {{"body",
                    "Sequential",
                    "",
                    {linear("0", 3, 2), batch_norm("1", 2), {"2", "ReLU", "", {}}, {"3", "Sequential", "", {linear("0", 2, 2)}}}},
                   {"blocks", "ModuleList", "", {block("0", 2), block("1", 2), block("2", 3), block("3", 2)}},
                   {"heads", "ModuleDict", "", {linear("a", 2, 1), {"b", "Identity", "", {}}}},
                   {"nothing", "ModuleList", "", {}}}};
  EXPECT_EQ(tree(root), read_file(data_path("runtime/net.print.txt")));
}

TEST(ModuleTreeTest, SmallCases) {
  EXPECT_EQ(tree({"", "ReLU", "", {}}), "ReLU()\n");
  EXPECT_EQ(tree({"", "Lines", "a\nb", {}}), "Lines(\n  a\n  b\n)\n");
  EXPECT_EQ(tree({"", "Sequential", "", {{"0", "ReLU", "", {}}, {"1", "ReLU", "", {}}}}),
            "Sequential(\n  (0): ReLU()\n  (1): ReLU()\n)\n");
  EXPECT_EQ(module_tree_text({}), "");
  std::vector<ModuleEntry> roots(2);
  roots[0].type = "A";
  roots[1].type = "B";
  EXPECT_EQ(module_tree_text(roots), "A()\nB()");
  roots[1].parent = 1;
  roots[1].path = "b";
  EXPECT_EQ(message_of<ValueError>([&] { module_tree_text(roots); }),
            "module 'b': its parent, entry 1, must come before it, entry 1");
}

TEST(SummaryTest, TableAndTotals) {
  const std::vector<ModuleEntry> modules{
      {-1, "", "", "DeepMLP", "", "[batch, 10]", "", 0, 0},
      {0, "net", "net", "Sequential", "", "[batch, 10]", "", 0, 0},
      {1, "0", "net.0", "Linear", "", "[batch, 512]", "401408 * batch", 401920, 401920},
      {1, "1", "net.1", "BatchNorm1d", "", "[batch, 512]", "512 * batch", 1024, 0},
      {1, "2", "net.2", "ReLU", "", "", "", 0, 0},
  };
  // 401920 + 1024 = 402944; 401408 + 512 = 401920.
  EXPECT_EQ(summary_text(modules), "Layer (type)         Output shape  Parameters    Multiply-adds\n"
                                   "--------------------------------------------------------------\n"
                                   "DeepMLP              [batch, 10]\n"
                                   "net (Sequential)     [batch, 10]\n"
                                   "net.0 (Linear)       [batch, 512]     401,920  401,408 * batch\n"
                                   "net.1 (BatchNorm1d)  [batch, 512]       1,024      512 * batch\n"
                                   "net.2 (ReLU)\n"
                                   "--------------------------------------------------------------\n"
                                   "Total parameters: 402,944\n"
                                   "Trainable parameters: 401,920\n"
                                   "Non-trainable parameters: 1,024\n"
                                   "Total multiply-adds: 401,920 * batch\n");
}

TEST(SummaryTest, AddsExpressions) {
  auto total = [](std::vector<std::string> expressions) {
    std::vector<ModuleEntry> modules;
    for (const std::string &expression : expressions)
      (modules.emplace_back().type = "A", modules.back().multiply_adds = expression);
    const std::string text = summary_text(modules), label = "Total multiply-adds: ";
    return text.substr(text.find(label) + label.size());
  };
  EXPECT_EQ(total({}), "0\n");
  EXPECT_EQ(total({"1000", "2345"}), "3,345\n");
  EXPECT_EQ(total({"2 * batch * heads + 3", "batch * heads - 5", "batch"}), "3 * batch * heads - 2 + batch\n");
  EXPECT_EQ(total({"-batch + 1", "batch"}), "1\n");
  EXPECT_EQ(total({"1500 * ((batch + 1) floordiv 2)", "2 * ((batch + 1) floordiv 2)"}), "1,502 * ((batch + 1) floordiv 2)\n");
  EXPECT_EQ(total({"x1000 * 1000"}), "1,000 * x1000\n");
  EXPECT_EQ(message_of<ValueError>([&] {
              total({"9223372036854775807", "1"});
            }),
            "the sum of multiply-adds does not fit 64 bits");
}

} // namespace
} // namespace kiln::runtime
