// Finding the descriptor's symbol in an artifact: reads the ELF dynamic symbol table, since the symbol's name is not known and
// dlopen can neither list symbols nor be trusted with a truncated file (touching a page past its end is a bus error).
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include <elf.h>

#include "file_io.h"
#include "kiln/runtime/error.h"
#include "program_parts.h"

namespace kiln::runtime {

namespace {

constexpr std::string_view kPrefix = "kiln_program_";

/// The parts of an ELF file that dynamic linking uses. Every read is checked against the file's end.
class ElfFile {
public:
  ElfFile(const std::string &path, std::string_view bytes) : path_(path), bytes_(bytes) {
    check_header();
    read_segments();
    read_dynamic_section();
  }

  /// Names of defined global symbols that begin with kiln_program_.
  std::vector<std::string> program_symbols() const {
    std::vector<std::string> names;
    const uint64_t count = symbol_count();
    for (uint64_t i = 1; i < count; ++i) {
      const auto symbol = at_address<Elf64_Sym>(add(symbols_, multiply(i, sizeof(Elf64_Sym))), "dynamic symbol table");
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL)
        continue;
      const std::string_view name = text(symbol.st_name);
      if (!name.starts_with(kPrefix))
        continue;
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC)
        fail(std::string(name), "is a function: expected a program descriptor");
      names.emplace_back(name);
    }
    return names;
  }

private:
  [[noreturn]] void fail(const std::string &where, const std::string &rule) const {
    throw FileError(path_, where, rule);
  }
  [[noreturn]] void fail_truncated(const std::string &where, uint64_t end) const {
    fail(where, "the file is cut short: it has " + std::to_string(bytes_.size()) + " bytes, and this ends at byte " +
                    std::to_string(end));
  }

  // Addresses and sizes come from the file; a sum that overflows is as wrong as one that is too large.
  uint64_t add(uint64_t a, uint64_t b) const {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
  }
  uint64_t multiply(uint64_t a, uint64_t b) const {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
  }

  template <class T> T at_offset(uint64_t offset, const char *where) const {
    const uint64_t end = add(offset, sizeof(T));
    if (end > bytes_.size())
      fail_truncated(where, end);
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  template <class T> T at_address(uint64_t address, const char *where) const {
    const uint64_t end = add(address, sizeof(T));
    for (const Elf64_Phdr &segment : segments_)
      if (address >= segment.p_vaddr && end <= add(segment.p_vaddr, segment.p_filesz))
        return at_offset<T>(address - segment.p_vaddr + segment.p_offset, where);
    fail(where, "address " + std::to_string(address) + " is in no segment of the file");
  }

  void check_header() {
    if (bytes_.empty())
      fail("", "is empty: expected a shared library that kiln built");
    if (bytes_.starts_with("!<arch>\n"))
      fail("", "is a static library: link it into a program; only a shared library (.so) can be loaded");
    if (!bytes_.starts_with(ELFMAG))
      fail("", "is not an ELF file: expected a shared library that kiln built");
    header_ = at_offset<Elf64_Ehdr>(0, "ELF header");
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB ||
        header_.e_machine != EM_X86_64)
      fail("ELF header", "is for another processor (machine " + std::to_string(header_.e_machine) +
                             "): expected x86-64, machine " + std::to_string(EM_X86_64));
    if (header_.e_type == ET_REL)
      fail("ELF header", "is an object file: link it into a program; only a shared library (.so) can be loaded");
    if (header_.e_type == ET_EXEC)
      fail("ELF header", "is an executable: run it; only a shared library (.so) can be loaded");
    if (header_.e_type != ET_DYN)
      fail("ELF header", "is no shared library (ELF type " + std::to_string(header_.e_type) + ")");
    const uint64_t sections_end = add(header_.e_shoff, multiply(header_.e_shnum, header_.e_shentsize));
    if (header_.e_shoff != 0 && sections_end > bytes_.size())
      fail_truncated("section headers", sections_end);
  }

