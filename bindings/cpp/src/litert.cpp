#include "litert.hpp"

#include <dlfcn.h>

#include <cstdlib>

#include "mf2_edge/errors.hpp"

namespace mf2_edge::litert {

#ifdef __APPLE__
static constexpr const char* kLibrary = "libLiteRt.dylib";
#else
static constexpr const char* kLibrary = "libLiteRt.so";
#endif

static void* open(const std::string& library) {
  std::string path = library;
  const char* variable = std::getenv("MF2_EDGE_LITERT");
  if (path.empty()) path = variable ? variable : kLibrary;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle) return handle;
  const char* why = dlerror();
  throw RuntimeUnavailableError("LiteRT cannot be loaded (" + std::string(why ? why : path) +
                                "); put " + kLibrary +
                                " on the library path, or its path into MF2_EDGE_LITERT");
}

template <class Function>
static void find(void* handle, const char* name, Function& made) {
  made = reinterpret_cast<Function>(dlsym(handle, name));
  if (!made) {
    throw RuntimeUnavailableError(std::string(name) + " is not in this LiteRT; expected release 2");
  }
}

Functions load(const std::string& library) {
  void* handle = open(library);
  Functions made{};
#define MF2_EDGE_FIND(name) find(handle, "LiteRt" #name, made.name)
  MF2_EDGE_FIND(CreateEnvironment);
  MF2_EDGE_FIND(DestroyEnvironment);
  MF2_EDGE_FIND(CreateModelFromBuffer);
  MF2_EDGE_FIND(DestroyModel);
  MF2_EDGE_FIND(CreateOptions);
  MF2_EDGE_FIND(DestroyOptions);
  MF2_EDGE_FIND(SetOptionsHardwareAccelerators);
  MF2_EDGE_FIND(CreateOpaqueOptions);
  MF2_EDGE_FIND(AddOpaqueOptions);
  MF2_EDGE_FIND(CreateCompiledModel);
  MF2_EDGE_FIND(DestroyCompiledModel);
  MF2_EDGE_FIND(GetModelSignature);
  MF2_EDGE_FIND(GetSignatureKey);
  MF2_EDGE_FIND(GetNumSignatureInputs);
  MF2_EDGE_FIND(GetNumSignatureOutputs);
  MF2_EDGE_FIND(GetSignatureOutputName);
  MF2_EDGE_FIND(GetSignatureInputTensorByIndex);
  MF2_EDGE_FIND(GetSignatureOutputTensorByIndex);
  MF2_EDGE_FIND(GetRankedTensorType);
  MF2_EDGE_FIND(GetCompiledModelInputBufferRequirements);
  MF2_EDGE_FIND(GetCompiledModelOutputBufferRequirements);
  MF2_EDGE_FIND(CreateManagedTensorBufferFromRequirements);
  MF2_EDGE_FIND(DestroyTensorBuffer);
  MF2_EDGE_FIND(LockTensorBuffer);
  MF2_EDGE_FIND(UnlockTensorBuffer);
  MF2_EDGE_FIND(RunCompiledModel);
#undef MF2_EDGE_FIND
  return made;
}

}  // namespace mf2_edge::litert
