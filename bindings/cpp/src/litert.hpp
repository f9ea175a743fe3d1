// The part of LiteRT's C API that is used here. LiteRT ships no headers beside its library, so
// these prototypes are our own; names and numbers are those of litert/c of release 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mf2_edge::litert {

using Status = int;  // 0 is success
using Environment = struct EnvironmentT*;
using Model = struct ModelT*;
using Options = struct OptionsT*;
using OpaqueOptions = struct OpaqueOptionsT*;
using CompiledModel = struct CompiledModelT*;
using Signature = struct SignatureT*;
using Tensor = struct TensorT*;
using Requirements = struct RequirementsT*;
using Buffer = struct BufferT*;

inline constexpr int kCpu = 1;
inline constexpr int kFloat32 = 1;
inline constexpr int kRead = 0;
inline constexpr int kWrite = 1;
inline constexpr int kMinimumSeverity = 25;  // tag of an environment option
inline constexpr int kIntValue = 2;
inline constexpr int kErrorsOnly = 3;
/** Key of the signature that LiteRT makes up for a model that has none. */
inline constexpr const char* kNoSignature = "<placeholder signature>";

struct TensorType {
  int element;
  struct {
    unsigned int rank : 7;
    bool has_strides : 1;
    std::int32_t dimensions[8];
    std::uint32_t strides[8];
  } layout;
};

struct EnvironmentOption {
  int tag;
  struct {
    int type;
    union {
      bool flag;
      std::int64_t number;
      double real;
      const void* pointer;
    };
  } value;
};

/** The functions of one loaded library. */
struct Functions {
  Status (*CreateEnvironment)(int, const EnvironmentOption*, Environment*);
  void (*DestroyEnvironment)(Environment);
  Status (*CreateModelFromBuffer)(Environment, const void*, std::size_t, Model*);
  void (*DestroyModel)(Model);
  Status (*CreateOptions)(Options*);
  void (*DestroyOptions)(Options);
  Status (*SetOptionsHardwareAccelerators)(Options, int);
  Status (*CreateOpaqueOptions)(const char*, void*, void (*)(void*), OpaqueOptions*);
  Status (*AddOpaqueOptions)(Options, OpaqueOptions);
  Status (*CreateCompiledModel)(Environment, Model, Options, CompiledModel*);
  void (*DestroyCompiledModel)(CompiledModel);
  Status (*GetModelSignature)(Model, std::size_t, Signature*);
  Status (*GetSignatureKey)(Signature, const char**);
  Status (*GetNumSignatureInputs)(Signature, std::size_t*);
  Status (*GetNumSignatureOutputs)(Signature, std::size_t*);
  Status (*GetSignatureOutputName)(Signature, std::size_t, const char**);
  Status (*GetSignatureInputTensorByIndex)(Signature, std::size_t, Tensor*);
  Status (*GetSignatureOutputTensorByIndex)(Signature, std::size_t, Tensor*);
  Status (*GetRankedTensorType)(Tensor, TensorType*);
  Status (*GetCompiledModelInputBufferRequirements)(CompiledModel, std::size_t, std::size_t,
                                                    Requirements*);
  Status (*GetCompiledModelOutputBufferRequirements)(CompiledModel, std::size_t, std::size_t,
                                                     Requirements*);
  Status (*CreateManagedTensorBufferFromRequirements)(Environment, const TensorType*, Requirements,
                                                      Buffer*);
  void (*DestroyTensorBuffer)(Buffer);
  Status (*LockTensorBuffer)(Buffer, void**, int);
  Status (*UnlockTensorBuffer)(Buffer);
  Status (*RunCompiledModel)(CompiledModel, std::size_t, std::size_t, Buffer*, std::size_t,
                             Buffer*);
};

/** Load the library; throws RuntimeUnavailableError. It stays loaded: its threads may outlive us. */
Functions load(const std::string& library);

}  // namespace mf2_edge::litert