  void read_segments() {
    if (header_.e_phentsize != sizeof(Elf64_Phdr))
      fail("ELF header", "has program headers of " + std::to_string(header_.e_phentsize) + " bytes: expected " +
                             std::to_string(sizeof(Elf64_Phdr)));
    bool interpreter = false;
    for (uint64_t i = 0; i < header_.e_phnum; ++i) {
      const auto segment = at_offset<Elf64_Phdr>(add(header_.e_phoff, i * sizeof(Elf64_Phdr)), "program headers");
      interpreter |= segment.p_type == PT_INTERP;
      if (segment.p_type == PT_DYNAMIC)
        dynamic_ = segment;
      if (segment.p_type != PT_LOAD)
        continue;
      if (const uint64_t end = add(segment.p_offset, segment.p_filesz); end > bytes_.size())
        fail_truncated("segment " + std::to_string(i), end);
      segments_.push_back(segment);
    }
    if (interpreter)
      fail("ELF header", "is an executable: run it; only a shared library (.so) can be loaded");
    if (dynamic_.p_type != PT_DYNAMIC)
      fail("program headers", "has no dynamic segment: expected a shared library");
  }

  void read_dynamic_section() {
    for (uint64_t i = 0; i < dynamic_.p_filesz / sizeof(Elf64_Dyn); ++i) {
      const auto entry = at_offset<Elf64_Dyn>(add(dynamic_.p_offset, i * sizeof(Elf64_Dyn)), "dynamic segment");
      if (entry.d_tag == DT_NULL)
        break;
      switch (entry.d_tag) {
      case DT_SYMTAB:
        symbols_ = entry.d_un.d_ptr;
        break;
      case DT_STRTAB:
        strings_ = entry.d_un.d_ptr;
        break;
      case DT_STRSZ:
        strings_size_ = entry.d_un.d_val;
        break;
      case DT_HASH:
        hash_ = entry.d_un.d_ptr;
        break;
      case DT_GNU_HASH:
        gnu_hash_ = entry.d_un.d_ptr;
        break;
      default:
        break;
      }
    }
    if (symbols_ == 0 || strings_ == 0 || (hash_ == 0 && gnu_hash_ == 0))
      fail("dynamic segment", "has no symbol table");
  }

  /// The dynamic symbol table does not say its length; the hash table over it does.
  uint64_t symbol_count() const {
    if (hash_ != 0) // buckets, chains; one chain entry a symbol
      return at_address<uint32_t>(add(hash_, 4), "hash table");
    const auto header = at_address<GnuHash>(gnu_hash_, "hash table");
    const uint64_t buckets = add(add(gnu_hash_, sizeof(GnuHash)), multiply(header.bloom_words, 8));
    const uint64_t chains = add(buckets, multiply(header.bucket_count, 4));
    uint64_t last = 0;
    for (uint64_t i = 0; i < header.bucket_count; ++i)
      last = std::max<uint64_t>(last, at_address<uint32_t>(add(buckets, i * 4), "hash table"));
    if (last < header.first_symbol)
      return header.first_symbol;
    // The chain of the last bucket ends the table: its last entry has the lowest bit set.
    while ((at_address<uint32_t>(add(chains, (last - header.first_symbol) * 4), "hash table") & 1) == 0)
      ++last;
    return last + 1;
  }

  std::string_view text(uint64_t offset) const {
    std::string_view result;
    if (offset < strings_size_) {
      at_address<char>(add(strings_, strings_size_ - 1), "string table");
      for (const Elf64_Phdr &segment : segments_)
        if (strings_ >= segment.p_vaddr && add(strings_, strings_size_) <= add(segment.p_vaddr, segment.p_filesz))
          result = bytes_.substr(strings_ - segment.p_vaddr + segment.p_offset + offset, strings_size_ - offset);
    }
    const std::size_t end = result.find('\0');
    if (end == std::string_view::npos)
      fail("string table", "a symbol's name is not inside it");
    return result.substr(0, end);
  }

  struct GnuHash {
    uint32_t bucket_count, first_symbol, bloom_words, bloom_shift;
  };

  const std::string &path_;
  std::string_view bytes_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_; // those that are loaded
  Elf64_Phdr dynamic_{};
  uint64_t symbols_ = 0, strings_ = 0, strings_size_ = 0, hash_ = 0, gnu_hash_ = 0; // addresses
};

} // namespace

std::string find_program_symbol(const std::string &path) {
  const std::shared_ptr<MappedFile> file = MappedFile::open(path);
  const std::vector<std::string> names = ElfFile(path, file->text(0, file->size())).program_symbols();
  if (names.empty())
    throw FileError(path, "", "exports no symbol kiln_program_*: expected a shared library that kiln built");
  if (names.size() > 1)
    throw FileError(path, "", "exports several programs (" + names[0] + ", " + names[1] +
                                  (names.size() > 2 ? ", ..." : "") + "): expected one");
  return names[0];
}

} // namespace kiln::runtime
