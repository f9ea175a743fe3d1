// Random changes of some files, for compilers without libFuzzer: fuzz RUNS FILE...
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
  if (count < 3) return std::fprintf(stderr, "usage: fuzz RUNS FILE...\n"), 2;
  std::vector<std::vector<char>> seeds;
  for (int i = 2; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    seeds.back().push_back('\0');
  }
  std::mt19937 draw(0);
  const long runs = std::atol(arguments[1]);
  for (long run = 0; run < runs; ++run) {
    std::vector<char> input = seeds[draw() % seeds.size()];
    for (unsigned changes = 1 + draw() % 8; changes > 0; --changes) {
      const std::size_t at = draw() % input.size();
      switch (draw() % 4) {
        case 0: input[at] = char(draw()); break;
        case 1: input[at] = char(input[at] ^ (1 << draw() % 8)); break;
        case 2: input.erase(input.begin() + std::ptrdiff_t(at), input.end()); break;
        default: input.insert(input.begin() + std::ptrdiff_t(at), 1 + draw() % 9, input[at]);
      }
      if (input.empty()) input.push_back('0');
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  std::printf("Done %ld runs\n", runs);
}
